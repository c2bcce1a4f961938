"""Engines that were let go are told of their own jobs, of whichever system."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.cluster.launchers.job import ENDED, RUNNING
from parallel.cluster.status import status_of
from tests.fakes.batch import install
from tests.integration.tasks import begin_and_wait_for
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def pbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a batch system's commands available; return the folder of its jobs."""
    commands = install("pbs", tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "fake" / "jobs"


def jobs_of(rc: Client) -> dict[int, str]:
    """Return which job of the array has each engine."""
    indices = rc[:].apply_sync(os.getenv, "PBS_ARRAY_INDEX")
    return dict(zip(rc.ids, indices, strict=True))


def occupy(rc: Client, ids: list[int], folder: Path) -> Path:
    """Give engines work until a file is there, which is returned."""
    gate = folder / "gate"
    for each in ids:
        begun = folder / f"begun-{each}"
        rc[each].apply_async(begin_and_wait_for, str(begun), str(gate))
        wait_until(begun.exists, 60, f"engine {each} at work")
    return gate


def test_a_job_that_has_let_one_go_is_asked_for_one_less(
    tmp_path: Path, pbs: Path
) -> None:
    cluster = Cluster(engines="pbs", n=4, engines_per_node=2)
    with cluster as rc:
        owners = jobs_of(rc)
        goes = next(each for each, job in owners.items() if job == "1")
        theirs = rc[[each for each, job in owners.items() if job == "2"]]
        doomed = [int((pbs / "1.2" / "pid").read_text()), *theirs.apply_sync(os.getpid)]
        gate = occupy(rc, [each for each in rc.ids if each != goes], tmp_path)
        cluster.scale_sync(3, timeout=60)
        assert goes not in rc.ids
        other = Cluster.from_file(cluster.cluster_file)
        for each in (cluster, other):
            (told,) = status_of(each).sets
            assert [job.n for job in told.jobs] == [1, 2]
            assert {engine.job for engine in told.engines} == {
                job.name for job in told.jobs
            }
        gate.touch()
        (launcher,) = cluster.engines.values()
        for pid in doomed:  # as its batch system ends a job, and all that it is
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: launcher.jobs()[1].state == ENDED, 60, "the second's end")
        wait_until(lambda: len(rc.ids) == 1, 60, "its engines' end")
        (told,) = status_of(cluster).sets
        assert (told.registered, told.running, told.failed) == (1, 1, 2)
        assert sum(cluster.asked().values()) == 1
        cluster.scale_sync(3)
        rc.wait_for_engines(3, timeout=60)


def test_a_job_that_has_let_all_go_has_ended_and_not_failed(
    tmp_path: Path, pbs: Path
) -> None:
    cluster = Cluster(engines="pbs", n=4, engines_per_node=2)
    with cluster as rc:
        owners = jobs_of(rc)
        kept = [each for each, job in owners.items() if job == "2"]
        gate = occupy(rc, kept, tmp_path)
        cluster.scale_sync(2, timeout=60)
        assert rc.ids == kept
        (told,) = status_of(cluster).sets
        assert [(job.n, job.failed) for job in told.jobs] == [(0, False), (2, False)]
        assert Counter(engine.state for engine in told.engines) == {"registered": 2}
        (launcher,) = cluster.engines.values()
        wait_until(lambda: launcher.jobs()[0].state == ENDED, 60, "the first's end")
        assert launcher.jobs()[1].state == RUNNING
        assert sum(cluster.asked().values()) == 2
        gate.touch()
