"""The parts of a result are the same ones each time, and know whose tasks they are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED
from typing import Any

import pytest

from parallel.client.mapresults import AsyncMapResult
from parallel.client.results import AsyncResult
from parallel.errors import RemoteError
from parallel.protocol.messages import Method
from parallel.serialize.objects import pack
from tests.fakes.connection import FakeConnection, direct


def test_a_part_that_came_is_the_one_that_was_pending() -> None:
    connection = FakeConnection()
    ar = direct(connection)
    first, second = ar.split()
    connection.answer(0, "zero")
    assert ar.wait(0, return_when=FIRST_COMPLETED) == ({first}, {second})
    connection.answer(1, "one")
    assert ar.split() == (first, second)
    assert ar.wait(return_when=FIRST_COMPLETED) == ({first, second}, set())


def test_parts_go_with_who_asked_for_them() -> None:
    connection = FakeConnection()
    ar = direct(connection)
    gone = [weakref.ref(part) for part in ar.split()]
    connection.answer(0)
    connection.answer(1)
    gc.disable()
    try:
        assert [part() for part in gone] == [None, None]
        gone = [weakref.ref(ar)]
        ar.split()
        del ar
        assert gone[0]() is None
    finally:
        gc.enable()


def test_parts_give_exceptions_where_the_whole_does() -> None:
    connection: Any = FakeConnection()
    ar = AsyncMapResult(connection, "f", total=1, sizes=[1], return_exceptions=True)
    ar.number(connection.submit(ar, Method.MAP, b"", pack("call"), [0]), [0])
    connection.answer(0, ValueError("bad"))
    for each in (AsyncResult.join(ar, ar), AsyncResult.join(ar)):
        assert {type(found).__name__ for found in each.get()} == {"ValueError"}
        assert {isinstance(found, RemoteError) for found in each} == {True}


def test_what_is_not_submitted_yet_of_a_map_is_joined_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection: Any = FakeConnection()
    ar = AsyncMapResult(connection, "f", total=None)

    def feed(done: Callable[[], bool], *_: object) -> bool:
        for _ in range(2):
            index = ar.add_chunk(1)
            ar.number(connection.submit(ar, Method.MAP, b"", pack("call"), None, index))
        ar.end_at(2)
        return done()

    monkeypatch.setattr(connection, "wait", feed)
    assert AsyncResult.join(ar).msg_ids == ["cafe_0", "cafe_1"]


def test_what_is_joined_of_one_is_a_list_all_the_same() -> None:
    connection: Any = FakeConnection()
    ar = AsyncResult(connection, "f", single=True)
    ar.number(connection.submit(ar, Method.APPLY, b"", pack("call")))
    connection.answer(0, "value")
    assert AsyncResult.join(ar).get() == ["value"]


def test_a_single_value_is_indexed_itself() -> None:
    connection: Any = FakeConnection()
    ar = AsyncResult(connection, "f", single=True)
    ar.number(connection.submit(ar, Method.APPLY, b"", pack("call")))
    with pytest.raises(TimeoutError, match="has not finished"):
        _ = ar[1:]
    connection.answer(0, [1, 2, 3])
    assert (ar[0], ar[-1], ar[1:]) == (1, 3, [2, 3])


def test_several_values_are_indexed_by_their_engines() -> None:
    connection = FakeConnection()
    ar = direct(connection, 3)
    connection.answer(0, "zero")
    for key in (0, slice(0, 1)):
        with pytest.raises(TimeoutError, match="has not finished"):
            _ = ar[key]  # though that one has come
    connection.answer(2, "two")
    connection.answer(1, "one")
    assert (ar[0], ar[2], ar[1:]) == ("zero", "two", ["one", "two"])


@pytest.mark.parametrize("end", ["cancel", "answer"])
def test_parts_made_at_the_end_take_nobodys_news(end: str) -> None:
    connection = FakeConnection()
    ar = direct(connection, 1)
    told: list[int | None] = []
    ar.add_done_callback(lambda _: told.append(len(AsyncResult.join(ar))))
    ar.watch(told.append)
    if end == "cancel":
        ar.cancel()
    else:
        connection.answer(0)
    assert told[-2:] == [1, None]


def test_who_watches_and_fails_does_no_harm(
    connection: FakeConnection, caplog: pytest.LogCaptureFixture
) -> None:
    ar, told = direct(connection, 3), []

    def watch(index: int | None) -> None:
        told.append(index)
        if index == 1:
            raise OSError("the screen is gone")

    ar.watch(watch)
    for index in range(3):
        connection.answer(index, index)
    assert ar.get() == [0, 1, 2]
    assert told == [0, 1]
    assert "the screen is gone" in caplog.text
