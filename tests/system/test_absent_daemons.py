"""A real batch system does not answer for a while, and its jobs go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.cluster.launchers.batch import BatchLauncher
from parallel.cluster.launchers.job import ENDED, RUNNING
from parallel.cluster.launchers.program import ENGINES, Program
from parallel.cluster.launchers.schedulers import SGELauncher, SlurmLauncher
from parallel.errors import LauncherError
from parallel.transport.locations import make_profile
from tests import ROOT
from tests.testbeds import variables_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(300)]

#: Each has its own, beside the one that other tests use at the same time.
PORTS = {"SLURM_PORT": "16947", "SGE_QMASTER_PORT": "16961", "SGE_EXECD_PORT": "16962"}
SYSTEMS = {"slurm": SlurmLauncher, "gridengine": SGELauncher}


class Sleep(Program, frozen=True, kw_only=True):
    """Sleeps in the place of engines."""

    def words(self, n: int | None = None, python: str = "") -> list[str]:
        """Return the command."""
        return ["sleep", "600"]


@pytest.fixture(params=SYSTEMS)
def testbed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Start a testbed of its own, and return its name."""
    name: str = request.param
    variables_of(name)  # it is skipped, or fails, as others are
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="beds-"))
    folder.chmod(0o755)  # a daemon has an account of its own
    for variable, value in {**PORTS, "TESTBEDS": str(folder)}.items():
        monkeypatch.setenv(variable, value)
    try:
        tell(name, "start")
        for variable, value in variables_of(name).items():
            monkeypatch.setenv(variable, value)
        impatient(monkeypatch, folder)
        yield name
    finally:
        tell(name, "stop")
        shutil.rmtree(folder)


def tell(name: str, word: str) -> None:
    subprocess.run([ROOT / "scripts" / "testbeds" / name, word], check=True)


def impatient(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the commands of Slurm give up soon."""
    if configuration := os.environ.get("SLURM_CONF"):
        own = folder / "slurm.conf"
        text = Path(configuration).read_text()
        own.write_text(f"{text}MessageTimeout=2\n")
        monkeypatch.setenv("SLURM_CONF", str(own))


def all_run(launcher: BatchLauncher) -> bool:
    jobs = launcher.jobs()
    return all(job.state == RUNNING and len(job.reason) < 2 for job in jobs)


def test_nothing_is_dead_because_its_system_does_not_answer(
    testbed: str, tmp_path: Path
) -> None:
    folder = make_profile(tmp_path / "profile_x")
    program = Sleep(role=ENGINES, profile_dir=str(folder), cluster_id="c")
    launcher = SYSTEMS[testbed](program)
    launcher.start(2)
    wait_until(lambda: all_run(launcher), 60, "jobs that run")
    tell(testbed, "leave")
    wait_until(
        lambda: all("cannot be asked" in job.reason for job in launcher.jobs()), 90
    )
    assert {job.state for job in launcher.jobs()} == {RUNNING}
    with pytest.raises(LauncherError, match=f"{launcher.system.cancel[0]}.*failed"):
        launcher.stop()
    with pytest.raises(LauncherError, match="does not take the job"):
        launcher.start(1)
    assert {job.state for job in launcher.jobs()} == {RUNNING}
    tell(testbed, "return")
    wait_until(lambda: all_run(launcher), 90, "jobs that run")
    launcher.stop()
    assert {job.state for job in launcher.jobs()} == {ENDED}
