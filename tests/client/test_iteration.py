"""An iteration keeps to its order, whatever comes first, and stops at a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from parallel.client.results import AsyncResult
from parallel.protocol.messages import Method
from parallel.serialize.objects import pack
from tests.fakes.connection import FakeConnection


def several(connection: Any) -> AsyncResult:
    """Return the result of one call on three engines."""
    ar = AsyncResult(connection, "f", single=False, count=3)
    ar.number(connection.submit(ar, Method.APPLY, b"", pack("call"), [0, 1, 2]), [0])
    return ar


def test_what_comes_first_is_not_given_first(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = FakeConnection()
    ar = several(connection)
    to_come = [2, 1, 0]

    def wait(done: Callable[[], bool], *_: object) -> bool:
        while not done():
            seq = to_come.pop(0)
            connection.answer(seq, f"value {seq}")
        return True

    monkeypatch.setattr(connection, "wait", wait)
    values = iter(ar)
    assert next(values) == "value 0"
    assert to_come == []
    assert list(values) == ["value 1", "value 2"]


def test_what_comes_is_given_though_the_rest_has_not_come() -> None:
    connection = FakeConnection()
    values = iter(several(connection))
    for seq in (0, 1):
        connection.answer(seq, seq)
        assert next(values) == seq


def test_it_stops_at_what_failed() -> None:
    connection = FakeConnection()
    values = iter(several(connection))
    connection.answer(0, "value")
    connection.answer(1, KeyError("k"))
    assert next(values) == "value"
    with pytest.raises(KeyError):
        next(values)


def test_in_a_loop_it_does_the_same() -> None:
    async def run() -> None:
        connection = FakeConnection()
        ar = several(connection)
        given: list[Any] = []

        async def iterate() -> None:
            async for value in ar:
                given.append(value)  # noqa: PERF401 - it is watched meanwhile

        iterating = asyncio.create_task(iterate())

        async def turns() -> list[Any]:
            for _ in range(10):
                await asyncio.sleep(0)
            return given

        assert await turns() == []
        assert connection.attended == 1  # nobody else reads the connection
        connection.answer(1, "second")
        assert await turns() == []
        connection.answer(0, "first")
        assert await turns() == ["first", "second"]
        connection.answer(2, KeyError("k"))
        with pytest.raises(KeyError):
            await asyncio.wait_for(iterating, 10)

    asyncio.run(run())


def test_a_single_value_is_not_iterated_in_a_loop_either() -> None:
    async def run() -> None:
        connection: Any = FakeConnection()
        async for _ in AsyncResult(connection, "f", single=True):
            pass

    with pytest.raises(TypeError, match="single result"):
        asyncio.run(asyncio.wait_for(run(), 10))
