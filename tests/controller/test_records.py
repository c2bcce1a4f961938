"""What clients are told of the record, whatever happens while it is read."""

from __future__ import annotations

import asyncio
import types
from concurrent.futures import Future
from typing import Any

import pytest

from parallel.controller.records import task_result
from parallel.controller.store.entry import Entry
from parallel.controller.store.memory import MemoryRecord
from parallel.controller.store.record import Record
from tests.controller.store.feeding import CLIENT, finish_task, open_task, run_task

NO_HUB: Any = types.SimpleNamespace(engines={})


class Reading(MemoryRecord):
    """A record whose file is read while a task begins: it is told unfinished once."""

    def watch(self, msg_id: str) -> Future[Entry]:
        if self._keys():
            return super().watch(msg_id)
        open_task(self, 0)
        found: Future[Entry] = Future()
        found.set_result(self._known([msg_id])[0])
        return found


def recording(record: Record, coming: list[bool]) -> Any:
    """Return what stands for a dispatch whose tasks are `coming`, or not any more."""
    next_of = iter([*coming, *[False] * 100])
    intake = types.SimpleNamespace(is_coming=lambda _: next(next_of))
    return types.SimpleNamespace(record=record, intake=intake)


class Missing(MemoryRecord):
    """A record whose file is read just before a task begins and ends."""

    def watch(self, msg_id: str) -> Future[Entry]:
        found = super().watch(msg_id)
        if not self._keys():
            run_task(self, 0)
        return found


async def ask(record: Record, coming: list[bool], *, begin: bool = False) -> Any:
    """Return what is told of a task that ends after it was asked for."""
    found = task_result(NO_HUB, recording(record, coming), msg_id=f"{CLIENT.hex()}_0")
    await asyncio.sleep(0)
    if begin:
        assert not found.done()
        open_task(record, 0)
        finish_task(record, 0)
    return await asyncio.wait_for(asyncio.wrap_future(found), 5)


def test_a_task_that_begins_while_it_is_looked_for() -> None:
    async def end_it_later() -> Any:
        record = Reading()
        asyncio.get_running_loop().call_later(0.01, finish_task, record, 0)
        return await ask(record, [])

    assert asyncio.run(end_it_later())["payload"] == b"result"


def test_a_task_that_begins_and_ends_after_it_was_looked_for() -> None:
    assert asyncio.run(ask(Missing(), [True]))["payload"] == b"result"


def test_a_task_that_is_on_its_way() -> None:
    told = asyncio.run(ask(MemoryRecord(), [True, True, True], begin=True))
    assert told["payload"] == b"result"


def test_a_task_that_nobody_submits() -> None:
    with pytest.raises(KeyError, match="no record of"):
        asyncio.run(ask(MemoryRecord(), [True, False]))


def test_a_task_of_which_nobody_wants_to_know_any_more() -> None:
    async def ask_and_leave() -> None:
        record = MemoryRecord()
        msg_id = open_task(record, 0)
        found = task_result(NO_HUB, recording(record, []), msg_id=msg_id)
        assert record._watched
        assert found.cancel()
        assert not record._watched
        finish_task(record, 0)
        await asyncio.sleep(0)

    asyncio.run(ask_and_leave())
