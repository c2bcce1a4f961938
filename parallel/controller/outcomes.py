"""Tells clients, and the record, how tasks have ended."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from time import time
from typing import Any

from ..aliases import EngineId, Uuid
from ..protocol.messages import EngineDied, Outcome, SetupEnded, Status, Trouble
from ..state.events import DeliverOutcome, FailTask, TellPast
from ..state.naming import TaskKey
from ..state.tasks import Task
from .host import Host
from .pasts import again, past_of
from .peers import Peers
from .reopening.ends import End
from .reopening.reopening import Reopening
from .setups import Setups, say_deadly
from .store.entry import without_result
from .work import UNKNOWN

__all__ = ["Outcomes"]

#: Output that comes after its task's result finds the task among so many.
RECENT = 64


class Outcomes:
    """How tasks ended, and setups on each engine, and which have of late."""

    def __init__(self, host: Host, peers: Peers, setups: Setups) -> None:
        self._machine, self._record = host.machine, host.record
        self._functions = host.functions
        self._tell_client = host.tell_client
        self._peers = peers
        self._setups = setups
        #: Of each engine, tasks that have ended of late, by ordinal.
        self.recent: defaultdict[Uuid, OrderedDict[int, TaskKey]]
        self.recent = defaultdict(OrderedDict)
        #: The engine whose death is being dealt with, and what is known of that.
        self.dying: tuple[EngineId, EngineDied] | None = None
        #: What is left of earlier controllers, if there was one.
        self.reopening: Reopening | None = None

    def deliver(self, action: DeliverOutcome) -> None:
        """Tell how a task ended on its engine."""
        task, result = action.task, action.outcome.result
        key, work = task.key, task.body
        self._functions.release(work.submit.digest)
        engine = self._machine.by_id.get(action.engine_id)
        if engine is not None:
            recent = self.recent[engine.uuid]
            recent[result.ordinal] = key
            if len(recent) > RECENT:
                recent.popitem(last=False)
        outcome = Outcome(
            key.seq, result.status, result.payload, result.frames, action.engine_id,
            result.started, result.completed, result.stdout, result.stderr, action.note,
        )  # fmt: skip
        self._end(task, outcome, action.outcome.frames)

    def fail(self, action: FailTask) -> None:
        """Tell that a task has no result, and why."""
        key, work = action.task.key, action.task.body
        self._functions.release(work.submit.digest)
        stdout = stderr = ""
        if action.ran and self.dying is not None:
            _, died = self.dying
            stdout, stderr = died.stdout, died.stderr
        outcome = without_result(
            key.seq, action.status, action.reason, action.engine_id, stdout, stderr
        )
        self._end(action.task, outcome, ())
        if action.ran and self._setups.has_killed(key.client, work):
            self._functions.release(work.submit.digest)
            self._tell_client(key, Trouble(say_deadly(work), hinders=False))

    def tell_past(self, action: TellPast) -> None:
        """Tell that a task is to be started again."""
        task = action.task
        if not self._tell_client(task.key, again(task)):
            self._peers.leave_to_record()
        self._record.started(task.key, past_of(task))

    def _end(self, task: Task, outcome: Outcome, frames: Sequence[Any]) -> None:
        """Tell a client how its task, or its setup on one engine, ended."""
        key, work = task.key, task.body
        if work.setup is None:
            if not self._tell_client(key, outcome, frames):
                self._peers.leave_to_record()
            uuid = self._uuid_of(outcome.engine_id)
            self._record.finish(key, outcome, frames, uuid, time())
            return
        if work is UNKNOWN:
            if self.reopening is not None:
                uuid = self._uuid_of(outcome.engine_id)
                self.reopening.keep(task, End(outcome, frames, uuid))
            return
        if outcome.status is not Status.LOST:
            self._setups.ended(key.client, work.setup)
        told = SetupEnded(
            work.setup,
            outcome.engine_id,
            outcome.status,
            outcome.payload,
            outcome.frames,
        )
        self._tell_client(key, told, frames)

    def _uuid_of(self, engine_id: EngineId) -> Uuid:
        """Return the uuid of an engine that is there, or just died; else nothing."""
        engine = self._machine.by_id.get(engine_id)
        if engine is not None:
            return engine.uuid
        if self.dying is not None and self.dying[0] == engine_id:
            return self.dying[1].uuid
        return b""
