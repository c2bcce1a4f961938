"""Carries out what the task scheduler decides, over the peers' connections."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..aliases import Digest, EngineId, Uuid
from ..protocol.messages import (
    Assign,
    Define,
    EngineDied,
    Message,
    Need,
    Outcome,
    Output,
    Result,
    Revoke,
    Revoked,
    Status,
    Submit,
    TaskOutput,
)
from ..state.events import (
    DeliverOutcome,
    EngineJoined,
    EngineLost,
    Event,
    FailTask,
    RevokeTasks,
    SendTask,
    TaskFinished,
    TasksRevoked,
    TaskSubmitted,
    TimePassed,
)
from ..state.scheduler import Scheduler
from ..state.tasks import TaskKey
from .functions import FunctionStore
from .peers import Peer, Peers

__all__ = ["Dispatch"]

#: Output that comes after its task's result finds the task among so many.
RECENT = 64
#: So many functions an engine is remembered to know.
KNOWN = 1024


class Work(NamedTuple):
    """What an engine is to be sent for a task."""

    submit: Submit
    frames: Sequence[Any]


class Ended(NamedTuple):
    """A result as it came, with its frames."""

    result: Result
    frames: Sequence[Any]


class Dispatch:
    """The shell around `state.scheduler`."""

    def __init__(self, peers: Peers) -> None:
        self.machine = Scheduler()
        self._peers = peers
        self._functions = FunctionStore()
        #: Submissions whose function has not come yet.
        self._parked: dict[Digest, list[tuple[Peer, Work]]] = {}
        self._known: dict[Uuid, set[Digest]] = {}
        self._recent: dict[Uuid, OrderedDict[int, TaskKey]] = {}
        #: What the engine printed last whose death is being dealt with.
        self._last_words = "", ""
        self._carry: dict[type, Any] = {
            SendTask: self._send_task,
            DeliverOutcome: self._deliver,
            FailTask: self._fail,
            RevokeTasks: self._revoke,
        }

    # What peers say

    def on_submit(
        self, peer: Peer, submit: Submit, frames: Sequence[Any], now: float
    ) -> None:
        """Take in one submission: a task for each of its targets."""
        work = Work(submit, frames)
        if submit.digest not in self._functions:
            if submit.digest not in self._parked:
                self._peers.say(peer, Need(submit.digest))
            self._parked.setdefault(submit.digest, []).append((peer, work))
            return
        self._admit(peer, work, now)

    def _admit(self, peer: Peer, work: Work, now: float) -> None:
        submit = work.submit
        targets: Sequence[EngineId | None] = submit.targets or [None]
        for i, target in enumerate(targets):
            self._functions.hold(submit.digest)
            key = TaskKey(peer.uuid, submit.seq + i)
            self.handle(TaskSubmitted(key, work, target), now)

    def on_define(self, define: Define, now: float) -> None:
        """Keep a function, and let go what waited for it."""
        self._functions.define(define.digest, define.code)
        for peer, work in self._parked.pop(define.digest, ()):
            self._admit(peer, work, now)

    def on_need(self, peer: Peer, need: Need) -> None:
        """Send an engine a function again that it has forgotten."""
        if need.digest in self._functions:
            self._peers.say(
                peer, Define(need.digest, self._functions.code(need.digest))
            )

    def on_result(
        self, peer: Peer, result: Result, frames: Sequence[Any], now: float
    ) -> None:
        """Take in a result."""
        duration = result.completed - result.started
        ended = Ended(result, frames)
        self.handle(TaskFinished(peer.uuid, result.ordinal, duration, ended), now)

    def on_revoked(self, peer: Peer, revoked: Revoked, now: float) -> None:
        """Take back what an engine will not start."""
        self.handle(TasksRevoked(peer.uuid, revoked.asked, revoked.given), now)

    def on_output(self, peer: Peer, output: Output) -> None:
        """Pass on what a task printed after its result, or beside it."""
        recent = self._recent.get(peer.uuid)
        key = None if recent is None else recent.get(output.ordinal)
        engine = self.machine.engines.get(peer.uuid)
        if key is None and engine is not None and output.ordinal in engine.inhand:
            key = engine.inhand[output.ordinal].key
        if key is not None:
            told = TaskOutput(key.seq, output.stdout, output.stderr, output.running)
            self._tell_client(key, told)

    # Engines come and go

    def engine_joined(self, uuid: Uuid, engine_id: EngineId, now: float) -> None:
        """Give an engine its first work."""
        self._known.setdefault(uuid, set())
        self._recent.setdefault(uuid, OrderedDict())
        self.handle(EngineJoined(uuid, engine_id), now)

    def engine_lost(
        self, died: EngineDied, position: int | None, now: float, *, proved: bool
    ) -> None:
        """Do with a dead engine's work what the machine decides."""
        self._last_words = died.stdout, died.stderr
        self.handle(EngineLost(died.uuid, died.reason, position, proved), now)
        self._last_words = "", ""
        self._known.pop(died.uuid, None)
        self._recent.pop(died.uuid, None)

    def client_left(self, client: Uuid) -> None:
        """Forget what waits for a function that will not come any more."""
        for digest, waiting in list(self._parked.items()):
            kept = [(peer, work) for peer, work in waiting if peer.uuid != client]
            if kept:
                self._parked[digest] = kept
                self._peers.say(kept[0][0], Need(digest))  # the asked one may be gone
            else:
                del self._parked[digest]

    def on_time(self, now: float) -> None:
        """Tell the machine that it is as late as it asked."""
        self.handle(TimePassed(), now)

    # Carrying out

    def handle(self, event: Event, now: float) -> None:
        """Let the machine decide, and do it."""
        for action in self.machine.handle(event, now):
            self._carry[type(action)](action)

    def _send_task(self, action: SendTask) -> None:
        peer = self._peers.channel(action.uuid, "work")
        if peer is None:  # its connection broke: it returns, or is found dead
            return
        submit, frames = action.task.body
        digest = submit.digest
        known = self._known[action.uuid]
        if digest and digest not in known:
            if len(known) >= KNOWN:
                known.clear()  # to define one again does no harm
            known.add(digest)
            self._peers.say(peer, Define(digest, self._functions.code(digest)))
        assign = Assign(
            action.ordinal, submit.method, digest, submit.payload, submit.frames
        )
        self._peers.say(peer, assign, frames)

    def _deliver(self, action: DeliverOutcome) -> None:
        result, frames = action.outcome
        key, body = action.task.key, action.task.body
        self._functions.release(body.submit.digest)
        engine = self.machine.by_id.get(action.engine_id)
        if engine is not None:
            recent = self._recent[engine.uuid]
            recent[result.ordinal] = key
            if len(recent) > RECENT:
                recent.popitem(last=False)
        outcome = Outcome(
            key.seq,
            result.status,
            result.payload,
            result.frames,
            action.engine_id,
            result.started,
            result.completed,
            result.stdout,
            result.stderr,
        )
        self._tell_client(key, outcome, frames)

    def _fail(self, action: FailTask) -> None:
        key = action.task.key
        self._functions.release(action.task.body.submit.digest)
        stdout, stderr = self._last_words if action.ran else ("", "")
        payload = pickle.dumps(action.reason)
        outcome = Outcome(
            key.seq, Status.LOST, payload, 0, action.engine_id, 0, 0, stdout, stderr
        )
        self._tell_client(key, outcome)

    def _revoke(self, action: RevokeTasks) -> None:
        peer = self._peers.channel(action.uuid, "control")
        if peer is not None:
            self._peers.say(peer, Revoke(action.ordinals))

    def _tell_client(
        self, key: TaskKey, message: Message, frames: Sequence[Any] = ()
    ) -> None:
        peer = self._peers.channel(key.client, "work")
        if peer is not None:
            self._peers.say(peer, message, frames)
