"""A view's executor keeps the promises of `concurrent.futures`."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from collections import UserString
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster, RemoteError, ViewExecutor
from tests.integration.tasks import add, begin_and_wait_for, fsquare, notes, wait_for
from tests.waiting import wait_until


@pytest.fixture(params=["balanced", "direct"])
def executor(request: pytest.FixtureRequest, cluster: Client) -> Iterator[ViewExecutor]:
    balanced = request.param == "balanced"
    view: Any = cluster.load_balanced_view() if balanced else cluster[0]
    with view.executor as made:
        yield made


@pytest.fixture
def pool(cluster: Client) -> Iterator[ViewExecutor]:
    with cluster.executor() as made:
        yield made


def test_it_is_an_executor_of_its_view(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    made = lview.executor
    assert isinstance(made, futures.Executor)
    assert made.view is lview
    assert made._max_workers == 4
    assert lview.executor is made
    assert cluster.executor([0, 1])._max_workers == 2


def test_calls_give_futures(executor: ViewExecutor) -> None:
    future = executor.submit(add, 1, y=2)
    assert isinstance(future, futures.Future)
    assert future.result(timeout=10) == 3
    assert future.exception() is None
    assert future.done()
    assert not future.cancelled()
    failed = executor.submit(divmod, 1, 0)
    assert isinstance(failed.exception(timeout=10), ZeroDivisionError)


def test_keywords_of_any_name_reach_the_function(executor: ViewExecutor) -> None:
    names = {"fn": 1, "self": 2, "f": 3, "executor": 4}
    assert executor.submit(dict, **names).result(timeout=10) == names
    with pytest.raises(TypeError):
        executor.submit()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        executor.submit(arg=1)  # type: ignore[call-arg]


def test_futures_are_waited_for(pool: ViewExecutor, gate: Path) -> None:
    quick, slow = pool.submit(add, 1), pool.submit(wait_for, str(gate))
    done, pending = futures.wait(
        [quick, slow], timeout=10, return_when=futures.FIRST_COMPLETED
    )
    assert (done, pending) == ({quick}, {slow})
    gate.touch()
    assert futures.wait([quick, slow], timeout=10).not_done == set()
    assert set(futures.as_completed([quick, slow], timeout=10)) == {quick, slow}


def test_callbacks_are_told(pool: ViewExecutor) -> None:
    told = threading.Event()
    pool.submit(add, 1).add_done_callback(lambda _: told.set())
    assert told.wait(10)


@pytest.mark.parametrize("chunksize", [1, 3, 100])
@pytest.mark.parametrize("timeout", [None, 20])
def test_map_is_in_order(pool: ViewExecutor, chunksize: int, timeout: Any) -> None:
    found = pool.map(pow, range(10), range(10), chunksize=chunksize, timeout=timeout)
    assert list(found) == list(map(pow, range(10), range(10)))


def test_map_over_one_engine(cluster: Client) -> None:
    with cluster[0].executor as one:
        assert list(one.map(fsquare, range(5))) == [0, 1, 4, 9, 16]


def test_map_of_nothing(pool: ViewExecutor) -> None:
    assert list(pool.map(fsquare, [])) == []
    assert list(pool.map(fsquare, iter(()), timeout=1)) == []
    for options in ({"chunksize": 0}, {"buffersize": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            pool.map(fsquare, [1], **options)


@pytest.mark.parametrize("timeout", [None, 20])
def test_map_raises_in_its_turn(pool: ViewExecutor, timeout: Any) -> None:
    found = pool.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5], timeout=timeout)
    assert next(found) == (0, 1)
    assert next(found) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_a_map_times_out_so_long_after_the_call(
    pool: ViewExecutor, gate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pool.map(wait_or_not, [None, str(gate)], timeout=1000)
    assert next(found) is None
    monkeypatch.setattr(
        "parallel.client.executor.monotonic", lambda: time.monotonic() + 1000
    )
    with pytest.raises(TimeoutError) as caught:
        next(found)
    assert not isinstance(caught.value, RemoteError)  # the task gives up, too
    gate.touch()


@pytest.mark.parametrize("timeout", [None, 20])
def test_a_chunk_of_a_map_is_one_task(pool: ViewExecutor, timeout: Any) -> None:
    assert list(pool.map(fsquare, range(10), chunksize=3, timeout=timeout)) == [
        x**2 for x in range(10)
    ]
    assert len(pool.view.history) == 4


@pytest.mark.parametrize("timeout", [None, 20])
def test_a_map_that_nobody_iterates_on_is_cancelled(
    pool: ViewExecutor, gate: Path, timeout: Any
) -> None:
    paths = ["/", *[str(gate)] * 6]
    found = pool.map(wait_for, paths, timeout=timeout)
    assert next(found)
    found.close()  # type: ignore[attr-defined]
    wait_until(lambda: not pool.view.outstanding, what="end of all tasks")
    assert pool.submit(add, 1).result(timeout=10) == 2


def wait_or_not(path: str | None) -> None:
    if path:
        wait_for(path)


def test_what_a_late_map_says_names_the_function(
    pool: ViewExecutor, gate: Path
) -> None:
    found = pool.map(wait_or_not, [str(gate)], timeout=0.1)
    try:
        with pytest.raises(TimeoutError, match=r"^wait_or_not: "):
            next(found)
    finally:
        gate.touch()


def test_map_calls_though_nobody_looks(pool: ViewExecutor, tmp_path: Path) -> None:
    pool.map(make_file, [str(tmp_path / str(i)) for i in range(20)])
    wait_until(lambda: len(list(tmp_path.iterdir())) == 20, what="all calls")


def make_file(path: str) -> None:
    Path(path).touch()


def test_map_takes_what_has_no_end(pool: ViewExecutor) -> None:
    for options in ({}, {"timeout": 30}, {"buffersize": 5}):
        found = pool.map(fsquare, itertools.count(), **options)
        assert list(itertools.islice(found, 50)) == [x**2 for x in range(50)]
        found.close()  # type: ignore[attr-defined]


def test_no_more_than_its_buffer_is_taken(pool: ViewExecutor) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for i in itertools.count():
            taken.append(i)
            yield i

    found = pool.map(fsquare, numbers(), buffersize=3)
    assert len(taken) == 3
    assert [next(found), next(found)] == [0, 1]
    assert len(taken) == 5
    found.close()  # type: ignore[attr-defined]


def test_nothing_is_taken_after_shutdown(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    made = lview.executor
    future = made.submit(add, 1)
    made.shutdown()
    assert future.done()
    for _ in range(2):
        made.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        made.submit(add, 1)
    with pytest.raises(RuntimeError, match="after shutdown"):
        made.map(add, [1])
    assert lview.apply_sync(add, 1) == 2
    with lview.executor as another:
        assert another is not made
        assert another.submit(add, 1).result(timeout=10) == 2


def test_leaving_waits_for_all(cluster: Client) -> None:
    with cluster.executor() as made:
        several = [made.submit(time.sleep, 0.05) for _ in range(10)]
        mapped = made.map(time.sleep, [0.05] * 10)
    assert all(future.done() for future in several)
    assert list(mapped) == [None] * 10


def test_leaving_waits_for_maps_that_nobody_looks_at(
    cluster: Client, tmp_path: Path
) -> None:
    paths = [tmp_path / str(i) for i in range(20)]
    with cluster.executor() as made:
        made.map(make_file_late, map(str, paths))
        made.map(make_file_late, [f"{path} too" for path in paths])
    assert len(list(tmp_path.iterdir())) == 40


def make_file_late(path: str) -> None:
    time.sleep(0.02)
    make_file(path)


def test_what_has_not_started_is_cancelled() -> None:
    with Cluster(n=1) as rc:
        made = rc.executor()
        several = [made.submit(time.sleep, 0.2) for _ in range(40)]
        assert several[0].result(timeout=20) is None
        made.shutdown(cancel_futures=True)
        assert all(future.done() for future in several)
        cancelled = [future for future in several if future.cancelled()]
        others = [future for future in several if not future.cancelled()]
        assert cancelled
        assert others
        assert all(future.exception() is None for future in others)
        assert futures.wait(several, timeout=5).not_done == set()
        with pytest.raises(futures.CancelledError):
            cancelled[0].result()
        assert rc[0].apply_sync(add, 1) == 2


def test_what_has_started_goes_on(gate: Path, begun: Path) -> None:
    with Cluster(n=1) as rc:
        made = rc.executor()
        running = made.submit(begin_and_wait_for, str(begun), str(gate))
        wait_until(lambda: notes(begun), what="begin of the task")
        queued = made.submit(add, 1)
        made.shutdown(wait=False, cancel_futures=True)
        assert futures.wait([queued], timeout=10).done == {queued}
        assert queued.cancelled()
        assert not running.done()
        gate.touch()
        assert str(running.result(timeout=10)) == notes(begun)[0]


def test_shutdown_need_not_wait(pool: ViewExecutor, gate: Path) -> None:
    future = pool.submit(wait_for, str(gate))
    pool.shutdown(wait=False)
    assert not future.done()
    gate.touch()
    assert future.result(timeout=10)


def test_a_cancelled_future_wakes_who_waits(pool: ViewExecutor, gate: Path) -> None:
    future = pool.submit(wait_for, str(gate))
    assert future.cancel()
    assert futures.wait([future], timeout=10).done == {future}
    assert list(futures.as_completed([future], timeout=10)) == [future]
    gate.touch()


@pytest.mark.parametrize("timeout", [None, 20])
def test_map_keeps_nothing_that_it_gave(pool: ViewExecutor, timeout: Any) -> None:
    for thing in pool.map(UserString, range(20), timeout=timeout):
        reference = weakref.ref(thing)
        del thing
        gc.collect()
        assert reference() is None


def test_dropped_futures_leave_nothing(pool: ViewExecutor) -> None:
    for _ in range(100):
        pool.submit(abs, -1)
    assert pool.view.wait(timeout=20)
    wait_until(lambda: not pool._futures, what="empty set of futures")


def test_callbacks_submit_more(pool: ViewExecutor) -> None:
    count, more = 3000, threading.Semaphore(0)

    def call_again(future: futures.Future[Any]) -> None:
        pool.submit(add, future.result(), y=1).add_done_callback(
            lambda _: more.release()
        )

    for n in range(count):  # more than are under way: it waits, and callbacks run
        pool.submit(add, n, y=1).add_done_callback(call_again)
    assert all(more.acquire(timeout=30) for _ in range(count))


def test_what_is_submitted_as_it_is_shut_down_is_cancelled(
    cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lview = cluster.load_balanced_view()
    made, apply_async, submitted = lview.executor, lview.apply_async, []

    def shut_down_meanwhile(*args: Any, **kwargs: Any) -> Any:
        submitted.append(apply_async(*args, **kwargs))
        made.shutdown()
        return submitted[0]

    monkeypatch.setattr(lview, "apply_async", shut_down_meanwhile)
    with pytest.raises(RuntimeError, match="after shutdown"):
        made.submit(time.sleep, 60)
    assert submitted[0].cancelled()
