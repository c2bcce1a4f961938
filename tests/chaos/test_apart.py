"""Each run has a process, a folder and a limit of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.chaos.apart import run_apart
from tests.chaos.run import Plan

pytestmark = pytest.mark.slow


def test_a_run_that_does_not_end_is_ended_and_shows_where_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Plan, "limit", 10.0)
    found = run_apart(Plan(seed=1, seconds=600, engines=1, faults=[]), keep=False)
    assert found.complaints == ["the run did not end within 10 s, and was ended"]
    said = capfd.readouterr()
    assert "in _under_faults" in said.err
    (folder,) = re.findall("logs and notes are in (.*)", said.out)
    (log,) = Path(folder).glob("ipython/*/log/ipcontroller-*.log")
    assert "Fatal Python error: Aborted" in log.read_text()
    shutil.rmtree(folder)
