"""Brings together what engines and clients of an earlier controller have: the shell.

What is decided is in `state.reunion`; here messages become what that is told, and the
record is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from time import monotonic, time
from typing import Any, NamedTuple, Protocol

from ..aliases import EngineId, Uuid
from ..protocol.messages import (
    EngineInfo,
    Held,
    Message,
    Outcome,
    Reopen,
    Stage,
    Status,
    Submit,
)
from ..protocol.terms import USUAL
from ..state.events import EngineJoined, Event, Holding, TasksEnded, TaskSubmitted
from ..state.history import CANCELLED, OK, end_of
from ..state.reunion import PATIENCE, Reunion, Told
from ..state.scheduler import Scheduler
from ..state.stories import ABORTED
from ..state.tasks import UNCLAIMED, TaskKey, key_of
from .functions import FunctionStore
from .store.entry import Entry, lost, msg_id_of, without_result
from .store.record import Record
from .work import UNKNOWN, Work

__all__ = ["End", "Reopening"]

#: Tasks of an earlier controller are lost if nobody asks for them within this, seconds.
LEASE = 120.0
NOT_KEPT = (
    "it ended, and then the controller was killed: its result was too large to be "
    "recorded, and this client had not got it"
)


class End(NamedTuple):
    """How a task ended, as its client is to be told."""

    outcome: Outcome
    frames: Sequence[Any]
    engine_uuid: Uuid


class Host(Protocol):
    """What is needed of the dispatcher."""

    machine: Scheduler
    record: Record
    functions: FunctionStore

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Let the machine decide, and do it."""

    def tell_client(
        self, key: TaskKey, message: Message, frames: Sequence[Any] = ()
    ) -> None:
        """Tell the client of a task something."""


class Reopening:
    """All that is left of earlier controllers.

    Parameters
    ----------
    awaited
        The engines that may come back, and their ids.
    hold_back
        Has engines keep, from now on, what they send, or no longer.
    """

    def __init__(
        self,
        host: Host,
        awaited: dict[Uuid, EngineId],
        hold_back: Callable[[bool], None],
        now: float,
    ) -> None:
        self._host = host
        machine = host.machine
        holds = machine.tasks.__contains__
        self._reunion = Reunion(awaited, holds, machine.knows, now)
        self._hold_back = hold_back
        self._holds_back = False
        self._has_taken_up = False
        #: How tasks ended, by what their clients told.
        self._ends: dict[TaskKey, int] = {}
        #: Called when something has changed outside of a turn.
        self._on_late: Callable[[], None] = lambda: None

    def start(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], None]) -> None:
        """Watch the time; `turn` has said what is to be said outside of a turn."""
        self._on_late = turn

        def late(do: Callable[[float], None]) -> None:
            do(loop.time())
            turn()

        loop.call_later(PATIENCE, late, self.hurry)
        loop.call_later(LEASE, late, self.end)

    @property
    def is_busy(self) -> bool:
        """Tell whether something waits, or is to come."""
        return self._reunion.is_busy

    def concerns(self, submit: Submit) -> bool:
        """Tell whether a submission goes by `admitted`."""
        terms = submit.terms
        depends = terms is not None and (terms.after or terms.follow) is not None
        return depends or self._reunion.is_busy

    def is_coming(self, key: TaskKey) -> bool:
        """Tell whether a task waits, or its client may yet submit it again."""
        return self._reunion.is_waiting(key) or self._reunion.wants(key)

    # Engines

    def engine_returned(self, info: EngineInfo, held: Held, now: float) -> None:
        """Take in an engine with all that it has."""
        keys = [(key_of(each.task), each) for each in held.tasks]
        holdings = [
            Holding(key, UNKNOWN, each.ordinal, each.stage is Stage.SUSPENDED)
            for key, each in keys
            if key is not None
        ]
        joined = EngineJoined(
            info.uuid, info.engine_id, info.resources, info.labels,
            holdings=holdings, reach=held.reach,
        )  # fmt: skip
        self._host.handle([joined], now)
        self.spoke(info.uuid, [each.key for each in holdings], now)

    def spoke(self, uuid: Uuid, held: Collection[TaskKey], now: float) -> None:
        """Take note that an engine is there, and of all that it has."""
        if uuid in self._reunion.awaited:
            self.release(now, self._reunion.spoke(uuid, held))

    def missed(self, uuid: Uuid, engine_id: EngineId, reason: str, now: float) -> None:
        """Take note that an engine will not come back."""
        self._host.machine.departed.setdefault(engine_id, reason)
        self._reunion.gone(uuid)
        self.release(now)

    # Clients

    def reopen(self, client: Uuid, message: Reopen, now: float) -> None:
        """Take in what a client that is back has under way."""
        ends = [(TaskKey(client, e.seq), e.end, e.engine_id) for e in message.ends]
        self._host.handle([TasksEnded(ends)], now)
        had = self._reunion.reopen(client, message.submitted, message.unfinished)
        for key, told in had.items():
            self._record(key, told.outcome)
        self._ends.update((key, end) for key, end, _ in ends)
        keys = [TaskKey(client, seq) for seq in message.unfinished]

        def answered(entries: Iterable[Entry], now: float) -> None:
            told = {entry.key: _told(entry) for entry in entries}
            self._reunion.answered(client, told)
            self.release(now)
            if not self._reunion.is_patient:
                self._end_unrecorded()

        self._ask(keys, answered, frames=True)

    def _end_unrecorded(self) -> None:
        """Record of which tasks the clients have results that the record lacks.

        They ended just before the controller was killed: who asks is told so.
        """
        record = self._host.record
        for entry in record.inherited():
            key = entry.key
            if self._reunion.has_had(key) and record.is_open(entry.msg_id):
                failed = self._ends.get(key, OK) != OK
                status = Status.ERROR if failed else Status.OK
                outcome = Outcome(key.seq, status, b"", 0, -1, 0, 0)
                record.finish(key, outcome, None, b"", time())

    def left(self, client: Uuid, now: float) -> None:
        """Take note that a client has left."""
        for key, told in self._reunion.left(client).items():
            self._record(key, told.outcome)
        self.release(now)

    def admitted(self, client: Uuid, work: Work, when: float) -> list[TaskSubmitted]:
        """Take in one submission; return the tasks of it that may go now."""
        submit = work.submit
        terms, going = submit.terms or USUAL, []
        for seq, target in enumerate(submit.targets or (None,), submit.seq):
            event = TaskSubmitted(TaskKey(client, seq), work, target, terms)
            self._host.functions.hold(submit.digest)
            may_go = self._take(event, when)
            if may_go is not None:
                going.append(may_go)
        return going

    def _take(self, event: TaskSubmitted, when: float) -> TaskSubmitted | None:
        """Take in what a client submits; return it if it may go now."""
        known = self._host.machine.tasks.get(event.key)
        if known is not None and known.terms is not UNCLAIMED:
            self._drop(event)  # it was taken up when its client was not there
            return None
        found = self._reunion.submit(event)
        if isinstance(found, Told):
            self._tell_end(event, found.outcome, recorded=found.final)
            return None
        return None if found is None else self._begin(found, when)

    def _begin(self, event: TaskSubmitted, when: float) -> TaskSubmitted:
        """Record a task that begins; return it."""
        submit, frames = event.body.submit, event.body.frames
        code = self._host.functions.code(submit.digest) if submit.digest else b""
        self._host.record.open(event.key, submit, frames, code, when)
        return event

    def _drop(self, event: TaskSubmitted) -> None:
        """Let go of what a task needs that is not to run."""
        self._host.functions.release(event.body.submit.digest)

    def _tell_end(self, event: TaskSubmitted, end: End, *, recorded: bool) -> None:
        """Tell a client how its task ended, and the record, unless it knows."""
        self._host.tell_client(event.key, end.outcome, end.frames)
        if not recorded:
            self._begin(event, time())
            self._record(event.key, end)
        self._drop(event)

    def withdraw(self, client: Uuid, seqs: Iterable[int]) -> None:
        """Give up those of these tasks that wait."""
        for event in self._reunion.withdraw(client, seqs):
            aborted = without_result(event.key.seq, Status.ABORTED, ABORTED)
            ends = [(event.key, CANCELLED, -1)]
            self._host.handle([TasksEnded(ends)], monotonic())
            self._tell_end(event, End(aborted, (), b""), recorded=False)

    def keep(self, key: TaskKey, end: End) -> None:
        """Keep how a task ended whose client has not told of it."""
        if self._reunion.wants(key):
            self._reunion.ended[key] = Told(end.outcome.status, end)
            self._settle()
        else:
            self._record(key, end)

    def _record(self, key: TaskKey, end: End) -> None:
        self._host.record.finish(key, *end, time())

    # What waits

    def release(self, now: float, keys: Iterable[TaskKey] | None = None) -> None:
        """Let go what waits no longer."""
        while True:
            going: list[TaskSubmitted] = []
            for event, told in self._reunion.release(keys):
                if told is None:
                    going.append(self._begin(event, time()))
                else:
                    self._tell_end(event, told.outcome, recorded=told.final)
            if going:
                self._host.handle(going, now)
            keys = None
            if not self._reunion.is_stale:
                break
        self._ask_of_others()
        if not self._reunion.is_patient and not self._reunion.awaited:
            self._take_up(now)
        self._settle()

    def look(self, now: float) -> None:
        """Let go what waits, if something has changed for it."""
        if self._reunion.is_stale:
            self.release(now)
        else:
            self._ask_of_others()
            self._settle()

    def _ask_of_others(self) -> None:
        """Ask the record of tasks that others depend on."""
        asked = self._reunion.to_ask()

        def answered(entries: Iterable[Entry], now: float) -> None:
            ends = [_end(entry) for entry in entries if entry.outcome is not None]
            self._host.handle([TasksEnded(ends)], now)
            self._reunion.found(asked)
            self.release(now)

        if asked:
            self._ask(asked, answered, frames=False)

    def _ask(
        self,
        keys: Collection[TaskKey],
        then: Callable[[Iterable[Entry], float], None],
        *,
        frames: bool,
    ) -> None:
        """Ask the record how tasks ended."""
        loop = asyncio.get_running_loop()

        def answered(known: Future[list[Entry]]) -> None:
            found = known.result() if known.exception() is None else []
            then(found, loop.time())
            self._on_late()

        def pass_on(known: Future[list[Entry]]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(answered, known)

        try:
            known = self._host.record.ended(keys, frames=frames)
        except ValueError:  # nothing is recorded
            known = Future()
            known.set_result([])
        known.add_done_callback(pass_on)

    def _settle(self) -> None:
        """Have engines keep what they send while it waits for clients here."""
        holds_back = bool(self._reunion.ended) and self._reunion.is_patient
        if holds_back is not self._holds_back:
            self._holds_back = holds_back
            self._hold_back(holds_back)

    # Who does not come

    def hurry(self, now: float) -> None:
        """Wait no longer for clients: the record has what their tasks gave."""
        self._reunion.hurry()
        for key, told in list(self._reunion.ended.items()):
            is_back = self._reunion.is_back(key.client)
            if not is_back and self._host.record.is_open(msg_id_of(key)):
                del self._reunion.ended[key]
                if told.status is not Status.LOST:  # else it is taken up
                    self._record(key, told.outcome)
        self._end_unrecorded()
        self.release(now)

    def _take_up(self, now: float) -> None:
        """Submit what clients that are not there have left to be done."""
        if self._has_taken_up:
            return
        self._has_taken_up = True
        tasks, host = self._host.machine.tasks, self._host
        going = [
            self._submission(entry)
            for entry in host.record.inherited()
            if entry.key not in tasks
            and entry.key.seq >= 0
            and not self._reunion.is_back(entry.key.client)
            and entry.frames is not None
            and (entry.code or not entry.digest)
            and _may_run_twice(entry)
        ]
        if going:
            host.handle(going, now)

    def _submission(self, entry: Entry) -> TaskSubmitted:
        """Return what submits a recorded task for a client that is not there."""
        if entry.digest:
            self._host.functions.define(entry.digest, entry.code)
        self._host.functions.hold(entry.digest)
        submit = entry.again(entry.key.seq)
        work = Work(submit, entry.frames or ())
        return TaskSubmitted(entry.key, work, entry.target, submit.terms or USUAL)

    def end(self, now: float) -> None:
        """Forget what nobody has asked for."""
        for key in list(self._reunion.ended):
            if not self._reunion.is_back(key.client):
                del self._reunion.ended[key]
        self._host.record.lose_inherited(time(), self._host.machine.tasks)
        self._ends.clear()

    def say(self, key: TaskKey, now: float) -> str:
        """Say what a task waits for here; '' if it does not."""
        return self._reunion.say(now) if self._reunion.is_waiting(key) else ""


def _told(entry: Entry) -> Told:
    """Return how a recorded task ended."""
    outcome, frames = entry.outcome, entry.result_frames
    assert outcome is not None
    if frames is None:
        outcome, frames = lost(entry.key.seq, NOT_KEPT), ()
    return Told(outcome.status, End(outcome, frames, entry.engine_uuid), final=True)


def _end(entry: Entry) -> tuple[TaskKey, int, EngineId]:
    outcome = entry.outcome
    assert outcome is not None
    return entry.key, end_of(outcome.status), outcome.engine_id


def _may_run_twice(entry: Entry) -> bool:
    terms = entry.submit.terms
    return terms is None or terms.engine_retries > 0
