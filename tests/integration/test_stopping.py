"""What is cancelled, or takes too long, ends; what does not heed that is killed."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from parallel import Client, Cluster, TaskAborted, TaskTimeout
from tests.integration.tasks import begin_and_wait_for, notes, wait_for
from tests.waiting import wait_until


def heed_nothing(begun: str, gate: str) -> int:
    """Say that it runs, and go on whatever is raised, until there is a gate."""
    with Path(begun).open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(gate).exists():
        try:
            time.sleep(0.01)
        except KeyboardInterrupt:
            continue
    return os.getpid()


@pytest.fixture
def hasty() -> Client:
    """Start two engines that are killed at once if they do not heed an interrupt."""
    with Cluster(n=2, grace=0.2) as client:
        yield client


def test_a_cancelled_task_is_interrupted_and_its_engine_goes_on(
    rc: Client, gate: Path, begun: Path
) -> None:
    view = rc[0]
    result = view.apply_async(begin_and_wait_for, str(begun), str(gate))
    (pid,) = wait_until(lambda: notes(begun), what="a task that runs")
    assert result.cancel()
    with pytest.raises(CancelledError):
        result.get(timeout=10)
    assert str(view.apply_sync(os.getpid)) == pid


def test_a_task_that_is_cancelled_just_as_it_starts_is_interrupted(
    rc: Client,
) -> None:
    lview, engines = rc.load_balanced_view(), rc[:]
    pids = engines.apply_sync(os.getpid)
    for _ in range(500):
        results = [lview.apply_async(time.sleep, 3600) for _ in rc.ids]
        for result in results:
            result.cancel()
        lview.map_sync(abs, range(4), chunksize=1)
    assert engines.apply_async(os.getpid).get(timeout=20) == pids
    assert rc.ids == engines.targets


def test_queued_and_assigned_tasks_are_cancelled_without_being_run(
    rc: Client, gate: Path, tmp_path: Path
) -> None:
    lview, ran = rc.load_balanced_view(), tmp_path / "ran"
    busy = [lview.apply_async(wait_for, str(gate)) for _ in range(2)]
    waiting = [
        lview.apply_async(begin_and_wait_for, str(ran), os.devnull) for _ in range(20)
    ]
    assert all(result.cancel() for result in waiting)
    wait_until(lambda: len(rc.outstanding) == len(busy), what="nothing but the busy")
    gate.touch()
    for result in busy:
        result.get(timeout=10)
    wait_until(
        lambda: rc.queue_status()["unassigned"] == 0 and not rc.outstanding,
        what="an empty queue",
    )
    assert not ran.exists()


def test_what_does_not_heed_a_cancel_is_killed_and_its_engine_replaced(
    hasty: Client, gate: Path, begun: Path
) -> None:
    lview = hasty.load_balanced_view()
    result = lview.apply_async(heed_nothing, str(begun), str(gate))
    (pid,) = wait_until(lambda: notes(begun), what="a task that runs")
    assert result.cancel()
    wait_until(
        lambda: len(hasty.ids) == 2 and hasty.ids != [0, 1], what="another engine"
    )
    assert pid not in map(str, hasty[:].apply_sync(os.getpid))
    assert notes(begun) == [pid], "it was run again"


def test_a_time_limit_interrupts(rc: Client, gate: Path, begun: Path) -> None:
    lview = rc.load_balanced_view()
    with lview.temp_flags(time_limit=0.1):
        result = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
    with pytest.raises(TaskTimeout, match=r"time_limit of 0\.1 s"):
        result.get(timeout=10)
    assert len(rc.ids) == 2
    assert lview.apply_sync(len, "abc") == 3


def test_a_time_limit_that_is_not_heeded_kills(
    hasty: Client, gate: Path, begun: Path
) -> None:
    lview = hasty.load_balanced_view()
    with lview.temp_flags(time_limit=0.1):
        result = lview.apply_async(heed_nothing, str(begun), str(gate))
    with pytest.raises(TaskTimeout, match="SIGKILL"):
        result.get(timeout=10)
    assert len(notes(begun)) == 1


def test_abort_leaves_what_runs(rc: Client, gate: Path, begun: Path) -> None:
    view = rc[0]
    runs = view.apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    waits = view.apply_async(os.getpid)
    rc.abort()
    with pytest.raises(TaskAborted, match="before it started"):
        waits.get(timeout=10)
    gate.touch()
    assert str(runs.get(timeout=10)) == notes(begun)[0]


def test_a_timeout_counts_while_a_task_waits(rc: Client, gate: Path) -> None:
    lview = rc.load_balanced_view()
    busy = [lview.apply_async(wait_for, str(gate)) for _ in range(2)]
    with lview.temp_flags(timeout=0.1):
        late = lview.apply_async(os.getpid)
    with pytest.raises(TaskTimeout, match="no engine was free"):
        late.get(timeout=10)
    gate.touch()
    for result in busy:
        result.get(timeout=10)


def test_cancelling_wakes_who_waits(rc: Client, gate: Path, begun: Path) -> None:
    lview = rc.load_balanced_view()
    result = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    seen: list[object] = []

    def wait() -> None:
        try:
            result.get(timeout=10)
        except BaseException as error:
            seen.append(type(error))

    waiter = threading.Thread(target=wait)
    waiter.start()
    result.cancel()
    waiter.join(10)
    assert seen == [CancelledError]
