"""Maps submit their chunks as engines need them, and no chunk waits to be full."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from parallel.client.mapresults import AsyncMapResult
from parallel.client.maps import start_map
from parallel.errors import TaskAborted, TransportError
from parallel.protocol.messages import Status
from tests.fakes.connection import FakeConnection, are_open
from tests.integration.tasks import fsquare
from tests.waiting import wait_until


def lazy(connection: Any, *sequences: Any, **options: Any) -> Any:
    return start_map(
        connection, connection.pack_function(fsquare), sequences, **options
    )


def finish(connection: FakeConnection, seq: int, **options: Any) -> None:
    """Answer a chunk with the squares of its elements."""
    (elements,) = connection.open[seq][2]
    connection.answer(seq, [x**2 for x in elements], **options)


@pytest.mark.usefixtures("threads_end")
def test_a_generator_is_taken_as_engines_need_it(connection: FakeConnection) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for i in range(30):
            taken.append(i)
            yield i

    ar = lazy(connection, numbers())
    assert isinstance(ar, AsyncMapResult)
    assert not ar.sent
    wait_until(lambda: len(connection.open) >= 2, what="work for both engines")
    assert len(taken) < 30
    while not ar.done():
        for seq in sorted(connection.open):
            finish(connection, seq)
    assert ar.get() == list(ar) == [x**2 for x in range(30)]
    assert (len(ar), ar.progress, ar.sent) == (30, 30, True)


@pytest.mark.usefixtures("threads_end")
def test_what_chunks_print_is_shown(
    connection: FakeConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = lazy(connection, iter(range(10)), chunksize=4)
    are_open(connection, 0, 1, 2)
    connection.say(0, "before\n")
    with ar.stream_output():
        assert capsys.readouterr().out == "[stdout:?] before\n"
        for seq in (2, 1, 0):
            finish(connection, seq, stdout="before\n" if seq == 0 else "")
        assert len(ar) == 10
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("threads_end")
def test_an_idle_engine_gets_what_is_there(connection: FakeConnection) -> None:
    tokens = queue.SimpleQueue[int]()
    tokens.put(1)
    ar = lazy(connection, iter(tokens.get, -1))
    are_open(connection, 0)
    finish(connection, 0, seconds=1e-6)  # chunks would grow
    tokens.put(2)
    are_open(connection, 1)  # the next element is not waited for
    finish(connection, 1, seconds=1e-6)
    assert not ar.done()
    tokens.put(-1)
    assert ar.get(5) == [1, 4]


@pytest.mark.usefixtures("threads_end")
def test_chunks_of_a_given_size_from_a_generator(connection: FakeConnection) -> None:
    ar = lazy(connection, iter(range(10)), chunksize=4)
    are_open(connection, 0, 1, 2)
    for seq in (2, 1, 0):
        finish(connection, seq)
    assert ar.get(5) == [x**2 for x in range(10)]
    assert [len(part.get()[0]) for part in ar.split()] == [4, 4, 2]


def test_an_empty_generator_is_an_empty_list(connection: FakeConnection) -> None:
    assert lazy(connection, iter(())) == lazy(connection, []) == []


@pytest.mark.usefixtures("threads_end")
def test_what_the_generator_raises(connection: FakeConnection) -> None:
    def broken() -> Iterator[int]:
        yield from range(3)
        raise LookupError("no more")

    ar = lazy(connection, broken(), chunksize=1)
    are_open(connection, 0, 1, 2)
    for seq in range(3):
        finish(connection, seq)
    values = iter(ar)
    assert [next(values) for _ in range(3)] == [0, 1, 4]
    for call in (lambda: next(values), ar.get):
        with pytest.raises(LookupError, match="no more"):
            call()
    with pytest.raises(LookupError, match="no more"):
        next(lazy(connection, broken_at_once()))


def broken_at_once() -> Iterator[int]:
    """Raise before there is anything."""
    raise LookupError("no more")
    yield


@pytest.mark.usefixtures("threads_end")
def test_what_was_taken_before_is_not_lost(connection: FakeConnection) -> None:
    go_on = threading.Event()

    def broken() -> Iterator[int]:
        yield from range(10)
        go_on.wait(10)
        yield from range(10, 13)  # both engines are busy: these wait to be a chunk
        raise LookupError("no more")

    ar = lazy(connection, broken(), chunksize=5)
    are_open(connection, 0, 1)
    go_on.set()
    are_open(connection, 0, 1, 2)
    for seq in range(3):
        finish(connection, seq)
    values = iter(ar)
    assert [next(values) for _ in range(13)] == [x**2 for x in range(13)]
    with pytest.raises(LookupError, match="no more"):
        next(values)


@pytest.mark.usefixtures("threads_end")
@pytest.mark.parametrize("endless", [True, False])
def test_an_aborted_map_submits_no_more(
    connection: FakeConnection, endless: bool
) -> None:
    numbers: Any = itertools.count() if endless else range(1000)
    ar = lazy(connection, numbers)
    wait_until(lambda: len(connection.open) == 6, what="chunks under way")
    ar.abort()
    under_way, interrupt = connection.aborted[-1]
    assert (len(under_way), interrupt) == (6, False)
    finish(connection, 0)
    for seq in range(1, 6):
        connection.answer(seq, "as asked", status=Status.ABORTED)
    assert not connection.open
    with pytest.raises(Exception, match="TaskAborted: as asked"):
        ar.get(5)
    assert ar.get(return_exceptions=True)[0] == 0
    values = iter(ar)
    assert next(values) == 0
    with pytest.raises(TaskAborted):
        next(values)


@pytest.mark.usefixtures("threads_end")
def test_aborted_between_two_chunks(connection: FakeConnection) -> None:
    ar = lazy(connection, range(1000), chunksize=1)
    for seq in range(900):  # some are not submitted yet
        finish(connection, seq)
    ar.abort()
    for seq in sorted(connection.open):
        finish(connection, seq)
    if ar.progress < 1000:
        with pytest.raises(TaskAborted, match="of 1000 elements"):
            ar.get(5)


@pytest.mark.usefixtures("threads_end")
@pytest.mark.parametrize("endless", [True, False])
def test_a_cancelled_map_ends_all_that_wait(
    connection: FakeConnection, endless: bool
) -> None:
    numbers: Any = itertools.count() if endless else range(1000)
    ar = lazy(connection, numbers)
    wait_until(lambda: len(connection.open) == 6, what="chunks under way")
    assert ar.cancel()
    assert connection.aborted[-1][1] is True
    for seq in sorted(connection.open):
        finish(connection, seq)
    assert not connection.open  # nothing more was submitted
    assert ar.cancelled()
    assert ar.wait(0)
    with pytest.raises(Exception, match="square was cancelled"):
        ar.get()


@pytest.mark.usefixtures("threads_end")
def test_a_map_whose_connection_breaks(connection: FakeConnection) -> None:
    ar = lazy(connection, itertools.count())
    wait_until(lambda: len(connection.open) == 6, what="chunks under way")
    connection.close(TransportError("cut"))
    with pytest.raises(TransportError, match="cut"):
        ar.get()


def test_what_came_first(connection: FakeConnection) -> None:
    ar = lazy(connection, range(4), chunksize=2, ordered=False)
    assert ar.ordered is False
    finish(connection, 1)
    values = iter(ar)
    assert [next(values), next(values)] == [4, 9]
    finish(connection, 0)
    assert list(values) == [0, 1]
    assert ar.get() == [0, 1, 4, 9]


def test_a_failed_chunk_takes_all_its_places(connection: FakeConnection) -> None:
    ar = lazy(connection, range(4), chunksize=2, return_exceptions=True)
    connection.answer(0, ValueError("bad"))
    finish(connection, 1)
    error, again, *rest = ar.get()
    assert isinstance(error, ValueError)
    assert again is error
    assert rest == [4, 9]
    assert [type(x) for x in ar] == [type(error), type(error), int, int]


def test_each_chunk_knows_when_it_was_submitted(connection: FakeConnection) -> None:
    told: list[int] = []
    ar = lazy(connection, range(20), submitted=told.append)
    while not ar.done():
        finish(connection, min(connection.open))
    assert ar.msg_ids == [f"cafe_{seq}" for seq in told]
    times = ar.submitted
    assert times == sorted(times)
    assert times[0] < times[-1]


@pytest.mark.usefixtures("threads_end")
@pytest.mark.parametrize("lazily", [True, False])
def test_large_elements_wait_here(connection: FakeConnection, lazily: bool) -> None:
    large = np.zeros(2 << 20)  # 16 MiB
    arrays: Any = itertools.repeat(large, 10) if lazily else [large] * 10
    ar = lazy(connection, iter(arrays) if lazily else arrays, chunksize=1)
    wait_until(lambda: len(connection.open) == 4, what="two for each engine")
    for seq in range(10):
        wait_until(lambda seq=seq: seq in connection.open, what="the next")  # type: ignore[misc]
        assert len(connection.open) <= 4
        connection.answer(seq, [seq])
    assert ar.get(5) == list(range(10))
