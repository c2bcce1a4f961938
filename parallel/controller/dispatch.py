"""Carries out what the task scheduler decides, over the peers' connections."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic, time
from typing import Any, TypeAlias, TypeVar

from ..aliases import Digest, EngineId, Uuid
from ..errors import ProtocolError
from ..protocol.messages import (
    Abort,
    Assign,
    Define,
    EngineDied,
    EngineInfo,
    Interrupt,
    Message,
    Need,
    Outcome,
    Output,
    Publish,
    Published,
    Result,
    Resumed,
    Revoke,
    Revoked,
    Setup,
    SetupEnded,
    Status,
    Submit,
    Suspended,
    TaskOutput,
    Trouble,
)
from ..protocol.terms import USUAL
from ..protocol.wire import digest_of
from ..state.events import (
    DeliverOutcome,
    EngineJoined,
    EngineLost,
    Event,
    FailTask,
    InterruptTask,
    KillEngine,
    RevokeTasks,
    SendTask,
    TaskFinished,
    TaskResumed,
    TasksAborted,
    TasksRevoked,
    TaskSubmitted,
    TaskSuspended,
    TimePassed,
)
from ..state.scheduler import Scheduler
from ..state.stories import ABORTED
from ..state.tasks import TaskKey, task_key, token_of
from .credits import Credits, Holdings
from .functions import FunctionStore
from .parking import Parking
from .peers import Peer, Peers
from .reopening import End, Reopening
from .setups import Setups, say_deadly
from .store.entry import Entry, msg_id_of, without_result
from .store.fields import too_large
from .store.record import Record
from .work import UNKNOWN, Ended, Work

__all__ = ["Dispatch"]

#: Output that comes after its task's result finds the task among so many.
RECENT = 64
#: The targets of a task that any engine may run.
ANYWHERE: Sequence[EngineId | None] = (None,)
M = TypeVar("M")
#: Messages of one kind, each with its frames, at least one.
Come: TypeAlias = Sequence[tuple[M, Sequence[Any]]]
#: So many functions an engine is remembered to know.
KNOWN = 1024


class Dispatch:
    """The shell around `state.scheduler`."""

    def __init__(
        self,
        peers: Peers,
        machine: Scheduler,
        record: Record,
        kill: Callable[[Uuid, str], None],
        holdings: Holdings,
        epoch: int = 1,
    ) -> None:
        self.machine = machine
        self.record = record
        self._peers = peers
        self._kill = kill
        self.functions = FunctionStore()
        self._parking = Parking()
        self._setups = Setups()
        #: How much each client may have under way.
        self.credits = Credits(peers, holdings)
        #: Setups' tasks are numbered down: no client knows them. Engines may have some
        #: of earlier controllers.
        self._setup_seqs = count(-1 - (epoch << 32), -1)
        #: What is left of earlier controllers, if there was one.
        self.reopening: Reopening | None = None
        #: Of each engine, functions that it knows, and tasks that have ended of late.
        self._known: defaultdict[Uuid, set[Digest]] = defaultdict(set)
        self._recent: defaultdict[Uuid, OrderedDict[int, TaskKey]]
        self._recent = defaultdict(OrderedDict)
        #: The engine whose death is being dealt with, and what is known of that.
        self._dying: tuple[EngineId, EngineDied] | None = None
        self._carry: dict[type, Any] = {
            SendTask: self._send_task,
            DeliverOutcome: self._deliver,
            FailTask: self._fail,
            RevokeTasks: lambda action: self._order(
                action.uuid, Revoke(action.ordinals)
            ),
            InterruptTask: lambda action: self._order(
                action.uuid, Interrupt(action.ordinal, action.status, action.reason)
            ),
            KillEngine: lambda action: self._kill(action.uuid, action.reason),
        }

    # What clients say

    def on_submits(self, peer: Peer, come: Come[Submit], now: float) -> None:
        """Take in submissions that came together."""
        client, functions, parking = peer.uuid, self.functions, self._parking
        events: list[TaskSubmitted] = []
        when, last = time(), peer.submitted
        for submit, frames in come:
            if submit.seq <= last:  # no honest client's: they count up
                self.handle(events, now)
                events = []
                if self._has_some(client, submit):
                    continue
            last = submit.seq + len(submit.targets or ANYWHERE) - 1
            work = Work(submit, frames)
            if submit.digest in functions and client not in parking:
                events += self._admitted(client, work, when)
                continue
            if submit.digest not in functions and client not in parking:
                self._peers.say(peer, Need(submit.digest))
            parking.park(client, work)
        peer.submitted = last
        self.handle(events, now)
        self._look_at_old(now)

    def _look_at_old(self, now: float) -> None:
        """See to what waits for engines and clients of earlier controllers."""
        if self.reopening is not None and self.reopening.is_busy:
            self.reopening.look(now)

    def _has_some(self, client: Uuid, submit: Submit) -> bool:
        """Tell whether a task of a submission is here already."""
        numbers = range(submit.seq, submit.seq + len(submit.targets or ANYWHERE))
        return any(TaskKey(client, seq) in self.machine.tasks for seq in numbers)

    def is_coming(self, msg_id: str) -> bool:
        """Tell whether a task may be on its way from a client that is there."""
        key = task_key(msg_id)
        peer = None if key is None else self._peers.work.get(key.client)
        if key is None:
            return False
        if self.reopening is not None and self.reopening.is_coming(key):
            return True
        on_the_way = peer is not None and key.seq > peer.submitted
        return on_the_way or key.client in self._parking

    def _admitted(self, client: Uuid, work: Work, when: float) -> list[TaskSubmitted]:
        """Take in one submission: return a task for each of its targets."""
        if self.reopening is not None and self.reopening.concerns(work.submit):
            return self.reopening.admitted(client, work, when)
        submit, frames = work.submit, work.frames
        digest, terms = submit.digest, submit.terms or USUAL
        code = self.functions.code(digest) if digest else b""
        events: list[TaskSubmitted] = []
        for seq, target in enumerate(submit.targets or ANYWHERE, submit.seq):
            self.functions.hold(digest)
            key = TaskKey(client, seq)
            self.record.open(key, submit, frames, code, when)
            events.append(TaskSubmitted(key, work, target, terms))
        return events

    def resubmit(self, entries: Sequence[Entry], now: float) -> list[str]:
        """Take in recorded tasks once more, under new ids; return these.

        Raises
        ------
        ValueError
            The arguments of one, or its function, were not kept.
        """
        for entry in entries:
            if entry.frames is None or (entry.digest and not entry.code):
                raise ValueError(too_large("arguments or function", entry))
        keys = [self.record.new_key() for _ in entries]
        for key, entry in zip(keys, entries, strict=True):
            if entry.digest:
                self.functions.define(entry.digest, entry.code)
            work = Work(entry.again(key.seq), entry.frames or ())
            self.handle(self._admitted(key.client, work, time()), now)
        self.record.resubmitted(
            {entry.key: key for key, entry in zip(keys, entries, strict=True)}
        )
        return [msg_id_of(key) for key in keys]

    def on_define(self, define: Define, now: float) -> None:
        """Keep a function, and let go what waited for it.

        Raises
        ------
        ProtocolError
            It has another one's name: others' tasks would call it.
        """
        if define.digest != digest_of(define.code):
            raise ProtocolError("the function is not the one that its digest names")
        self.functions.define(define.digest, define.code)
        for client in self._parking.clients():
            for work in self._parking.release(client, self.functions.__contains__):
                self.handle(self._admitted(client, work, time()), now)
                self._look_at_old(now)
            lacking = self._parking.lacking(client)
            peer = self._peers.channel(client, "work")
            if lacking is not None and peer is not None:
                self._peers.say(peer, Need(lacking))

    def on_abort(self, peer: Peer, abort: Abort, now: float) -> None:
        """Give up tasks of a client: see `state.events.TasksAborted`."""
        self.abort(peer.uuid, abort.seqs, abort.interrupt, now)

    def abort(
        self, client: Uuid, seqs: Sequence[int], interrupt: bool, now: float
    ) -> None:
        """Give up tasks, whoever asks for it."""
        for seq in self._parking.withdraw(client, set(seqs)):
            aborted = without_result(seq, Status.ABORTED, ABORTED)
            self.tell_client(TaskKey(client, seq), aborted)
        if self.reopening is not None and self.reopening.is_busy:
            self.reopening.withdraw(client, seqs)
        self.handle([TasksAborted(client, seqs, interrupt)], now)

    def on_setup(
        self, peer: Peer, setup: Setup, frames: Sequence[Any], now: float
    ) -> None:
        """Run something on each engine that its client does not know yet."""
        if setup.digest not in self.functions:  # it came just before: it cannot be
            return
        self.functions.hold(setup.digest)
        work, earlier = self._setups.add(peer.uuid, setup, frames)
        if earlier is not None:
            self.functions.release(earlier.submit.digest)
        for engine_id in sorted(set(self.machine.by_id) - set(setup.known)):
            self.functions.hold(setup.digest)
            key = TaskKey(peer.uuid, next(self._setup_seqs))
            self.handle([TaskSubmitted(key, work, engine_id)], now)

    def client_left(self, client: Uuid) -> None:
        """Forget what waits for a function that will not come any more."""
        self._parking.forget(client)
        self.credits.leave(client)
        for work in self._setups.forget(client):
            self.functions.release(work.submit.digest)
        if self.reopening is not None:
            self.reopening.left(client, monotonic())

    # What engines say

    def on_need(self, peer: Peer, need: Need) -> None:
        """Send an engine a function again that it has forgotten."""
        if need.digest and need.digest in self.functions:
            self._peers.say(peer, Define(need.digest, self.functions.code(need.digest)))

    def on_results(self, peer: Peer, come: Come[Result], now: float) -> None:
        """Take in results that came together."""
        uuid = peer.uuid
        events = [
            TaskFinished(
                uuid,
                result.ordinal,
                result.completed - result.started,
                Ended(result, frames),
                result.status,
            )
            for result, frames in come
        ]
        self.handle(events, now)

    def on_suspended(self, peer: Peer, suspended: Suspended, now: float) -> None:
        """Note that a task waits for others, and its engine may run more."""
        self.handle([TaskSuspended(peer.uuid, suspended.ordinal)], now)

    def on_resumed(self, peer: Peer, resumed: Resumed, now: float) -> None:
        """Note that a task has what it waited for."""
        self.handle([TaskResumed(peer.uuid, resumed.ordinal)], now)

    def on_revoked(self, peer: Peer, revoked: Revoked, now: float) -> None:
        """Take back what an engine will not start."""
        self.handle([TasksRevoked(peer.uuid, revoked.asked, revoked.given)], now)

    def on_output(self, peer: Peer, output: Output) -> None:
        """Pass on what a task printed after its result, or beside it."""
        key = self._key_of(peer.uuid, output.ordinal)
        if key is not None:
            told = TaskOutput(key.seq, output.stdout, output.stderr, output.running)
            self.tell_client(key, told)
            self.record.printed(
                key, output.stdout, output.stderr, running=output.running
            )

    def on_publish(self, peer: Peer, publish: Publish, frames: Sequence[Any]) -> None:
        """Pass on what a task shows while it runs."""
        key = self._key_of(peer.uuid, publish.ordinal)
        if key is not None:
            told = Published(key.seq, publish.kind, publish.payload, publish.frames)
            self.tell_client(key, told, frames)

    def _key_of(self, uuid: Uuid, ordinal: int) -> TaskKey | None:
        """Return the task of an ordinal, if it runs or has ended not long ago."""
        engine = self.machine.engines.get(uuid)
        if engine is None:
            return None
        task = engine.inhand.get(ordinal)
        return self._recent[uuid].get(ordinal) if task is None else task.key

    # Engines come and go

    def engine_joined(self, info: EngineInfo, now: float) -> None:
        """Give an engine its first work: what clients want set up there, above all."""
        uuid = info.uuid
        setups: list[tuple[TaskKey, Work]] = []
        for client, work in self._setups:
            self.functions.hold(work.submit.digest)
            setups.append((TaskKey(client, next(self._setup_seqs)), work))
        joined = EngineJoined(uuid, info.engine_id, info.resources, info.labels, setups)
        self.handle([joined], now)
        if self.reopening is not None:
            self.reopening.spoke(uuid, (), now)

    def engine_missed(self, info: EngineInfo, reason: str, now: float) -> None:
        """Take note that an engine of an earlier controller does not come back."""
        if self.reopening is not None:
            self.reopening.missed(info.uuid, info.engine_id, reason, now)

    def engine_lost(
        self, died: EngineDied, position: int | None, now: float, *, proved: bool
    ) -> None:
        """Do with a dead engine's work what the machine decides."""
        engine = self.machine.engines.get(died.uuid)
        self._dying = None if engine is None else (engine.engine_id, died)
        lost = EngineLost(died.uuid, died.reason, position, proved, died.reach)
        self.handle([lost], now)
        self._dying = None
        self._known.pop(died.uuid, None)
        self._recent.pop(died.uuid, None)

    def on_time(self, now: float) -> None:
        """Tell the machine that it is as late as it asked."""
        self.handle([TimePassed()], now)

    # Carrying out

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Let the machine decide, and do it."""
        carry = self._carry
        for action in self.machine.handle_all(events, now):
            carry[type(action)](action)

    def _send_task(self, action: SendTask) -> None:
        peer = self._peers.work.get(action.uuid)
        if peer is None:  # its connection broke: it returns, or is found dead
            return
        work: Work = action.task.body
        submit = work.submit
        digest = submit.digest
        known = self._known[action.uuid]
        if digest and digest not in known:
            if len(known) >= KNOWN:
                known.clear()  # to define one again does no harm
            known.add(digest)
            self._peers.say(peer, Define(digest, self.functions.code(digest)))
        assign = Assign(
            action.ordinal,
            submit.method,
            digest,
            submit.payload,
            submit.frames,
            action.task.pinned is not None,
            action.task.terms.depth,
            token_of(action.task.key),
        )
        self._peers.say(peer, assign, work.frames)

    def _deliver(self, action: DeliverOutcome) -> None:
        task, result = action.task, action.outcome.result
        key, work = task.key, task.body
        self.functions.release(work.submit.digest)
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
            action.note,
        )
        self._end(key, work, outcome, action.outcome.frames)

    def _fail(self, action: FailTask) -> None:
        key, work = action.task.key, action.task.body
        self.functions.release(work.submit.digest)
        stdout = stderr = ""
        if action.ran and self._dying is not None:
            _, died = self._dying
            stdout, stderr = died.stdout, died.stderr
        outcome = without_result(
            key.seq, action.status, action.reason, action.engine_id, stdout, stderr
        )
        self._end(key, work, outcome, ())
        if action.ran and self._setups.has_killed(key.client, work):
            self.functions.release(work.submit.digest)
            self.tell_client(key, Trouble(say_deadly(work), hinders=False))

    def _end(
        self, key: TaskKey, work: Work, outcome: Outcome, frames: Sequence[Any]
    ) -> None:
        """Tell a client how its task, or its setup on one engine, ended."""
        if work.setup is None:
            self.tell_client(key, outcome, frames)
            uuid = self._uuid_of(outcome.engine_id)
            self.record.finish(key, outcome, frames, uuid, time())
            return
        if work is UNKNOWN:
            if self.reopening is not None:
                uuid = self._uuid_of(outcome.engine_id)
                self.reopening.keep(key, End(outcome, frames, uuid))
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
        self.tell_client(key, told, frames)

    def _uuid_of(self, engine_id: EngineId) -> Uuid:
        """Return the uuid of an engine that is there, or just died; else nothing."""
        engine = self.machine.by_id.get(engine_id)
        if engine is not None:
            return engine.uuid
        if self._dying is not None and self._dying[0] == engine_id:
            return self._dying[1].uuid
        return b""

    def _order(self, uuid: Uuid, message: Message) -> None:
        """Tell an engine something that does not wait for its work."""
        peer = self._peers.channel(uuid, "control")
        if peer is not None:
            self._peers.say(peer, message)

    def tell_client(
        self, key: TaskKey, message: Message, frames: Sequence[Any] = ()
    ) -> None:
        """Tell the client of a task something, if it is there."""
        peer = self._peers.work.get(key[0])
        if peer is not None:
            self._peers.say(peer, message, frames)
