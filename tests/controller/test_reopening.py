"""What a killed controller had not recorded is not waited for in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from parallel.controller.functions import FunctionStore
from parallel.controller.muster import Enrolled, Muster
from parallel.controller.reopening.ends import End
from parallel.controller.reopening.reopening import Reopening
from parallel.controller.store.entry import lost, msg_id_of
from parallel.controller.store.record import Record
from parallel.controller.store.sqlite import SqliteRecord
from parallel.errors import ProtocolError
from parallel.protocol.messages import (
    EndedTask,
    EngineInfo,
    Held,
    HeldTask,
    Method,
    Outcome,
    Reopen,
    Stage,
    Status,
    Submit,
)
from parallel.protocol.terms import Condition, Terms
from parallel.state.events import Action, EngineLost, Event, FailTask, TaskSubmitted
from parallel.state.history import FAILED, OK
from parallel.state.naming import TaskKey
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import Task, TaskState

CLIENT = b"c" * 16
#: The record answers within this, seconds.
PATIENCE = 30.0


class Host:
    """A dispatcher that says nothing, and knows what the machine wants done."""

    def __init__(self, record: Record) -> None:
        self.machine = Scheduler()
        self.record = record
        self.functions = FunctionStore()
        self.actions: list[Action] = []

    def handle(self, events: Sequence[Event], now: float) -> None:
        self.actions += self.machine.handle_all(events, now)

    def tell_client(self, *_: Any) -> bool:
        return True


class Engines:
    """Engines that keep nothing."""

    def hold_back(self, holds_back: bool) -> None:
        pass

    def leave_to_record(self) -> None:
        pass


def begun(path: Path, *keys: TaskKey) -> None:
    """Leave a record in which these tasks have begun."""
    record = SqliteRecord(path)
    record.start(print)
    for key in keys:
        record.open(key, Submit(key.seq, Method.APPLY, b"", b"call"), (), b"", 1.0)
    record.close()


def mustered(*awaited: EngineInfo) -> Muster:
    """Return a second controller's roster."""
    muster = Muster(None, 2)
    muster.awaited = {each.uuid: Enrolled(each, 0, 1) for each in awaited}
    return muster


ENGINE = EngineInfo(0, b"e" * 16, "host", 1)


@pytest.mark.parametrize("status", [Status.OK, Status.ERROR, None])
def test_the_death_of_an_engine_with_a_result_that_was_had_fails_nothing(
    tmp_path: Path, status: Status | None
) -> None:
    """What depends on it goes by how it ended, as the record or its client knows."""
    had, next_one = TaskKey(CLIENT, 0), TaskKey(CLIENT, 1)
    begun(tmp_path / "tasks.db", had)
    record = SqliteRecord(tmp_path / "tasks.db", inherits=True)
    record.start(print)
    record.history().result(PATIENCE)
    if status is not None:
        record.finish(had, Outcome(0, status, b"", 0, 0, 0, 0), None, b"", 1.0)
    host = Host(record)

    async def come_back() -> None:
        told = asyncio.Event()
        reopening = Reopening(host, mustered(ENGINE), Engines(), 0.0)
        reopening.start(asyncio.get_running_loop(), told.set)
        token = Task(had, None).token
        held = Held(1, [HeldTask(token, 1, Stage.ENDED)])
        reopening.engine_returned(ENGINE, held, 0.0)
        reopening.reopen(CLIENT, Reopen(1, []), 0.0)
        terms = Terms(after=Condition([msg_id_of(had)]))
        host.handle([TaskSubmitted(next_one, "next", None, terms)], 0.0)
        host.actions.clear()
        host.handle([EngineLost(ENGINE.uuid, "died")], 0.0)
        (failed,) = host.actions
        assert isinstance(failed, FailTask)
        await asyncio.wait_for(told.wait(), PATIENCE)  # of what the record was asked
        told.clear()
        reopening.keep(failed.task, End(lost(0), (), ENGINE.uuid))
        await asyncio.wait_for(told.wait(), PATIENCE)

    asyncio.run(come_back())
    (waits,) = host.machine.tasks.values() or [None]
    if status is Status.ERROR:
        assert waits is None
        assert host.actions[-1].status is Status.IMPOSSIBLE
    else:
        assert waits is not None
        assert waits.state is TaskState.QUEUED
    entry = record.watch(msg_id_of(had)).result(PATIENCE)
    assert entry.outcome is not None
    assert entry.outcome.status is (status or Status.OK)
    record.close()


@pytest.mark.parametrize("end", [OK, FAILED])
def test_what_an_engine_took_along_before_its_client_was_back_is_as_that_has_it(
    tmp_path: Path, end: int
) -> None:
    had = TaskKey(CLIENT, 0)
    begun(tmp_path / "tasks.db", had)
    record = SqliteRecord(tmp_path / "tasks.db", inherits=True)
    record.start(print)
    record.history().result(PATIENCE)
    host = Host(record)

    async def come_back() -> None:
        reopening = Reopening(host, mustered(ENGINE), Engines(), 0.0)
        reopening.start(asyncio.get_running_loop(), lambda: None)
        held = Held(1, [HeldTask(Task(had, None).token, 1, Stage.ENDED)])
        reopening.engine_returned(ENGINE, held, 0.0)
        host.handle([EngineLost(ENGINE.uuid, "died")], 0.0)
        (failed,) = host.actions
        assert isinstance(failed, FailTask)
        reopening.keep(failed.task, End(lost(0), (), ENGINE.uuid))
        reopening.reopen(CLIENT, Reopen(1, [], [EndedTask(0, end, 0)]), 0.0)
        for _ in range(10_000):
            if not record.is_open(msg_id_of(had)):
                return
            await asyncio.sleep(0.001)

    asyncio.run(come_back())
    terms = Terms(after=Condition([msg_id_of(had)]))
    host.handle([TaskSubmitted(TaskKey(CLIENT, 1), "next", None, terms)], 0.0)
    waits = host.machine.tasks.get(TaskKey(CLIENT, 1))
    assert (waits is not None) is (end == OK)
    entry = record.watch(msg_id_of(had)).result(PATIENCE)
    assert entry.outcome is not None
    assert entry.outcome.status is (Status.OK if end == OK else Status.ERROR)
    record.close()


def test_an_end_that_only_its_client_knows_is_told_without_its_result(
    tmp_path: Path,
) -> None:
    good, bad, open_still = (TaskKey(CLIENT, seq) for seq in range(3))
    begun(tmp_path / "tasks.db", good, bad, open_still)
    record = SqliteRecord(tmp_path / "tasks.db", inherits=True)
    record.start(print)
    record.history().result(PATIENCE)

    async def come_back() -> None:
        reopening = Reopening(Host(record), mustered(), Engines(), 0.0)
        ends = [EndedTask(0, OK, 0), EndedTask(1, FAILED, 0)]
        reopening.reopen(CLIENT, Reopen(3, [2], ends), 0.0)
        reopening.hurry(1.0)

    asyncio.run(come_back())
    for key, status in ((good, Status.OK), (bad, Status.ERROR)):
        entry = record.watch(msg_id_of(key)).result(PATIENCE)
        assert entry.outcome is not None
        assert entry.outcome.status is status
        assert entry.result_frames is None, "its result is not known"
    assert record.is_open(msg_id_of(open_still))
    record.close()


def test_a_client_is_back_once(tmp_path: Path) -> None:
    """Else it could have the record asked without end, and more be expected of it."""
    record = SqliteRecord(tmp_path / "tasks.db", inherits=True)
    record.start(print)

    async def come_back() -> None:
        reopening = Reopening(Host(record), mustered(), Engines(), 0.0)
        reopening.reopen(CLIENT, Reopen(1, [0]), 0.0)
        with pytest.raises(ProtocolError, match="told before"):
            reopening.reopen(CLIENT, Reopen(2, [1]), 0.0)

    asyncio.run(come_back())
    record.close()
