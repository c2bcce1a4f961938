"""Engines that are drained finish what they have, and their work goes elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster, TimeoutError
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def rc() -> Iterator[Client]:
    """Three engines for each test: some do not survive it."""
    with Cluster(n=3) as client:
        yield client


def hold(path: str) -> int:
    """Work until a file is there; another one says that the work has begun."""
    Path(f"{path}-{os.getpid()}").touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return os.getpid()


def test_a_drained_engine_gets_no_balanced_task_and_others_do(rc: Client) -> None:
    rc.drain(1)
    pids = set(rc.load_balanced_view().map_sync(lambda _: os.getpid(), range(50)))
    assert rc[1].apply_sync(os.getpid) not in pids
    rc.resume(1)
    assert rc.ids == [0, 1, 2]


def test_drain_waits_for_what_runs_and_what_waits_goes_elsewhere(
    rc: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    lview = rc.load_balanced_view()
    running = [lview.apply_async(hold, str(go)) for _ in range(3)]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 3, what="all three run")
    with pytest.raises(TimeoutError, match="engine 0 has 1 in hand"):
        rc.drain([0], timeout=0.2)
    go.touch()
    rc.drain([0], timeout=30)
    assert len({ar.get() for ar in running}) == 3


def test_a_drained_engine_has_work_again_when_it_is_resumed(rc: Client) -> None:
    rc.drain()
    ar = rc.load_balanced_view().apply_async(os.getpid)
    with pytest.raises(TimeoutError):
        ar.get(timeout=0.5)
    rc.resume([2])
    assert ar.get() == rc[2].apply_sync(os.getpid)


def test_engines_that_are_drained_to_stop_end_and_are_not_replaced(
    rc: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    view = rc[0]
    ar = view.apply_async(hold, str(go))
    with pytest.raises(TimeoutError):
        rc.drain([0, 1], stop=True, timeout=0.2)
    assert rc.ids == [2], "to clients they are gone"
    with pytest.raises(IndexError, match="leaving: a client has asked for it"):
        view.apply_async(os.getpid)
    go.touch()
    assert ar.get() > 0, "what it had is done"
    wait_until(lambda: len(rc._inquire("processes")) == 1, what="both have ended")
    assert rc.load_balanced_view().apply_sync(int, "7") == 7
    with Client(rc.cluster._info) as other:
        assert other.ids == [2]


def test_engines_are_drained_to_the_end_by_a_controller_that_was_started_again(
    rc: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    ar = rc[0].apply_async(hold, str(go))
    wait_until(lambda: list(tmp_path.iterdir()), what="it runs")
    done = rc._connection.questions.request(
        "drain", targets=[0], stop=True, why="a test"
    )
    wait_until(lambda: rc.ids == [1, 2], what="it leaves")
    assert rc.cluster.record is not None
    os.kill(rc.cluster.record.controller, 9)
    wait_until(lambda: rc.cluster.record.epoch == 2, what="another one is there")
    assert rc.queue_status()["unassigned"] == 0
    assert not done.done()
    go.touch()
    assert ar.get() > 0
    rc._connection.wait(done.done, None, 30)
    done.result()
    wait_until(lambda: len(rc._inquire("processes")) == 2, what="it has ended")


def test_to_drain_an_engine_that_is_not_there_is_told(rc: Client) -> None:
    with pytest.raises(IndexError, match="7"):
        rc.drain([7])
