"""A cluster whose controller may be killed at any moment, without any process.

The scheduler, and all that brings together what is left, are those of the controller
that lives. All else lasts: engines keep what they have started, and results until they
are confirmed; clients keep their tasks until they have got their outcomes, or are gone
for good; the record is behind; what was on its way is lost.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from parallel.controller.functions import FunctionStore
from parallel.controller.muster import LEASE, Enrolled, Muster
from parallel.controller.pasts import again, past_of
from parallel.controller.reopening.ends import End
from parallel.controller.reopening.reopening import Reopening
from parallel.controller.store.entry import msg_id_of, without_result
from parallel.controller.work import UNKNOWN, Work
from parallel.protocol.messages import (
    Again,
    Message,
    Method,
    Outcome,
    Status,
    Submit,
    Trouble,
)
from parallel.protocol.terms import USUAL, Condition, Terms
from parallel.state.dependencies import named_in
from parallel.state.events import (
    Action,
    DeliverOutcome,
    EngineJoined,
    EngineLost,
    Event,
    FailTask,
    InterruptTask,
    KillEngine,
    RevokeTasks,
    SendTask,
    TasksAborted,
    TaskSubmitted,
    TellPast,
    TimePassed,
)
from parallel.state.naming import TaskKey
from parallel.state.past import FIRST
from parallel.state.reunion.clients import PATIENCE
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import Task
from tests.state.lagging import LaggingRecord
from tests.state.lasting import LastingEngine
from tests.state.patron import Patron

__all__ = ["Realm"]


class Moments:
    """A loop that does at once what is to be done soon, and else what it is told to."""

    def __init__(self) -> None:
        self._soon: deque[Callable[[], object]] = deque()
        self._later: dict[float, Callable[[], object]] = {}
        self._is_running = False

    def time(self) -> float:
        return 0.0

    def call_soon(self, do: Callable[..., object], *args: Any) -> None:
        self._soon.append(lambda: do(*args))

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, do: Callable[..., object], *args: Any) -> None:
        self._later[delay] = lambda: do(*args)

    def do(self, what: Callable[..., object], *args: Any) -> None:
        """Do something in this loop, and what it has done soon."""
        if self._is_running:
            what(*args)
            return
        self._is_running = True
        asyncio._set_running_loop(self)  # type: ignore[arg-type]
        try:
            what(*args)
            while self._soon:
                self._soon.popleft()()
        finally:
            asyncio._set_running_loop(None)
            self._is_running = False

    def is_to_come(self, delay: float) -> bool:
        return delay in self._later

    def pass_by(self, delay: float) -> None:
        """Let so much time pass, if something was to be done then."""
        self.do(self._later.pop(delay, lambda: None))

    def clear(self) -> None:
        self._later.clear()


class Realm:
    """The cluster: a controller's dispatcher, and all that it talks with."""

    def __init__(self) -> None:
        self.now = 0.0
        self.loop = Moments()
        self.engines: list[LastingEngine] = []
        #: Those of whose death no controller has heard.
        self.unnoticed: list[LastingEngine] = []
        #: The other dead ones.
        self.noticed: list[LastingEngine] = []
        self.clients = [Patron(0)]
        #: Where each task has been started.
        self.starts: dict[TaskKey, list[LastingEngine]] = {}
        #: Tasks that have ended somewhere, be it that nobody knows.
        self.ended: set[TaskKey] = set()
        #: How often tasks have raised, and have refused their engine.
        self.raised: Counter[TaskKey] = Counter()
        self.refused: Counter[TaskKey] = Counter()
        self.deaths = self.kills = 0
        #: What has been started on all engines that there were.
        self.everywhere: set[TaskKey] = set()
        #: How many died of which nobody can tell what they had started.
        self.unwatched = 0
        self._ids = count()
        self.is_doubtful = self.is_reliant = False
        #: What is being carried out.
        self._actions: list[Action] | None = None
        self.machine = Scheduler()
        self.record = LaggingRecord()
        self.functions = FunctionStore()
        self.reopening: Reopening | None = None

    # What the controller's parts ask of one another

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Let the machine decide, and do it, as `Dispatch.handle` does."""
        actions = self.machine.handle_all(events, self.now)
        if self._actions is not None:
            self._actions += actions
            return
        self._actions = actions
        try:
            self._carry_out(actions)
        finally:
            self._actions = None
        self.machine.check()

    def _carry_out(self, actions: Iterable[Action]) -> None:
        by_uuid = {engine.uuid: engine for engine in [*self.engines, *self.unnoticed]}
        for action in actions:
            match action:
                case SendTask(uuid):
                    by_uuid[uuid].send(action)
                case TellPast(task):
                    self.tell_client(task.key, again(task))
                    self.record.started(task.key, past_of(task))
                case RevokeTasks(uuid) | InterruptTask(uuid):
                    by_uuid[uuid].requests.append(action)
                case DeliverOutcome(task, engine_id):
                    assert task.holder is not None
                    status = by_uuid[task.holder.uuid].statuses[task.ordinal]
                    end = Outcome(task.key.seq, status, b"", 0, engine_id, 0.0, 0.0)
                    self._end(task, end)
                case FailTask(task, engine_id, reason, status=status):
                    end = without_result(task.key.seq, status, reason, engine_id)
                    self._end(task, end)
                case KillEngine():
                    raise AssertionError("nobody asked for that")

    def tell_client(
        self, key: TaskKey, message: Message, frames: Sequence[Any] = ()
    ) -> bool:
        """Tell the client of a task something, if it is there."""
        client = self.client_of(key)
        if isinstance(message, Outcome):
            self.ended.add(key)
        if client.is_there and isinstance(message, Trouble):
            client.warnings.append(message.text)
        elif client.is_there:
            assert isinstance(message, Outcome | Again)
            client.told.append((key, message))
        return client.is_there

    def hold_back(self, holds_back: bool) -> None:
        """Take note of what concerns engines: none forgets what is not settled."""

    def leave_to_record(self) -> None:
        """Take note of what concerns engines, as above."""

    def _end(self, task: Task, outcome: Outcome) -> None:
        self.ended.add(task.key)
        if task.body is not UNKNOWN:
            self.tell_client(task.key, outcome)
            self.record.finish(task.key, outcome, (), b"", self.now)
        else:
            assert self.reopening is not None
            self.reopening.keep(task, End(outcome, (), b""))

    def _look(self) -> None:
        if self.reopening is not None and self.reopening.is_busy:
            self.reopening.look(self.now)

    def _do(self, what: Callable[..., object], *args: Any) -> None:
        self.loop.do(what, *args)

    # Clients

    def client_of(self, key: TaskKey) -> Patron:
        """Return whose task this is."""
        return next(each for each in self.clients if each.uuid == key.client)

    def connect(self) -> Patron:
        """Let another client come."""
        self.clients.append(Patron(len(self.clients)))
        return self.clients[-1]

    def submit(
        self,
        pinned: int | None = None,
        after: Iterable[TaskKey] = (),
        follow: Iterable[TaskKey] = (),
        *,
        client: Patron | None = None,
        once: bool = False,
        strict: bool = False,
        bulky: bool = False,
        retries: int = 0,
    ) -> TaskKey:
        """Let a client submit a task; it may know of no controller yet."""
        client = client or self.clients[0]
        key = TaskKey(client.uuid, next(client.seqs))
        conditions: list[Condition | None] = []
        for named in (after, follow):
            ids = [msg_id_of(each) for each in named]
            conditions.append(Condition(ids, failure=not strict) if ids else None)
        terms: Terms | None = Terms(
            after=conditions[0], follow=conditions[1], retries=retries,
            engine_retries=0 if once else USUAL.engine_retries,
        )  # fmt: skip
        if bulky:
            self.record.bulky.add(key)
        targets = None if pinned is None else [pinned]
        client.submitted[key] = Submit(
            key.seq,
            Method.APPLY,
            b"",
            b"call",
            0,
            targets,
            terms if terms != USUAL else None,
        )
        if client.is_there:
            self.take(client, [key])
        return key

    def take(self, client: Patron, keys: Iterable[TaskKey]) -> None:
        """Let tasks of a client arrive."""
        self._do(self._take, client, keys)

    def _take(self, client: Patron, keys: Iterable[TaskKey]) -> None:
        events: list[TaskSubmitted] = []
        for key in keys:
            submit = client.submitted[key]
            work = Work(submit, ())
            if self.reopening is not None and self.reopening.concerns(submit):
                events += self.reopening.admitted(client.uuid, work, self.now)
                continue
            self.record.open(key, submit, (), b"", self.now)
            (target,) = submit.targets or [None]
            terms = submit.terms or USUAL
            events.append(TaskSubmitted(key, work, target, terms))
        self.handle(events, self.now)
        self._look()

    def abort(self, key: TaskKey, *, interrupt: bool = False) -> None:
        """Let a client give up a task; it may know of no controller yet."""
        client = self.client_of(key)
        client.aborted[key] = interrupt or client.aborted.get(key, False)
        if client.is_there:
            self._do(self._abort, client, interrupt, [key])

    def _abort(self, client: Patron, interrupt: bool, keys: list[TaskKey]) -> None:
        seqs = [key.seq for key in keys]
        if self.reopening is not None and self.reopening.is_busy:
            self.reopening.withdraw(client.uuid, seqs, interrupt=interrupt)
        self.handle([TasksAborted(client.uuid, seqs, interrupt)], self.now)

    def leave(self, client: Patron | None = None) -> None:
        """Let a client leave for good; the controller takes note, if it knows it."""
        client = client or self.clients[0]
        was_there = client.is_there
        client.is_gone = True
        client.lose_controller()
        if was_there and self.reopening is not None:
            self._do(self.reopening.left, client.uuid, self.now)

    def come_back(self, client: Patron | None = None) -> None:
        """Let a client tell the controller what it has under way."""
        client = client or self.clients[0]
        assert self.reopening is not None
        client.is_there = True
        self._do(self.reopening.reopen, client.uuid, client.reopen(), self.now)
        unfinished = client.open
        self.take(client, unfinished)
        for interrupt in (False, True):
            keys = [k for k in unfinished if client.aborted.get(k) is interrupt]
            if keys:
                self._do(self._abort, client, interrupt, keys)

    def receive(self) -> None:
        """Let all that is on its way to clients arrive."""
        for client in self.clients:
            while client.told:
                client.receive()

    # Engines

    def join(self, *, is_watched: bool = True) -> LastingEngine:
        """Let an engine join."""
        engine = LastingEngine(next(self._ids), is_watched=is_watched)
        self.engines.append(engine)
        self._do(self.handle, [EngineJoined(engine.uuid, engine.engine_id)], self.now)
        return engine

    def start(self, engine: LastingEngine) -> None:
        """Let an engine start its next task."""
        started = engine.start()
        if started is None:
            return
        key = started.task.key
        client = self.client_of(key)
        before = self.starts.setdefault(key, [])
        may_again = once = self.raised[key] + self.refused[key]
        if client.was_late and key not in self.record.disk:
            may_again += self.kills  # what nobody else knew has been forgotten
        assert client.is_gone or key not in client.got, f"{key} was started late"
        assert key not in self.record.ends, f"{key} was started, and its end is known"
        alive = [each for each in before if each.is_alive]
        assert len(alive) <= may_again, f"{key} started twice"
        running = [e for e in self.engines for s in e.stack if s.task.key == key]
        assert len(running) == 1, f"{key} runs twice at a time"
        terms = client.submitted[key].terms or USUAL
        if terms.engine_retries == 0:
            assert len(before) <= once, "once means once"
        is_direct = client.submitted[key].targets is not None
        assert not is_direct or len(before) <= once, "a direct task, again"
        known = self.record.disk.get(key)
        past = FIRST if known is None else known.past
        assert started.task.starts >= past.starts, f"the past of {key} is forgotten"
        over = self.ended | self.record.ends.keys()
        assert over.issuperset(named_in(terms)), f"{key} was started too soon"
        before.append(engine)
        if len(set(before)) == len(self.engines):
            self.everywhere.add(key)

    def finish(self, engine: LastingEngine) -> None:
        """Let the running task of an engine end."""
        assert engine.running is not None
        self.ended.add(engine.running.task.key)
        engine.finish(1e-3)

    def fail(self, engine: LastingEngine) -> None:
        """Let the running task of an engine raise."""
        assert engine.running is not None
        self.raised[engine.running.task.key] += 1
        engine.finish(1e-3, Status.ERROR)

    def refuse(self, engine: LastingEngine) -> None:
        """Let the running task of an engine find that it does not suit it."""
        assert engine.running is not None
        self.refused[engine.running.task.key] += 1
        engine.finish(1e-3, Status.UNMET)

    def hear(self, engine: LastingEngine) -> None:
        """Let the next that an engine says arrive."""
        said = engine.results.popleft()
        if engine.uuid in self.machine.engines:
            self._do(self.handle, [said], self.now)
            self._do(self._look)

    def give_back(self, engine: LastingEngine) -> None:
        """Let an engine hear of what is asked of it, and its answers arrive."""
        while engine.requests:
            engine.give_back()
        while engine.answers:
            self._do(self.handle, [engine.answers.popleft()], self.now)
            self._do(self._look)

    def settle(self, *, are_silent: bool = False) -> None:
        """Let engines hear what they may forget: what clients and the record have.

        Parameters
        ----------
        are_silent
            Clients have not confirmed anything for long: the record is enough.
        """
        reunion = None if self.reopening is None else self.reopening._reunion
        done: set[TaskKey] = set()
        for key in self.record.over:
            client = self.client_of(key)
            is_late = client.is_away and reunion is not None and not reunion.is_patient
            if client.is_gone or key in client.got or is_late or are_silent:
                done.add(key)
        starts = {
            key: entry.past.starts
            for key, entry in self.record.disk.items()
            if are_silent or not self.client_of(key).is_there
        }
        starts |= {k: s.starts for c in self.clients for k, s in c.started.items()}
        for engine in self.engines:
            if reunion is None or engine.uuid not in reunion.awaited:
                engine.forget(done, starts)

    def die(self, engine: LastingEngine) -> None:
        """Let an engine die; nobody has noticed yet."""
        self.deaths += 1
        self.unwatched += not engine.is_watched
        engine.is_alive = False
        self.engines.remove(engine)
        self.unnoticed.append(engine)

    def notice(self) -> None:
        """Let the agent tell of a death."""
        engine = self.unnoticed.pop(0)
        self.noticed.append(engine)
        if engine in self.awaited([engine]):
            self._miss(engine)
            return
        lost = EngineLost(engine.uuid, "killed", engine.page, True, engine.reach)
        self.unnoticed.append(engine)  # it is still to be found
        self._do(self.handle, [lost], self.now)
        self.unnoticed.pop()
        self._do(self._look)

    def _miss(self, engine: LastingEngine) -> None:
        died = engine.died()
        self.is_doubtful |= died.once is None
        assert self.reopening is not None
        self._do(self.reopening.missed, died, self.now)

    def awaited(self, engines: Iterable[LastingEngine]) -> list[LastingEngine]:
        """Return those of some engines that have yet to speak."""
        wanted = {} if self.reopening is None else self.reopening._reunion.awaited
        return [engine for engine in engines if engine.uuid in wanted]

    def speak(self, engine: LastingEngine) -> None:
        """Let an engine tell the controller what it has."""
        assert self.reopening is not None
        held = engine.held()
        self._do(self.reopening.engine_returned, engine.info, held, self.now)
        engine.results.extend(engine.kept)

    # The controller

    def kill(self) -> None:
        """Kill the controller; another takes its place, and knows next to nothing."""
        self.kills += 1
        for client in self.clients:
            client.lose_controller()
        self.record.lose()
        self.loop.clear()
        self.machine = Scheduler()
        everybody = [*self.engines, *self.unnoticed, *self.noticed]
        muster = Muster(None, 1 + self.kills)
        muster.awaited = {each.uuid: Enrolled(each.info, 0, 1) for each in everybody}
        muster.is_doubtful, muster.is_reliant = self.is_doubtful, self.is_reliant
        self.reopening = Reopening(self, muster, self, self.now)
        self.reopening.start(self.loop, lambda: None)  # type: ignore[arg-type]
        for engine in everybody:
            engine.begin_again()
        for engine in self.noticed:  # the roster has those that died of late
            self._miss(engine)

    def answer(self) -> None:
        """Let the record answer the next that it was asked."""
        self._do(self.record.answer)

    def answer_all(self) -> None:
        """Let the record answer all that it was asked."""
        while self.record.questions:
            self.answer()

    def hurry(self) -> None:
        """Let time pass after which clients are not waited for."""
        for client in self.clients:
            client.was_absent |= not client.is_there
        self.loop.pass_by(PATIENCE)

    def expire(self) -> None:
        """Let time pass after which nobody comes back any more."""
        for client in self.clients:
            client.was_late |= client.is_away
        self.loop.pass_by(LEASE)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        wakeup = self.machine.wakeup
        if wakeup is not None and self.now >= wakeup:
            self._do(self.handle, [TimePassed()], self.now)

    # How it ends

    def drain(self) -> None:
        """Let all come back, and all come to its end."""
        while self.unnoticed:
            self.notice()
        if self.reopening is not None:
            for client in self.clients:
                if client.is_away:
                    self.come_back(client)
            self.answer_all()
            for engine in self.awaited(self.engines):
                self.speak(engine)
            self.hurry()
            self.answer_all()
        if not self.engines:
            self.join()
        self._work_it_all_off()
        if self.machine.tasks:  # they may have raised on all engines that are left
            self.join()
            self._work_it_all_off()
        self.expire()
        self._work_it_all_off()
        self.record.write()

    def _work_it_all_off(self) -> None:
        for _ in range(sum(len(each.submitted) for each in self.clients) * 4 + 20):
            self.answer_all()
            for engine in list(self.engines):
                self._work_off(engine)
            self.receive()
            self.pass_time(3e-3)

    def _work_off(self, engine: LastingEngine) -> None:
        self.give_back(engine)
        while engine.results:
            self.hear(engine)
        if engine.running is not None:
            self.finish(engine)
        elif engine.can_start:
            self.start(engine)
        elif engine.suspended:
            engine.resume()
