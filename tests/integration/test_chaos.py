"""A short run of `scripts/chaos`: a cluster is struck at random, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.apart import can_mount
from tests.system.hosts import why_not
from tests.testbeds import need

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: Another one each time would find more, but a failure here is to be had again.
SEED = 6


@pytest.mark.parametrize(
    "faults", ["engines clients controller", "engines cut", "engines --full-disk"]
)
def test_nothing_is_lost_and_nothing_hangs(tmp_path: Path, faults: str) -> None:
    if "--full-disk" in faults and not can_mount():
        pytest.skip("nothing can be mounted here")
    strike(tmp_path, faults)


@pytest.mark.system
def test_nothing_is_lost_while_hosts_are_cut_off(tmp_path: Path) -> None:
    need("hosts", why_not())
    strike(tmp_path, "clients cut --hosts")


def strike(tmp_path: Path, faults: str) -> None:
    """See that nothing is found in a run with these faults."""
    file = tmp_path / "found.json"
    words = f"--seed {SEED} --minutes 0.2 --n 3 --patience 90 --json {file}"
    words += f" --faults {faults}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.chaos", *words.split()],
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(file.read_text())["runs"]
    assert found["tasks"] > 100
    assert found["faults"]
    assert not found["complaints"]
