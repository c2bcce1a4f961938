"""Where it is decided whether a change may land, no testbed may be missing."""

from __future__ import annotations

import re

import pytest

from tests import ROOT
from tests.testbeds import need

BEDS = ROOT / "scripts" / "testbeds"


def test_what_decides_needs_each_of_them() -> None:
    decides = (ROOT / ".ci" / "run").read_text()
    (named,) = re.findall("REQUIRED_TESTBEDS='(.*)'", decides)
    beds = [path.name for path in BEDS.iterdir() if "\nbed=" in path.read_text()]
    assert sorted(named.split()) == sorted(beds)


def test_one_that_is_missing_is_skipped_unless_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUIRED_TESTBEDS", "slurm hosts")
    need("hosts", "")
    with pytest.raises(pytest.fail.Exception, match="no hosts"):
        need("hosts", "no hosts")
    with pytest.raises(pytest.skip.Exception, match="no sshd"):
        need("sshd", "no sshd")
