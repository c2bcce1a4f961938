"""Engines on a real Slurm and a real Grid Engine: they start, work, and end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client
from parallel.cluster.launchers.batch import BatchLauncher
from parallel.cluster.launchers.job import ENDED, RUNNING, Job
from parallel.cluster.launchers.program import ENGINES, Program
from parallel.cluster.launchers.schedulers import SGELauncher, SlurmLauncher
from parallel.transport.locations import profile_dir
from tests.commands import running
from tests.testbeds import variables_of
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("batch"),
]

#: Seconds that a batch system and engines may take on a busy machine.
PATIENCE = 90
Make = Callable[..., BatchLauncher]


@pytest.fixture
def rc() -> Iterator[Client]:
    """Start a controller here; give its client."""
    with running("ipcontroller --ip=127.0.0.1") as controller:
        controller.wait_for("listening")
        with Client() as client:
            yield client
        controller.end()


@pytest.fixture
def slurm(rc: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    for name, value in variables_of("slurm").items():
        monkeypatch.setenv(name, value)
    yield from launchers(SlurmLauncher)


@pytest.fixture
def sge(rc: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    for name, value in variables_of("gridengine").items():
        monkeypatch.setenv(name, value)
    yield from launchers(SGELauncher)


def launchers(kind: type[BatchLauncher]) -> Iterator[Make]:
    """Give a function that makes launchers of engines, and end what they start."""
    made: list[BatchLauncher] = []

    def make(*arguments: str, **options: Any) -> BatchLauncher:
        program = Program(
            role=ENGINES,
            profile_dir=str(profile_dir("")),
            cluster_id="",
            set_id="nodes",
            arguments=list(arguments),
        )
        made.append(kind(program, **options))
        return made[-1]

    yield make
    for launcher in made:
        launcher.stop()


def wait_for(launcher: BatchLauncher, state: str, timeout: float = PATIENCE) -> Job:
    """Return the only job once it is in some state."""

    def there() -> Job | None:
        (job,) = launcher.jobs()
        return job if job.state == state else None

    found = wait_until(there, timeout, f"{state} job")
    assert found is not None
    return found


def where() -> tuple[str, str]:
    return os.environ["SLURM_JOB_ID"], os.environ["SLURMD_NODENAME"]


def variable(name: str) -> str:
    return os.environ.get(name, "")


def test_four_engines_of_one_slurm_job_are_on_two_nodes(
    rc: Client, slurm: Make
) -> None:
    launcher = slurm(nodes=2, engines_per_node=2)
    launcher.start(4)
    rc.wait_for_engines(4, timeout=PATIENCE)
    jobs, nodes = zip(*rc[:].apply_sync(where), strict=True)
    assert set(jobs) == {launcher.jobs()[0].name}
    assert sorted(nodes) == [nodes[0]] * 2 + [nodes[-1]] * 2 or len(set(nodes)) == 2
    assert len(set(rc[:].apply_sync(os.getpid))) == 4
    assert wait_for(launcher, RUNNING).n == 4


def test_engines_of_a_slurm_array_start_when_they_can(rc: Client, slurm: Make) -> None:
    launcher = slurm(array=True, engines_per_node=2)
    launcher.start(3)
    rc.wait_for_engines(3, timeout=PATIENCE)
    assert len({job for job, _ in rc[:].apply_sync(where)}) == 2


def test_slurm_engines_are_gone_when_their_job_is_cancelled(
    rc: Client, slurm: Make
) -> None:
    launcher = slurm()
    launcher.start(2)
    rc.wait_for_engines(2, timeout=PATIENCE)
    launcher.stop()
    assert "CANCELLED" in wait_for(launcher, ENDED).reason
    wait_until(lambda: rc.ids == [], PATIENCE, "client that sees no engines")


def test_engines_that_cannot_start_are_told_with_the_last_lines(slurm: Make) -> None:
    launcher = slurm(python="/nonexistent/python")
    launcher.start(2)
    job = wait_for(launcher, ENDED)
    assert job.failed
    assert "FAILED" in job.reason
    assert "/nonexistent/python" in job.last_lines


def test_a_request_that_can_never_be_met_is_told_with_slurms_reason(
    slurm: Make,
) -> None:
    launcher = slurm(nodes=50)
    launcher.start(50)
    wait_until(
        lambda: "PartitionConfig" in launcher.jobs()[0].reason, 30, "Slurm's reason"
    )


def test_engines_go_before_slurm_ends_their_job_and_what_stays_is_told_why(
    rc: Client, slurm: Make
) -> None:
    stays = slurm(queue="short", prologue=["exec sleep 600"])
    stays.start(1)
    # Slurm's shortest time is a minute: this one's is over as soon as it looks.
    number = wait_for(stays, RUNNING).name
    update = ["scontrol", "update", f"JobId={number}", "EndTime=now+1"]
    subprocess.run(update, check=True)
    launcher = slurm(walltime="0:00:20")
    launcher.start(2)
    rc.wait_for_engines(2, timeout=PATIENCE)
    until = float(rc[0].apply_sync(variable, "IPP_UNTIL"))
    assert 0 < until - time.time() <= 20
    assert not wait_for(launcher, ENDED, timeout=150).failed
    wait_until(lambda: rc.ids == [], PATIENCE, "client that sees no engines")
    job = wait_for(stays, ENDED, timeout=150)
    assert "TIMEOUT" in job.reason
    assert job.failed


def test_engines_go_before_grid_engine_ends_their_job_and_what_stays_is_told_why(
    rc: Client, sge: Make
) -> None:
    stays = sge(walltime="0:00:05", prologue=["exec sleep 600"])
    stays.start(1)
    launcher = sge(walltime="0:00:30")
    launcher.start(1)
    rc.wait_for_engines(1, timeout=PATIENCE)
    until = float(rc[0].apply_sync(variable, "IPP_UNTIL"))
    assert 0 < until - time.time() <= 30
    ended = [wait_for(each, ENDED, timeout=150) for each in (launcher, stays)]
    assert [job.failed for job in ended] == [False, True]
    assert "h_rt" in ended[1].reason
    wait_until(lambda: rc.ids == [], PATIENCE, "client that sees no engines")


def test_each_engine_of_a_host_has_its_own_of_a_list_of_values(
    rc: Client, slurm: Make
) -> None:
    launcher = slurm(environment={"CUDA_VISIBLE_DEVICES": "[0,1]"})
    launcher.start(2)
    rc.wait_for_engines(2, timeout=PATIENCE)
    found = rc[:].apply_sync(variable, "CUDA_VISIBLE_DEVICES")
    assert sorted(found) == ["0", "1"]


def test_a_script_of_ones_own_starts_an_engine_for_each_task(
    rc: Client, slurm: Make, tmp_path: Path
) -> None:
    template = tmp_path / "own.sh"
    template.write_text(
        "#!/bin/sh\n#SBATCH --ntasks={n}\n#SBATCH --nodes={n//2}\n"
        "#SBATCH --partition={queue}\n#SBATCH --output={output_file}\n"
        "srun {program_and_args}\n"
    )
    launcher = slurm(batch_template_file=str(template))
    launcher.start(4)
    rc.wait_for_engines(4, timeout=PATIENCE)
    assert len({node for _, node in rc[:].apply_sync(where)}) == 2


def test_grid_engine_starts_an_engine_for_each_of_an_array(
    rc: Client, sge: Make
) -> None:
    launcher = sge()
    launcher.start(3)
    rc.wait_for_engines(3, timeout=PATIENCE)
    found = rc[:].apply_sync(variable, "SGE_TASK_ID")
    assert sorted(found) == ["1", "2", "3"]
    launcher.stop()
    wait_until(lambda: rc.ids == [], PATIENCE, "client that sees no engines")


def test_grid_engine_starts_a_hosts_engines_as_one_job_with_slots(
    rc: Client, sge: Make
) -> None:
    launcher = sge(engines_per_node=2)
    launcher.start(2)
    rc.wait_for_engines(2, timeout=PATIENCE)
    assert rc[:].apply_sync(variable, "NSLOTS") == ["2", "2"]


def test_grid_engine_engines_that_cannot_start_are_told(sge: Make) -> None:
    launcher = sge(python="/nonexistent/python")
    launcher.start(1)
    job = wait_for(launcher, ENDED)
    assert job.exit_code == 127
    assert "/nonexistent/python" in job.last_lines
