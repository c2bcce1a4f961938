"""A lazy future keeps all that `concurrent.futures` promises."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from concurrent.futures import CancelledError, Future, InvalidStateError

import pytest

from parallel.client.future import LazyFuture


def test_it_has_all_the_parts_that_the_standard_librarys_has() -> None:
    parts = set(vars(Future())) - {"_condition"}
    assert set(vars(LazyFuture())) == parts
    assert isinstance(LazyFuture()._condition, type(Future()._condition))


def test_a_result_that_nobody_waited_for() -> None:
    future = LazyFuture()
    assert not future.done()
    future.settle(3, None)
    assert future.done()
    assert future._made is None
    assert future.result(timeout=0) == 3
    assert future.exception() is None


def test_an_exception() -> None:
    future = LazyFuture()
    future.settle(None, KeyError("x"))
    with pytest.raises(KeyError):
        future.result(timeout=0)


def test_it_ends_once() -> None:
    future = LazyFuture()
    future.settle(1, None)
    with pytest.raises(InvalidStateError):
        future.settle(2, None)
    assert not future.cancel()
    assert future.result() == 1


def test_what_is_cancelled_cannot_be_set() -> None:
    future = LazyFuture()
    assert future.cancel()
    assert future.cancelled()
    with pytest.raises(InvalidStateError):
        future.settle(1, None)
    with pytest.raises(CancelledError):
        future.result()


def test_callbacks_are_called_before_and_after_the_end() -> None:
    called: list[object] = []
    future = LazyFuture()
    future.add_done_callback(called.append)
    future.settle(1, None)
    future.add_done_callback(called.append)
    assert called == [future, future]


def test_no_waiter_is_left_behind_however_it_meets_the_end() -> None:
    for _ in range(500):
        future = LazyFuture()
        found: list[object] = []
        barrier = threading.Barrier(2)

        def wait(
            future: LazyFuture = future,
            found: list[object] = found,
            barrier: threading.Barrier = barrier,
        ) -> None:
            barrier.wait(10)
            found.append(future.result(timeout=10))

        waiter = threading.Thread(target=wait)
        waiter.start()
        barrier.wait(10)
        future.settle(1, None)
        waiter.join(10)
        assert found == [1]


def test_the_standard_ways_to_wait_know_it() -> None:
    futures = [LazyFuture() for _ in range(3)]
    futures[0].settle(0, None)
    done, pending = concurrent.futures.wait(futures, timeout=0)
    assert (done, len(pending)) == ({futures[0]}, 2)
    for i, future in enumerate(futures[1:], 1):
        threading.Timer(0, future.settle, (i, None)).start()
    found = concurrent.futures.as_completed(futures, timeout=10)
    assert sorted(f.result() for f in found) == [0, 1, 2]


def test_it_can_be_awaited() -> None:
    async def ask() -> object:
        future = LazyFuture()
        asyncio.get_running_loop().call_soon(future.settle, 5, None)
        return await asyncio.wrap_future(future)

    assert asyncio.run(ask()) == 5


def test_a_future_may_be_met_while_that_of_another_is_made_ready_for_waiters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new, other = threading.Condition, LazyFuture()

    def collect_garbage() -> threading.Condition:
        monkeypatch.undo()
        assert other.cancel()  # as a finalizer, or a signal's handler, may
        return new()

    monkeypatch.setattr(threading, "Condition", collect_garbage)
    future = LazyFuture()
    assert future.cancel()
    assert other.cancelled()
