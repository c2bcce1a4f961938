"""Short runs of `scripts/soak`: nobody grows much, and nobody is called dead."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: In so short a time, what is still warming up grows by less than this, MiB.
GROWTH = 40


@pytest.mark.parametrize("what", ["--minutes 0.2", "--clients 150", "--engines 15"])
def test_nothing_grows_and_nobody_is_called_dead(tmp_path: Path, what: str) -> None:
    file = tmp_path / "found.json"
    words = f"{what} --n 2 --every 0.2 --growth {GROWTH} --json {file}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.soak", *words.split()],
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert not found["complaints"]
    assert {"client", "controller", "agent"} <= set(found["trends"])
