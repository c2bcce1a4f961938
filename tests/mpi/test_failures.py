"""A rank that fails: who ends with it, and what is told of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from parallel import Cluster, CompositeError, EngineError
from parallel.cluster.launchers.job import Job
from parallel.cluster.launchers.mpi import MPILauncher
from tests.integration.processes import engines_of, wait_until_gone
from tests.mpi.conftest import PATIENCE, World, beds
from tests.mpi.test_worlds import wait_in_vain
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def abort() -> None:
    """End all ranks, as a program does that cannot go on."""
    from mpi4py import MPI

    print("the mesh has a hole", file=sys.stderr, flush=True)
    MPI.COMM_WORLD.Abort(7)


def end(signum: int) -> None:
    """Die of a signal."""
    os.kill(os.getpid(), signum)


def leave(status: int) -> None:
    """End this process alone, without a word to MPI."""
    print("this rank has had enough", file=sys.stderr, flush=True)
    os._exit(status)


def ended(launcher: MPILauncher) -> Job:
    """Return the job, once all ranks have ended."""
    wait_until(lambda: not launcher.running, PATIENCE, "the end of mpiexec")
    (job,) = launcher.jobs()
    return job


def crash() -> None:
    """Die as C code does that reads where nothing is."""
    import ctypes

    print("about to read", file=sys.stderr, flush=True)
    ctypes.string_at(0)


def meet() -> None:
    """Wait for all ranks."""
    from mpi4py import MPI

    MPI.COMM_WORLD.barrier()


def test_a_rank_that_aborts_takes_all_with_it_and_is_told(world: World) -> None:
    launcher = world.launch(3)
    rc = world.engines(3)
    pids = engines_of(rc)
    waits = rc[[0, 2]].apply_async(meet)
    aborts = rc[1].apply_async(abort)
    with pytest.raises(CompositeError, match="was ended with its MPI world"):
        waits.get(PATIENCE)
    with pytest.raises(EngineError, match=r"(?s)rank 1 of 3.*the mesh has a hole"):
        aborts.get(PATIENCE)
    job = ended(launcher)
    wait_until_gone(*pids)
    wait_until(lambda: not rc.ids, PATIENCE, "no engine is left")
    assert job.exit_code == 7
    assert "exited with status 7" in job.reason
    assert "abort" in job.reason.lower(), job
    assert "the mesh has a hole" in job.last_lines
    assert "rank1.stderr" in job.last_lines


def test_a_rank_that_is_killed_takes_all_with_it_and_is_told(world: World) -> None:
    launcher = world.launch(3)
    rc = world.engines(3)
    pids = engines_of(rc)
    with pytest.raises(EngineError, match=r"(?s)ran the task: .*SIGKILL.*rank 1 of 3"):
        rc[1].apply_async(end, signal.SIGKILL).get(PATIENCE)
    job = ended(launcher)
    wait_until_gone(*pids)
    wait_until(lambda: not rc.ids, PATIENCE, "no engine is left")
    assert job.failed
    assert "rank 1 of 3 was killed by SIGKILL" in job.reason


def test_a_rank_that_crashes_is_told_with_its_stderr_and_python_stack(
    world: World,
) -> None:
    world.launch(2)
    rc = world.engines(2)
    crashed = rc[1].apply_async(crash)
    with pytest.raises(EngineError) as caught:
        crashed.get(PATIENCE)
    told = str(caught.value)
    assert "died while it ran the task: was killed by SIGSEGV (pid " in told
    assert "it was rank 1 of 2" in told
    assert "Fatal Python error: Segmentation fault" in told
    assert "in crash" in told
    assert crashed.stderr.startswith("about to read\n")


def test_a_rank_that_leaves_without_a_word_ends_all_and_is_told(world: World) -> None:
    launcher = world.launch(2)
    rc = world.engines(2)
    waits = rc[1].apply_async(meet)
    with pytest.raises(EngineError, match=r"(?s)status 3 .*rank 0 of 2.*had enough"):
        rc[0].apply_async(leave, 3).get(PATIENCE)
    with pytest.raises(EngineError, match="was ended with its MPI world"):
        waits.get(PATIENCE)
    job = ended(launcher)
    assert "rank 0 of 2 exited with status 3" in job.reason


def test_a_rank_started_by_hand_is_told_with_its_stderr(world: World) -> None:
    launcher = world.launch(1)  # knows what mpiexec needs
    words = [*launcher.mpi_cmd, "-n", "2", str(world.commands / "python")]
    command = [*words, "-m", "parallel.engine", "--mpi"]
    rc = world.engines(1)
    quiet = {"env": launcher.surroundings(), "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet):
        world.engines(3)
        with pytest.raises(EngineError, match=r"(?s)rank 1 of 2\nlast lines of its st"):
            rc[2].apply_async(leave, 3).get(PATIENCE)


def test_nothing_outlives_an_mpiexec_that_is_killed(
    world: World, tmp_path: Path
) -> None:
    launcher = world.launch(2)
    rc = world.engines(2)
    pids = engines_of(rc)
    begun = tmp_path / "begun"
    rc[1].apply_async(wait_in_vain, begun)
    wait_until(begun.exists, PATIENCE, "a rank waits for another one")
    launcher.signal(signal.SIGKILL)
    wait_until_gone(*pids, timeout=PATIENCE)
    assert ended(launcher).exit_code == -signal.SIGKILL


def test_more_ranks_than_there_is_room_for_are_told_in_its_words() -> None:
    cluster = Cluster(n=3, engines="mpi", python=f"{beds()['OPENMPI']}/bin/python")
    cluster.start_controller_sync()
    try:
        cluster.start_engines_sync(3, mpi_args=["--map-by", "ppr:1:node"])
        with cluster.connect_client_sync() as rc:
            with pytest.raises(EngineError, match="0 of 3 engines registered") as told:
                rc.wait_for_engines(3, timeout=PATIENCE)
            assert "mpiexec exited with status" in str(told.value)
            assert "more processes than the ppr" in str(told.value)
            assert "Number of procs: 3" in str(told.value)
    finally:
        cluster.stop_cluster_sync()
