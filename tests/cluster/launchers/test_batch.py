"""What holds of each batch system: of real ones, and of fakes of those that cannot be.

The launchers run a line of shell in the place of engines.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from parallel.cluster.launchers import schedulers
from parallel.cluster.launchers.batch import BatchLauncher
from parallel.cluster.launchers.job import ENDED, RUNNING, Job
from parallel.errors import LauncherError
from tests.cluster.launchers.conftest import Script
from tests.fakes.batch import COMMANDS, install
from tests.testbeds import variables_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("batch")]

SYSTEMS = {
    "slurm": schedulers.SlurmLauncher,
    "sge": schedulers.SGELauncher,
    "pbs": schedulers.PBSLauncher,
    "torque": schedulers.TorqueLauncher,
    "lsf": schedulers.LSFLauncher,
    "htcondor": schedulers.HTCondorLauncher,
}
REAL = {"slurm": "slurm", "sge": "gridengine"}
#: A job that runs until it is told to end, as engines do.
WAIT = "trap 'kill $!; exit' TERM; echo it runs; sleep 600 & wait"
Make = Callable[..., BatchLauncher]


@pytest.fixture(params=SYSTEMS)
def system(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Make one system's commands available."""
    name: str = request.param
    if name in COMMANDS:
        commands = install(name, tmp_path / "fake")
        monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    else:
        for variable, value in variables_of(REAL[name]).items():
            monkeypatch.setenv(variable, value)
    return name


@pytest.fixture
def make(system: str, script: Script) -> Iterator[Make]:
    """Return a function that makes launchers; what they start ends with the test."""
    made: list[BatchLauncher] = []

    def make(line: str = WAIT, **options: Any) -> BatchLauncher:
        made.append(SYSTEMS[system](replace(script, line=line), **options))
        return made[-1]

    yield make
    for launcher in made:
        launcher.stop()


def wait_for(launcher: BatchLauncher, state: str, timeout: float = 60) -> list[Job]:
    """Return the jobs once each is in some state."""

    def there() -> list[Job]:
        jobs = launcher.jobs()
        return jobs if jobs and all(job.state == state for job in jobs) else []

    return wait_until(there, timeout, f"{state} jobs")


def test_what_was_submitted_runs_until_it_is_stopped(make: Make) -> None:
    launcher = make()
    assert launcher.state == "before"
    launcher.start(2)
    jobs = wait_for(launcher, RUNNING)
    assert sum(job.n for job in jobs) == launcher.n == 2
    assert launcher.running
    launcher.stop()
    assert launcher.state == "after"


def test_all_processes_have_ended_when_it_is_stopped(
    make: Make, tmp_path: Path
) -> None:
    launcher = make(f"echo $$ >>{tmp_path}/pids; {WAIT}")
    launcher.start(1)
    pids = tmp_path / "pids"
    wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    launcher.stop()
    for pid in pids.read_text().split():
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]


def test_one_that_dies_early_is_told_with_its_status_and_last_lines(make: Make) -> None:
    launcher = make("echo no such module >&2; exit 7")
    launcher.start(1)
    (job,) = wait_for(launcher, ENDED)
    assert job.failed
    assert job.exit_code == 7
    assert "exit status 7" in job.reason
    assert "no such module" in job.last_lines


def test_one_that_ends_in_good_order_has_not_failed(make: Make) -> None:
    launcher = make("true")
    launcher.start(1)
    (job,) = wait_for(launcher, ENDED)
    assert (job.exit_code, job.failed) == (0, False)


def test_a_host_that_is_not_full_gets_a_job_of_its_own(
    make: Make, system: str, tmp_path: Path
) -> None:
    launcher = make(f"echo $1 >>{tmp_path}/asked; true", engines_per_node=2, array=True)
    launcher.start(5)
    jobs = wait_for(launcher, ENDED)
    assert [job.n for job in jobs] == [2, 2, 1]
    if system != "slurm":  # there each host takes what its part of the job says
        assert sorted((tmp_path / "asked").read_text().split()) == ["1", "2", "2"]


def test_it_can_be_started_again_for_more_engines(make: Make) -> None:
    launcher = make()
    launcher.start(1)
    launcher.start(1)
    assert launcher.n == 2
    jobs = wait_for(launcher, RUNNING)
    assert len({job.name for job in jobs}) == 2


def test_another_process_takes_over_by_what_is_in_its_file(make: Make) -> None:
    first = make()
    first.start(2)
    wait_for(first, RUNNING)
    second = make()
    second.state_from_dict(json.loads(json.dumps(first.state_to_dict())))
    assert second.n == 2
    assert {job.name for job in second.jobs()} == {job.name for job in first.jobs()}
    second.stop()
    assert first.state == second.state == "after"


def test_a_stop_after_the_end_and_a_second_one_do_nothing(make: Make) -> None:
    launcher = make("true")
    launcher.stop()
    launcher.start(1)
    wait_for(launcher, ENDED)
    launcher.stop()
    launcher.stop()


def test_what_somebody_else_cancels_has_ended(make: Make, system: str) -> None:
    launcher = make()
    launcher.start(1)
    (job,) = wait_for(launcher, RUNNING)
    subprocess.run([launcher.system.cancel[0], job.name.partition("[")[0]], check=True)
    wait_for(launcher, ENDED)


def test_environment_folder_and_prologue_are_those_asked_for(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "work here").mkdir()
    launcher = make(
        'echo "$PWD|$GREETING|$LOADED|$IPP_CLUSTER_ID"',
        environment={"GREETING": 'it\'s $HOME "quoted"'},
        prologue=["LOADED=yes", "export LOADED"],
        work_dir=str(tmp_path / "work here"),
    )
    launcher.start(1)
    (job,) = wait_for(launcher, ENDED)
    assert f'{tmp_path}/work here|it\'s $HOME "quoted"|yes|c' in job.last_lines


def test_all_common_options_are_directives_that_the_system_takes(
    make: Make, system: str
) -> None:
    launcher = make(
        "true",
        **({} if system == "sge" else {"queue": "main"}),
        walltime="0:02:00",
        cores=2,
        memory="64M",
        engines_per_node=1,
    )
    launcher.start(1)
    wait_for(launcher, ENDED)
    script = launcher.script(1)
    assert "2" in script
    if system != "htcondor":
        assert ":02" in script or "-W 2" in script


def test_a_queue_that_there_is_not_is_told_and_nothing_left(
    make: Make, system: str
) -> None:
    launcher = make(queue="nosuch")
    if system == "htcondor":  # it has no queues: a site may heed an attribute
        assert '+Queue = "nosuch"' in launcher.script(1)
        return
    with pytest.raises(LauncherError) as told:
        launcher.start(1)
    assert "failed with status" in str(told.value)
    assert launcher.system.submit[0] in str(told.value)
    assert "queue" in str(told.value) or "partition" in str(told.value)
    assert launcher.jobs() == []


def test_a_signal_reaches_what_runs(make: Make, system: str, tmp_path: Path) -> None:
    launcher = make(
        f"trap 'echo >{tmp_path}/heard; kill $!' USR1; echo it runs; sleep 600 & wait"
    )
    if system in ("sge", "htcondor"):
        with pytest.raises(LauncherError, match=r"Client\.send_signal"):
            launcher.signal(signal.SIGUSR1)
        return
    launcher.start(1)
    wait_until(lambda: "it runs" in launcher.get_output(), 60)
    launcher.signal(signal.SIGUSR1)
    wait_until((tmp_path / "heard").exists)
