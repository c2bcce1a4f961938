"""The task scheduler: who gets what, and what becomes of a dead engine's work.

Rules of this machine:

1. `handle` is the only way to change it; it returns what is to be done, in order.
2. Tasks for one engine (direct) are sent at once and run in the order of their
   submission. Tasks for any engine wait in one queue: by priority, then first come
   first served. Those that depend on others wait for them before that; those that a
   task submitted go before those that are less deep.
3. An engine works through what it is sent in order, under ordinals that count up
   from 1. So one number, the ordinal started last, splits a dead engine's work:
   what came later goes back to the queue at no cost; what it had started is run
   again elsewhere, until it has killed `engine_retries` + 1 engines.
4. An engine gets no more than its `Depth` of balanced tasks, so that nothing
   waits in line while another engine is idle. What waits nevertheless, behind a
   task that turned out long, is asked back once somebody is idle.
5. A task that not every engine may run is given to an idle one only: it could not
   be moved from a line. When it is its turn, an engine gets no more until it is. So is
   one that may be started only once, and nothing is put in line behind it.
6. Each task that was submitted ends once: with its outcome, or with the reason why
   it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..protocol.messages import Status
from ..protocol.terms import USUAL
from .events import (
    Action,
    EngineJoined,
    EngineLost,
    Event,
    SendTask,
    TaskFinished,
    TaskResumed,
    TasksAborted,
    TasksEnded,
    TasksRevoked,
    TaskSubmitted,
    TaskSuspended,
    TimePassed,
)
from .ledger import Ledger
from .levelling import Levelling
from .placement import PILE, Placement
from .policies import LeastLoad, Policy
from .stopping import GRACE, Stopping
from .stories import (
    ABORTED,
    INTERRUPTED,
    say_given_back,
    say_gone,
    say_late,
    say_stopped,
    say_tried,
    say_why,
)
from .takeover import Takeover
from .tasks import Engine, Task, TaskKey, TaskState

__all__ = ["Scheduler"]

#: Engines that all wait for so long may wait for something in the queue, seconds.
AT_REST = 0.1


class Scheduler:
    """The machine: see the module's docstring for its rules.

    Parameters
    ----------
    policy
        How engines are chosen; a greedy one sends all it has at once.
    hwm
        An engine has at most so many balanced tasks in hand; 0 for any number, None
        for as many as hide the way there.
    grace
        Seconds that an interrupted task is given to end.
    pile
        On so many tasks of one engine that wait for others, only deeper ones are put.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        hwm: int | None = None,
        grace: float = GRACE,
        pile: int = PILE,
    ) -> None:
        self._placement = Placement(policy or LeastLoad(), hwm, pile)
        self._ledger = Ledger(self._placement)
        self._stopping = Stopping(self._placement, self._ledger, grace)
        self._levelling = Levelling(self._placement, self._ledger)
        self._takeover = Takeover(self._placement, self._ledger, self._stopping)
        self.knows = self._ledger.knows
        self.engines = self._placement.engines
        self.by_id = self._placement.by_id
        self.queue = self._ledger.queue
        #: All tasks that have not ended.
        self.tasks = self._ledger.tasks
        #: How engines ended that are no longer there.
        self.departed = self._ledger.departed
        self._deadlines = self._ledger.deadlines
        self._actions: list[Action] = []
        #: Engines that have ended tasks, and whose loads are not told yet.
        self._unsettled: set[Engine] = set()

        self._handlers: dict[type, Any] = {
            TaskSubmitted: self._on_submitted,
            TasksAborted: self._on_aborted,
            TaskFinished: self._on_finished,
            TaskSuspended: self._on_suspended,
            TaskResumed: self._on_resumed,
            TasksEnded: lambda event, _: self._ledger.note(event.ends),
            TasksRevoked: self._on_revoked,
            EngineJoined: self._on_joined,
            EngineLost: self._on_lost,
            TimePassed: self._on_time,
        }

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take an event into account and return what is to be done."""
        return self.handle_all((event,), now)

    def handle_all(self, events: Iterable[Event], now: float) -> list[Action]:
        """Take events into account that came together, and only then assign tasks."""
        actions: list[Action] = []
        self._actions = self._ledger.actions = actions
        handlers = self._handlers
        for event in events:
            handlers[type(event)](event, now)
        while self._unsettled:
            engine = self._unsettled.pop()
            if engine.uuid in self.engines:
                self._placement.settle(engine)
        if self._ledger.decided:
            self._ledger.let_go()
        if self.queue.size or self._placement.crowded:
            self._dispatch(now)
        if self._placement.piled:
            self._watch_piles(now)
        if self.queue.urgent:
            self._levelling.watch_urgent(now)
        return actions

    @property
    def wakeup(self) -> float | None:
        """When the machine wants to hear `TimePassed`, or None."""
        due, level = self._deadlines.next, self._levelling.due
        return level if due is None or (level is not None and level < due) else due

    def waits_for(self, task: Task) -> list[TaskKey]:
        """Return the tasks that a waiting one waits for, and that have not ended."""
        return self._ledger.waits_for(task)

    # Tasks come

    def _on_submitted(self, event: TaskSubmitted, now: float) -> None:
        key = event.key
        task = Task(key, event.body, event.pinned, event.terms)
        if (known := self.tasks.setdefault(key, task)) is not task:
            self._takeover.claim(known, event, now)
            return
        if task.pinned is None:
            if event.terms is USUAL:
                self.queue.push(task)
            else:
                self._ledger.admit(task, now, event.lost)
            return
        engine = self.by_id.get(task.pinned)
        if engine is None:
            reason = say_gone(task.pinned, self.departed.get(task.pinned))
            self._ledger.fail(task, Status.LOST, reason, task.pinned)
        else:
            self._assign(task, engine, now)
            self._unsettled.add(engine)

    # Tasks end

    def _on_finished(self, event: TaskFinished, now: float) -> None:
        engine = self.engines.get(event.uuid)
        if engine is None or event.ordinal not in engine.inhand:
            return  # told twice: the first result won
        task = self._take_from(engine, event.ordinal)
        engine.heard = now
        engine.completed += 1
        engine.depth.learn(event.duration)
        if event.status is Status.OK:
            self._ledger.deliver(task, engine.engine_id, event.outcome)
        else:
            self._on_raised(task, engine, event)
        self._unsettled.add(engine)
        if engine.limited:
            self._stopping.limit_running(engine, now)
        if engine.unheard:
            self._stopping.give_grace(engine, now)

    def _on_raised(self, task: Task, engine: Engine, event: TaskFinished) -> None:
        """Deal with a task that raised, or that did not suit its engine."""
        ledger, engine_id, outcome = self._ledger, engine.engine_id, event.outcome
        if task.stopping is not None:
            ledger.fail(task, *task.stopping, engine_id)
            return
        unmet = event.status is Status.UNMET
        if unmet and task.aborting:
            ledger.fail(task, Status.ABORTED, ABORTED)
            return
        # What an earlier machine had stopped did not raise of itself.
        may_again = event.status is Status.ERROR and task.tries < task.terms.retries
        if task.pinned is not None or task.aborting or not (unmet or may_again):
            ledger.deliver(task, engine_id, outcome, ok=False)
            return
        task.refused |= {engine_id}
        task.settle_needs()
        if not unmet:
            task.tries += 1
            if not self._placement.suits_any(task.needs):
                note = say_tried(task)
                ledger.deliver(task, engine_id, outcome, ok=False, note=note)
                return
        ledger.enqueue(task)

    # Tasks are given up

    def _on_aborted(self, event: TasksAborted, now: float) -> None:
        asked: dict[Engine, list[int]] = {}
        for seq in event.seqs:
            task = self.tasks.get(TaskKey(event.client, seq))
            if task is None:
                continue  # it has ended: nothing to give up
            if task.state is not TaskState.ASSIGNED:
                self._ledger.withdraw(task)
                self._ledger.fail(task, Status.ABORTED, ABORTED)
                continue
            engine, ordinal = task.holder, task.ordinal
            assert engine is not None
            task.aborting = True
            if event.interrupt and task.stopping is None:
                task.stopping = Status.ABORTED, INTERRUPTED
            if event.interrupt and engine.may_run(ordinal):
                self._stopping.interrupt(engine, ordinal, now)
            else:
                asked.setdefault(engine, []).append(ordinal)
        for engine, ordinals in asked.items():
            self._levelling.ask_back(engine, ordinals)

    def _on_revoked(self, event: TasksRevoked, now: float) -> None:
        engine = self.engines.get(event.uuid)
        if engine is None:
            return
        # An earlier answer may come while a later question is under way.
        engine.revoking.difference_update(event.asked)
        given = set(event.given)
        before = len(engine.inhand)
        for ordinal in event.asked:
            task = engine.inhand.get(ordinal)
            if task is None:
                continue
            if ordinal in given:
                self._take_back(engine, ordinal)
            elif task.stopping is not None:  # it had started after all
                self._stopping.interrupt(engine, ordinal, now)
        if len(engine.inhand) < before:
            self._placement.settle(engine)
            if engine.load:  # it reads none of what it would be sent, and give back
                self._placement.spare(engine)
            self._stopping.limit_running(engine, now)
            self._stopping.give_grace(engine, now)

    def _take_back(self, engine: Engine, ordinal: int) -> None:
        """Queue again, or give up, what an engine will not start."""
        task = self._take_from(engine, ordinal)
        if task.aborting:
            self._ledger.fail(task, Status.ABORTED, ABORTED)
        elif task.stopping and task.pinned is not None:
            self._ledger.fail(task, *task.stopping)
        elif task.pinned is not None:  # nobody asked for it, and no other may run it
            reason = say_given_back(engine.engine_id)
            self._ledger.fail(task, Status.LOST, reason, engine.engine_id)
        else:
            task.stopping = None  # its time has not begun: its engine was slow
            self._ledger.enqueue(task)

    # Tasks wait for tasks of their own

    def _on_suspended(self, event: TaskSuspended, now: float) -> None:
        engine = self.engines.get(event.uuid)
        if engine is not None and event.ordinal in engine.inhand:
            engine.suspended.add(event.ordinal)
            engine.nested.add(event.ordinal)
            engine.heard = now
            self._placement.settle(engine)
            self._stopping.limit_running(engine, now)

    def _on_resumed(self, event: TaskResumed, now: float) -> None:
        engine = self.engines.get(event.uuid)
        if engine is not None:
            engine.suspended.discard(event.ordinal)
            self._placement.settle(engine)
            self._stopping.give_grace(engine, now)

    # Engines come and go

    def _on_joined(self, event: EngineJoined, now: float) -> None:
        if event.uuid in self.engines:
            return
        engine = Engine(event.uuid, event.engine_id, event.resources, event.labels)
        engine.heard, engine.ordinal = now, event.reach
        self._placement.add(engine)
        self._takeover.hold(engine, event.holdings)
        for key, body in event.setups:
            task = self.tasks[key] = Task(key, body, engine.engine_id)
            self._assign(task, engine, now)
        self._placement.settle(engine)

    def _on_lost(self, event: EngineLost, now: float) -> None:
        engine = self._placement.remove(event.uuid)
        if engine is None:
            return
        self.departed[engine.engine_id] = event.reason
        position = event.position
        if not event.proved:
            position = engine.ordinal
        elif position is None:
            position = next(iter(engine.inhand), 0)
        for ordinal, task in engine.inhand.items():
            self._stopping.call_off(task, engine, ordinal)
            self._on_holder_lost(task, engine, event, position)
        self._ledger.drop_hopeless()

    def _on_holder_lost(
        self, task: Task, engine: Engine, event: EngineLost, position: int
    ) -> None:
        """Run a dead engine's task again, or tell why not."""
        engine_id, ledger = engine.engine_id, self._ledger
        ran = not event.proved or _is_counted(task, engine, event.reach, position)
        if task.stopping is not None:
            status, reason = task.stopping
            reason = say_stopped(reason, engine_id, event.reason)
            ledger.fail(task, status, reason, engine_id, ran=ran)
            return
        if task.aborting and task.ordinal > position:
            ledger.fail(task, Status.ABORTED, ABORTED)
            return
        if ran:
            task.deaths.append(f"engine {engine_id}: {event.reason}")
        spent = ran and len(task.deaths) > task.terms.engine_retries
        if task.pinned is not None or not event.proved or spent or task.aborting:
            reason = say_why(task, engine_id, event, task.ordinal, position)
            ledger.fail(task, Status.LOST, reason, engine_id, ran=ran)
        else:
            ledger.enqueue(task)

    # Time passes

    def _on_time(self, event: TimePassed, now: float) -> None:
        self._levelling.due = None
        overdue: dict[str, Callable[..., None]] = {
            "late": self._on_late,
            "limit": self._stopping.on_limit,
            "kill": self._stopping.on_kill,
            "rest": self._on_rest,
            "urgent": self._levelling.on_urgent,
        }
        for kind, *what in self._deadlines.pop_due(now):
            overdue[kind](*what, now)

    def _on_late(self, key: TaskKey, now: float) -> None:
        task = self.tasks.get(key)
        if task is not None and task.state is not TaskState.ASSIGNED:
            reason = say_late(task)
            self._ledger.withdraw(task)
            self._ledger.fail(task, Status.TIMEOUT, reason)

    # Moves

    def _dispatch(self, now: float) -> None:
        placement = self._placement
        if self.queue.size and (placement.policy.loads or placement.piled):
            if self.queue.lanes:
                self._dispatch_lanes(now)
            self._dispatch_plain(now)
        if placement.crowded and placement.policy.idle():
            self._levelling.level(now)

    def _dispatch_plain(self, now: float) -> None:
        """Assign while there are tasks that any engine may run, and room."""
        queue, placement, engines = self.queue, self._placement, self.engines
        choose, plain = placement.policy.choose, queue.plain
        while (task := plain.head()) is not None:
            uuid = choose(task.near)
            engine = engines[uuid] if uuid else placement.choose(None, task.terms.depth)
            if engine is None:
                return
            waiting = queue.size
            share = placement.share(engine, waiting) if uuid and waiting > 1 else 1
            while task is not None and share > 0:
                queue.pop(plain)
                self._assign(task, engine, now)
                task = plain.head()
                share = share - 1 if task is None or task.near is None else 0
            placement.settle(engine)

    def _dispatch_lanes(self, now: float) -> None:
        """Assign in turn while there are tasks that only some engines may run."""
        placed, placement = True, self._placement
        while placed and (placement.policy.loads or placement.piled):
            placed = False
            for task, lane in self.queue.by_rank():
                engine = placement.choose(lane.needs, task.terms.depth)
                if engine is not None:
                    self.queue.pop(lane)
                    self._assign(task, engine, now)
                    placement.settle(engine)
                    placed = True
                    break
                if lane.needs is not None and not (
                    lane.reserved and lane.reserved.reserved
                ):
                    lane.reserved = placement.reserve(lane.needs)

    def _assign(self, task: Task, engine: Engine, now: float) -> None:
        ordinal = self._placement.give(task, engine, now)
        self._actions.append(SendTask(engine.uuid, ordinal, task))
        if task.terms.time_limit is not None and engine.running == ordinal:
            self._stopping.limit_running(engine, now)

    def _watch_piles(self, now: float) -> None:
        """See to it that engines do not wait for what only they could run.

        For a moment they may seem to: what they wait for has ended, on its way.
        """
        if not self.queue.size or not self._placement.is_at_rest():
            self._deadlines.call_off(("rest",))
        elif ("rest",) not in self._deadlines:
            self._deadlines.set(("rest",), now + AT_REST)

    def _on_rest(self, now: float) -> None:
        self._placement.lenient = True
        self._dispatch(now)
        self._placement.lenient = False

    def _take_from(self, engine: Engine, ordinal: int) -> Task:
        """Take a task out of an engine's hand, and call off what is due for it."""
        task = self._placement.take(engine, ordinal)
        if task.terms.time_limit is not None or task.stopping is not None:
            self._stopping.call_off(task, engine, ordinal)
        return task

    # Looking inside

    def check(self) -> None:
        """Assert the invariants."""
        held = self._placement.check()
        self.queue.check(held)
        self._stopping.check()
        inside = len(held) + self.queue.size + self._ledger.waiting
        assert len(self.tasks) == inside
        if self.queue.plain.head():
            assert not self._placement.policy.loads, "a task waits, an engine is free"
        for lane in (self.queue.plain, *self.queue.lanes.values()):
            head = lane.head()
            if head is not None:
                free = self._placement.choose(lane.needs, head.terms.depth)
                assert free is None, "an engine is free for it"


def _is_counted(task: Task, engine: Engine, reach: int | None, position: int) -> bool:
    """Tell whether an engine's death counts for a task that it had in hand.

    What it had ended, and not told, killed nobody; but when what it started last has
    ended, those may run again that had waited below it. What must not be started
    twice counts if it may have been started at all: up to the ordinal `reach`.
    """
    if task.ordinal == position:
        return True
    if position not in engine.inhand and task.ordinal in engine.nested:
        return True
    once = task.terms.engine_retries == 0
    return once and task.ordinal <= (engine.ordinal if reach is None else reach)
