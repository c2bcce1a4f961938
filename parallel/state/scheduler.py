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
from .assigning import Assigning
from .choosing import Choosing
from .events import (
    Action,
    EngineDraining,
    EngineJoined,
    EngineLost,
    EngineResumed,
    Event,
    TaskFinished,
    TaskResumed,
    TaskReturned,
    TasksAborted,
    TasksEnded,
    TasksRevoked,
    TaskSubmitted,
    TaskSuspended,
    TellPast,
    TimePassed,
)
from .leaving import Leaving
from .ledger import Ledger
from .levelling import Levelling
from .losses import Losses
from .naming import TaskKey
from .placement import PILE, Placement
from .policies import LeastLoad, Policy
from .recalling import Recalling
from .stopping import GRACE, Stopping
from .stories import (
    ABORTED,
    say_deadly,
    say_gone,
    say_late,
    say_refused,
    say_tried,
)
from .takeover import Takeover
from .tasks import Engine, Task, TaskState

__all__ = ["Scheduler"]


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
        self._choosing = Choosing(self._placement)
        self._ledger = Ledger(self._placement, self._choosing)
        self._stopping = Stopping(self._placement, self._ledger, grace)
        self._levelling = Levelling(self._placement, self._ledger)
        self._leaving = Leaving(self._placement, self._ledger, self._levelling)
        self._assigning = Assigning(
            self._placement, self._choosing, self._ledger, self._stopping,
            self._levelling,
        )  # fmt: skip
        self._assign = self._assigning.assign
        self._takeover = Takeover(self._placement, self._ledger, self._stopping)
        self._recalling = Recalling(
            self._placement, self._ledger, self._stopping, self._levelling
        )
        self._losses = Losses(
            self._placement, self._ledger, self._stopping, self._leaving
        )
        self.knows = self._ledger.knows
        self.engines = self._placement.engines
        self.by_id = self._placement.by_id
        self.queue = self._ledger.queue
        #: All tasks that have not ended.
        self.tasks = self._ledger.tasks
        #: How engines ended that are no longer there.
        self.departed = self._ledger.departed
        self._deadlines = self._ledger.deadlines
        #: Engines that have ended tasks, and whose loads are not told yet.
        self._unsettled: set[Engine] = set()

        self._handlers: dict[type, Any] = {
            TaskSubmitted: self._on_submitted,
            TaskReturned: self._on_returned,
            TasksAborted: self._recalling.on_aborted,
            TaskFinished: self._on_finished,
            TaskSuspended: self._on_suspended,
            TaskResumed: self._on_resumed,
            TasksEnded: lambda event, _: self._ledger.note(event.ends),
            TasksRevoked: self._recalling.on_revoked,
            EngineJoined: self._on_joined,
            EngineLost: self._losses.on_lost,
            EngineDraining: self._leaving.on_draining,
            EngineResumed: self._leaving.on_resumed,
            TimePassed: self._on_time,
        }

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take an event into account and return what is to be done."""
        return self.handle_all((event,), now)

    def handle_all(self, events: Iterable[Event], now: float) -> list[Action]:
        """Take events into account that came together, and only then assign tasks."""
        actions: list[Action] = []
        ledger = self._ledger
        ledger.actions = actions
        self._placement.now = now
        handlers = self._handlers
        for event in events:
            handlers[type(event)](event, now)
        while self._unsettled:
            engine = self._unsettled.pop()
            if engine.uuid in self.engines:
                self._placement.settle(engine)
        if ledger.decided:
            ledger.let_go()
        if self.queue.size or self._placement.crowded:
            self._assigning.dispatch(now)
        if self._placement.piled:
            self._assigning.watch_piles(now)
        if self.queue.urgent:
            self._levelling.watch_urgent(now)
        if self._placement.draining:
            self._leaving.tell()
        ledger.actions = []  # or tasks that have ended stay until the next event
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
        if event.lost:
            self._ledger.fail(task, Status.LOST, event.lost, task.pinned)
        elif engine is None:
            reason = say_gone(task.pinned, self.departed.get(task.pinned))
            self._ledger.fail(task, Status.LOST, reason, task.pinned)
        elif engine.leaving:
            reason = say_refused(task.pinned, engine.leaving)
            self._ledger.fail(task, Status.LOST, reason, task.pinned)
        else:
            self._assign(task, engine, now)
            self._unsettled.add(engine)

    def _on_returned(self, event: TaskReturned, now: float) -> None:
        if event.pinned is not None or event.key in self.tasks:
            self._on_submitted(event, now)
            return
        task = self.tasks[event.key] = Task(event.key, event.body, None, event.terms)
        task.recall(event.past)
        if len(task.deaths) > event.terms.engine_retries > 0:
            self._ledger.fail(task, Status.LOST, say_deadly(task))
        else:
            self._ledger.admit(task, now, event.lost)

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
        if engine.until:
            self._leaving.judge(engine, now)

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
        task.starts += 1
        task.settle_needs()
        if not unmet:
            task.tries += 1
            if not self._choosing.suits_any(task.needs):
                note = say_tried(task)
                ledger.deliver(task, engine_id, outcome, ok=False, note=note)
                return
        ledger.actions.append(TellPast(task))
        ledger.enqueue(task)

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
        engine = Engine(
            event.uuid, event.engine_id, event.resources, event.labels, event.until
        )
        engine.heard, engine.ordinal = now, event.reach
        self._placement.add(engine)
        self._leaving.watch(engine, now)
        self._takeover.hold(engine, event.holdings, now)
        for key, body in event.setups:
            task = self.tasks[key] = Task(key, body, engine.engine_id)
            self._assign(task, engine, now)
        self._placement.settle(engine)

    # Time passes

    def _on_time(self, event: TimePassed, now: float) -> None:
        self._levelling.due = None
        overdue: dict[str, Callable[..., None]] = {
            "late": self._on_late,
            "limit": self._stopping.on_limit,
            "kill": self._stopping.on_kill,
            "rest": self._assigning.on_rest,
            "urgent": self._levelling.on_urgent,
            "close": self._leaving.on_close,
        }
        for kind, *what in self._deadlines.pop_due(now):
            overdue[kind](*what, now)

    def _on_late(self, key: TaskKey, now: float) -> None:
        task = self.tasks.get(key)
        if task is not None and task.state is not TaskState.ASSIGNED:
            reason = say_late(task)
            self._ledger.withdraw(task)
            self._ledger.fail(task, Status.TIMEOUT, reason)

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
                free = self._choosing.choose(lane.needs, head.terms.depth)
                assert free is None, "an engine is free for it"
