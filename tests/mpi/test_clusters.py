"""Clusters whose engines are ranks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parallel import Cluster, EngineError
from parallel.cluster.prologue import FAILED
from parallel.cluster.status import status_of
from tests.mpi.conftest import PATIENCE
from tests.mpi.test_failures import leave, meet
from tests.mpi.test_worlds import add_up
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_cluster_of_ranks_starts_begins_a_new_world_and_stops(mpi: Path) -> None:
    python = str(mpi / "python")
    cluster = Cluster(n=2, engines="mpi", python=python, engine_timeout=PATIENCE)
    with cluster as rc:
        assert rc.ids == rc[:]["mpi_rank"] == [0, 1]
        assert rc[:].apply_sync(add_up, 1) == [2, 2]
        cluster.restart_engines_sync()
        wait_until(lambda: rc.ids == [2, 3], PATIENCE, "a new world has new ids")
        assert rc[:]["mpi_rank"] == [0, 1]
        assert rc[:].apply_sync(add_up, 1) == [2, 2]


def test_another_process_sees_a_world_that_failed_and_why_and_starts_a_new_one(
    mpi: Path,
) -> None:
    python = str(mpi / "python")
    cluster = Cluster(n=2, engines="mpi", python=python, engine_timeout=PATIENCE)
    with cluster as rc:
        with pytest.raises(EngineError):
            rc[1].apply_async(leave, 3).get(PATIENCE)
        launcher = cluster.engine_set
        assert launcher is not None
        wait_until(lambda: not launcher.running, PATIENCE, "the end of mpiexec")
        other = Cluster.from_file(cluster.cluster_file)
        (failed,) = status_of(other).sets
        assert (failed.asked, failed.running, failed.failed) == (2, 0, 2)
        assert "rank 1 of 2 exited with status 3" in failed.jobs[0].reason
        other.restart_engines_sync()
        wait_until(lambda: rc.ids == [2, 3], PATIENCE, "a new world")
        other.stop_engines_sync()


def test_a_line_of_the_prologue_that_fails_is_told_once_for_all_ranks(
    mpi: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster(
        n=2,
        engines="mpi",
        python=str(mpi / "python"),
        prologue=["module() { return 3; }", "module load typo"],
        engine_timeout=PATIENCE,
    )
    told = "of the prologue failed `module load typo` with status 3"
    with cluster as rc:
        wait_until(lambda: told in caplog.text, PATIENCE, "the warning")
        assert rc[:].apply_sync(add_up, 1) == [2, 2]
        assert rc[:].apply_sync(os.getenv, FAILED) == [None, None]
        assert sum(told in each for each in status_of(cluster).troubles) == 1


def test_one_world_hangs_and_begins_anew_and_another_goes_on(mpi: Path) -> None:
    python = str(mpi / "python")
    cluster = Cluster(n=2, engines="mpi", python=python, engine_timeout=PATIENCE)
    with cluster as rc:
        first = rc.cluster.engine_set
        assert first is not None
        cluster.start_engines_sync(2)
        rc.wait_for_engines(4, timeout=PATIENCE)
        hangs = rc[0].apply_async(meet)
        assert rc[2:].apply_sync(add_up, 1) == [2, 2]
        cluster.restart_engines_sync(first.program.set_id)
        rc.wait_for_engines(4, timeout=PATIENCE)  # that the old ones go is no news
        assert rc[:]["mpi_rank"] == [0, 1, 0, 1]
        assert rc[:2].apply_sync(add_up, 1) == rc[2:].apply_sync(add_up, 1) == [2, 2]
        with pytest.raises(EngineError):
            hangs.get(PATIENCE)
