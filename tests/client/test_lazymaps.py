"""`imap` takes what it needs when it needs it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from parallel.client import lazycalls, lazymaps
from parallel.client.lazymaps import LazyMapIterator
from parallel.client.results import AsyncResult
from parallel.errors import TransportError
from parallel.protocol.messages import Method
from parallel.serialize.calls import pack_call
from tests.fakes.connection import FakeConnection, are_open
from tests.waiting import wait_until


def square(x: int) -> int:
    """Return a square."""
    return x**2


class View:
    """All that a lazy map needs of one."""

    def __init__(self, connection: FakeConnection) -> None:
        self._connection = connection
        self.client = None

    def __len__(self) -> int:
        return len(self._connection.engines)

    def _apply(self, f: Callable[..., Any], args: Any, kwargs: Any) -> AsyncResult:
        ar = AsyncResult(self._connection, f.__name__, single=True)  # type: ignore[arg-type]
        packed = pack_call(f.__name__, args, kwargs)
        ar.number(self._connection.submit(ar, Method.APPLY, b"", packed))
        return ar


def imap(connection: FakeConnection, *sequences: Any, **options: Any) -> Any:
    return LazyMapIterator(View(connection), square, sequences, **options)


def arguments(connection: FakeConnection, seq: int) -> Any:
    """Return what a task was given."""
    return connection.open[seq][2][0]


@pytest.mark.usefixtures("threads_end")
def test_so_many_at_a_time_from_the_start(connection: FakeConnection) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for i in itertools.count():
            taken.append(i)
            yield i

    results = imap(connection, numbers())
    are_open(connection, 0, 1)  # as many as engines, before anybody asks
    assert taken == [0, 1]
    connection.answer(1, 1)
    are_open(connection, 0, 2)
    connection.answer(0, 0)
    assert [next(results), next(results)] == [0, 1]
    are_open(connection, 2, 3)
    results.cancel()
    connection.answer(2, 4)
    connection.answer(3, 9)
    assert list(results) == [4, 9]
    assert list(results) == []


@pytest.mark.usefixtures("threads_end")
def test_as_they_come(connection: FakeConnection) -> None:
    results = imap(connection, [1, 2, 3], ordered=False, max_outstanding=0)
    are_open(connection, 0, 1, 2)
    for seq in (2, 0, 1):
        connection.answer(seq, seq)
    assert list(results) == [2, 0, 1]


@pytest.mark.usefixtures("threads_end")
def test_several_sequences_end_with_the_shortest(connection: FakeConnection) -> None:
    results = imap(connection, itertools.count(), "ab", max_outstanding=5)
    are_open(connection, 0, 1)
    assert arguments(connection, 1) == (1, "b")
    connection.answer(0, "x")
    connection.answer(1, "y")
    assert list(results) == ["x", "y"]


@pytest.mark.usefixtures("threads_end")
def test_what_the_input_raises_comes_behind_the_rest(
    connection: FakeConnection,
) -> None:
    results = imap(connection, broken())
    are_open(connection, 0)
    connection.answer(0, 1)
    assert next(results) == 1
    with pytest.raises(LookupError, match="no more"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


@pytest.mark.usefixtures("threads_end")
def test_it_comes_behind_what_is_under_way() -> None:
    class Late(FakeConnection):
        def wait(self, *arguments: Any) -> bool:
            self.answer(0, 1)  # only now, when somebody waits
            return super().wait(*arguments)

    connection = Late()
    results = imap(connection, broken(), ordered=False)
    wait_until(lambda: not feeders(), what="end of the input")
    assert next(results) == 1
    with pytest.raises(LookupError, match="no more"):
        next(results)


@pytest.mark.usefixtures("threads_end")
def test_it_comes_in_a_loop_too(connection: FakeConnection) -> None:
    async def run() -> None:
        results = imap(connection, broken())
        wait_until(lambda: not feeders(), what="end of the input")
        connection.answer(0, 1)
        assert await anext(results) == 1
        with pytest.raises(LookupError, match="no more"):
            await anext(results)
        assert [value async for value in results] == []

    asyncio.run(run())


def broken() -> Iterator[int]:
    """Give one element, and fail."""
    yield 1
    raise LookupError("no more")


@pytest.mark.usefixtures("threads_end")
def test_what_cannot_travel_comes_behind_the_rest(connection: FakeConnection) -> None:
    results = imap(connection, [1, threading.Lock()], max_outstanding=2)
    are_open(connection, 0)
    connection.answer(0, 1)
    assert next(results) == 1
    with pytest.raises(TypeError, match="cannot send argument 0 of square"):
        next(results)


@pytest.mark.usefixtures("threads_end")
def test_exceptions(connection: FakeConnection) -> None:
    for kept in (False, True):
        results = imap(connection, [1, 2], return_exceptions=kept)
        wait_until(lambda: len(connection.open) == 2, what="two tasks")
        first, second = sorted(connection.open)
        connection.answer(first, ValueError("bad"))
        connection.answer(second, 2)
        if kept:
            assert isinstance(next(results), ValueError)
        else:
            with pytest.raises(ValueError, match="bad"):
                next(results)
        assert next(results) == 2  # one failure does not end it


@pytest.mark.usefixtures("threads_end")
def test_a_dropped_one_takes_no_more(connection: FakeConnection) -> None:
    results = imap(connection, itertools.count())
    are_open(connection, 0, 1)
    del results
    gc.collect()
    connection.answer(0)
    connection.answer(1)
    wait_until(lambda: not feeders(), what="end of the thread")
    assert not connection.open


@pytest.mark.usefixtures("threads_end")
def test_to_interrupt_it_cancels_what_is_under_way(connection: FakeConnection) -> None:
    results = imap(connection, itertools.count())
    are_open(connection, 0, 1)
    results.cancel(interrupt=True)
    assert sorted(connection.aborted) == [([0], True), ([1], True)]
    assert list(results) == []


@pytest.mark.usefixtures("threads_end")
def test_the_connection_breaks(connection: FakeConnection) -> None:
    results = imap(connection, itertools.count())
    are_open(connection, 0, 1)
    connection.close(TransportError("cut"))
    for _ in range(2):
        with pytest.raises(TransportError, match="cut"):
            next(results)


@pytest.mark.parametrize("most", [-1, 1.5, True, "many"])
def test_an_impossible_number_outstanding(
    connection: FakeConnection, most: Any
) -> None:
    with pytest.raises(ValueError, match="max_outstanding is 'auto', or a number"):
        imap(connection, [1], max_outstanding=most)
    with pytest.raises(AssertionError, match="at least one sequence"):
        imap(connection)


@pytest.mark.usefixtures("threads_end")
def test_the_view_is_taken_as_it_is(connection: FakeConnection) -> None:
    view, tokens = View(connection), queue.SimpleQueue[int]()
    view.client = SimpleNamespace(name="mine")  # type: ignore[assignment]
    results = LazyMapIterator(view, square, [iter(tokens.get, -1)])
    view._connection = FakeConnection()  # a flag that is changed later
    tokens.put(1)
    tokens.put(-1)
    are_open(connection, 0)
    connection.answer(0, 1)
    assert list(results) == [1]


@pytest.mark.usefixtures("threads_end")
@pytest.mark.parametrize("ordered", [True, False])
def test_in_a_loop(connection: FakeConnection, ordered: bool) -> None:
    async def run() -> list[Any]:
        results = imap(connection, range(4), ordered=ordered)

        async def collect() -> list[Any]:
            return [value async for value in results]

        collecting = asyncio.create_task(collect())
        done = 0
        while done < 4:
            await asyncio.sleep(0)
            for seq in sorted(connection.open, reverse=True):
                connection.answer(seq, seq)
                done += 1
        return await asyncio.wait_for(collecting, 5)

    assert sorted(asyncio.run(run())) == [0, 1, 2, 3]


@pytest.mark.usefixtures("threads_end")
def test_as_many_at_a_time_as_the_view_has_engines(connection: FakeConnection) -> None:
    class One(View):
        def __len__(self) -> int:
            return 1

    results = LazyMapIterator(One(connection), square, [itertools.count()])
    for seq in range(3):
        are_open(connection, seq)
        connection.answer(seq, seq)
    are_open(connection, 3)
    results.cancel(interrupt=True)
    connection.answer(3)


@pytest.mark.usefixtures("threads_end")
def test_so_many_untaken_ones_stop_the_calls(
    connection: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazycalls, "UNTAKEN", 2)
    results = imap(connection, itertools.count(), max_outstanding=5)
    are_open(connection, 0, 1)
    connection.answer(0, 0)
    connection.answer(1, 1)
    for seq in range(2, 9):  # one for each that is taken
        assert next(results) == seq - 2
        are_open(connection, seq)
        connection.answer(seq, seq)
    results.cancel()


# Bars


class Bar:
    """What `new_bar` returns, but for that the test sees it."""

    def __init__(self, total: int | None, what: str) -> None:
        self.total, self.what = total, what
        self.n = 0
        self.closed = False

    def update(self) -> None:
        assert not self.closed
        self.n += 1

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    """Return the bars that are made."""
    made: list[Bar] = []

    def new_bar(total: int | None, what: str) -> Bar:
        made.append(Bar(total, what))
        return made[-1]

    monkeypatch.setattr(lazymaps, "new_bar", new_bar)
    return made


@pytest.mark.usefixtures("threads_end")
def test_a_bar_moves_with_what_comes(
    connection: FakeConnection, bars: list[Bar]
) -> None:
    results = imap(connection, range(3), "abcd", progress=True, max_outstanding=0)
    (bar,) = bars
    assert (bar.total, bar.what) == (3, "square")
    are_open(connection, 0, 1, 2)
    wait_until(lambda: not feeders(), what="end of the input")
    for seq in (1, 0, 2):
        assert (bar.n, bar.closed) == (3 - len(connection.open), False)
        connection.answer(seq, seq)
    assert (bar.n, bar.closed) == (3, True)
    assert list(results) == [0, 1, 2]


@pytest.mark.usefixtures("threads_end")
def test_a_bar_ends_with_the_input(connection: FakeConnection, bars: list[Bar]) -> None:
    tokens = queue.SimpleQueue[int]()
    results = imap(connection, iter(tokens.get, -1), progress=True)
    (bar,) = bars
    assert bar.total is None
    tokens.put(1)
    are_open(connection, 0)
    connection.answer(0, 1)
    assert (next(results), bar.n, bar.closed) == (1, 1, False)
    tokens.put(-1)
    wait_until(lambda: bar.closed, what="closed bar")


@pytest.mark.usefixtures("threads_end")
def test_there_is_no_bar_unless_it_is_asked_for(
    connection: FakeConnection, bars: list[Bar]
) -> None:
    assert list(imap(connection, [])) == []
    assert bars == []


def feeders() -> list[threading.Thread]:
    """Return the threads that take arguments."""
    return [each for each in threading.enumerate() if each.name == "parallel-imap"]
