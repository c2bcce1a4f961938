"""What a killed controller had not recorded is not waited for in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parallel.controller.functions import FunctionStore
from parallel.controller.reopening import Reopening
from parallel.controller.store.entry import msg_id_of
from parallel.controller.store.record import Record
from parallel.controller.store.sqlite import SqliteRecord
from parallel.protocol.messages import EndedTask, Method, Reopen, Status, Submit
from parallel.state.events import Event
from parallel.state.history import FAILED, OK
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import TaskKey

CLIENT = b"c" * 16
#: The record answers within this, seconds.
PATIENCE = 30.0


class Host:
    """A dispatcher that says nothing."""

    def __init__(self, record: Record) -> None:
        self.machine = Scheduler()
        self.record = record
        self.functions = FunctionStore()

    def handle(self, events: Sequence[Event], now: float) -> None:
        self.machine.handle_all(events, now)

    def tell_client(self, *_: Any) -> None:
        pass

    def engine_is_there(self, *_: Any) -> None:
        pass


def begun(path: Path, *keys: TaskKey) -> None:
    """Leave a record in which these tasks have begun."""
    record = SqliteRecord(path)
    record.start(print)
    for key in keys:
        record.open(key, Submit(key.seq, Method.APPLY, b"", b"call"), (), b"", 1.0)
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
        reopening = Reopening(Host(record), {}, lambda _: None, 0.0)
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
