"""The task scheduler: who gets what, and what becomes of a dead engine's work.

Rules of this machine:

1. `handle` is the only way to change it; it returns what is to be done, in order.
2. Tasks for one engine (direct) are sent at once and run in the order of their
   submission. Tasks for any engine wait in one queue, first come first served.
3. An engine works through what it is sent in order, under ordinals that count up
   from 1. So one number, the ordinal started last, splits a dead engine's work:
   what came later goes back to the queue at no cost; what it had started is run
   again elsewhere, until it has killed `engine_retries` + 1 engines.
4. An engine gets no more than its `Depth` of balanced tasks, so that nothing
   waits in line while another engine is idle. What waits nevertheless, behind a
   task that turned out long, is asked back once somebody is idle.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from ..aliases import EngineId, Uuid
from .events import (
    Action,
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
from .policies import LeastLoad
from .tasks import Engine, Task, TaskState

__all__ = ["Scheduler"]

#: An engine silent for so long with tasks in line behind its first is asked for
#: them when another is idle, seconds.
STALLED = 2e-3
#: A task may kill this many engines and be tried again: the next death fails it.
ENGINE_RETRIES = 2


class Scheduler:
    """The machine: see the module's docstring for its rules."""

    def __init__(self, *, engine_retries: int = ENGINE_RETRIES) -> None:
        self.engine_retries = engine_retries
        self.engines: dict[Uuid, Engine] = {}
        self.by_id: dict[EngineId, Engine] = {}
        self.queue: deque[Task] = deque()
        self.policy = LeastLoad()
        #: How engines ended that are no longer there.
        self.departed: dict[EngineId, str] = {}
        #: The engines with a balanced task in line behind another.
        self.crowded: dict[Uuid, Engine] = {}
        #: When the machine wants to hear `TimePassed`, or None.
        self.wakeup: float | None = None
        self._handlers: dict[type, Any] = {
            TaskSubmitted: self._on_submitted,
            TaskFinished: self._on_finished,
            TasksRevoked: self._on_revoked,
            EngineJoined: self._on_joined,
            EngineLost: self._on_lost,
            TimePassed: self._on_time,
        }

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take an event into account and return what is to be done."""
        actions: list[Action] = []
        self._handlers[type(event)](event, now, actions)
        return actions

    # Events

    def _on_submitted(
        self, event: TaskSubmitted, now: float, actions: list[Action]
    ) -> None:
        task = Task(event.key, event.body, event.pinned)
        if task.pinned is None:
            self.queue.append(task)
            if len(self.policy):
                self._dispatch(now, actions)
            return
        engine = self.by_id.get(task.pinned)
        if engine is None:
            reason = self._say_gone(task.pinned)
            actions.append(self._fail(task, task.pinned, reason))
        else:
            self._assign(task, engine, now, actions)

    def _on_finished(
        self, event: TaskFinished, now: float, actions: list[Action]
    ) -> None:
        engine = self.engines.get(event.uuid)
        task = engine.inhand.pop(event.ordinal, None) if engine else None
        if engine is None or task is None:
            return  # told twice: the first result won
        engine.revoking.discard(event.ordinal)
        engine.heard = now
        engine.completed += 1
        engine.balanced -= task.pinned is None
        engine.depth.learn(event.duration)
        task.move(TaskState.DONE)
        actions.append(DeliverOutcome(task, engine.engine_id, event.outcome))
        self._settle(engine)
        self._dispatch(now, actions)

    def _on_revoked(
        self, event: TasksRevoked, now: float, actions: list[Action]
    ) -> None:
        engine = self.engines.get(event.uuid)
        if engine is None:
            return
        # An earlier answer may come while a later question is under way.
        engine.revoking.difference_update(event.asked)
        tasks = [
            engine.inhand.pop(ordinal)
            for ordinal in sorted(set(event.given).intersection(event.asked))
            if ordinal in engine.inhand
        ]
        engine.balanced -= len(tasks)
        self._requeue(tasks)
        self._settle(engine)
        self._dispatch(now, actions)

    def _on_joined(
        self, event: EngineJoined, now: float, actions: list[Action]
    ) -> None:
        if event.uuid in self.engines:
            return
        engine = Engine(event.uuid, event.engine_id)
        engine.heard = now
        self.engines[engine.uuid] = self.by_id[engine.engine_id] = engine
        self._settle(engine)
        self._dispatch(now, actions)

    def _on_lost(self, event: EngineLost, now: float, actions: list[Action]) -> None:
        engine = self.engines.pop(event.uuid, None)
        if engine is None:
            return
        del self.by_id[engine.engine_id]
        self.departed[engine.engine_id] = event.reason
        self.policy.remove(engine.uuid)
        self.crowded.pop(engine.uuid, None)
        position = event.position
        if not event.proved:
            position = engine.ordinal
        elif position is None:
            position = next(iter(engine.inhand), 0)
        again: list[Task] = []
        for ordinal, task in engine.inhand.items():
            # What it had ended, and not told, killed nobody.
            ran = not event.proved or ordinal == position
            if ran:
                task.deaths.append(f"engine {engine.engine_id}: {event.reason}")
            if (
                task.pinned is not None
                or not event.proved
                or len(task.deaths) > self.engine_retries
            ):
                reason = _say_why(task, engine.engine_id, event, ordinal, position)
                actions.append(self._fail(task, engine.engine_id, reason, ran=ran))
            else:
                again.append(task)
        self._requeue(again)
        self._dispatch(now, actions)

    def _on_time(self, event: TimePassed, now: float, actions: list[Action]) -> None:
        self.wakeup = None
        self._dispatch(now, actions)

    # Moves

    def _dispatch(self, now: float, actions: list[Action]) -> None:
        queue, policy = self.queue, self.policy
        while queue:
            uuid = policy.choose()
            if uuid is None:
                return
            self._assign(queue.popleft(), self.engines[uuid], now, actions)
        if self.crowded and policy.idle():
            self._level(now, actions)

    def _assign(
        self, task: Task, engine: Engine, now: float, actions: list[Action]
    ) -> None:
        if not engine.inhand:
            engine.heard = now
        engine.ordinal += 1
        engine.inhand[engine.ordinal] = task
        engine.balanced += task.pinned is None
        task.move(TaskState.ASSIGNED)
        actions.append(SendTask(engine.uuid, engine.ordinal, task))
        self._settle(engine)

    def _settle(self, engine: Engine) -> None:
        """Put an engine where its load belongs among those that can take a task."""
        load = len(engine.inhand)
        if load > 1 and engine.balanced > (engine.first.pinned is None):
            self.crowded[engine.uuid] = engine
        else:
            self.crowded.pop(engine.uuid, None)
        if load < engine.depth.limit:
            self.policy.place(engine.uuid, load)
        else:
            self.policy.remove(engine.uuid)

    def _level(self, now: float, actions: list[Action]) -> None:
        """Ask stalled engines for what waits in line, since somebody is idle."""
        self.wakeup = None
        wanted = self.policy.idle()
        for engine in self.crowded.values():
            if engine.revoking:
                continue
            if now - engine.heard < STALLED:
                due = engine.heard + STALLED
                self.wakeup = due if self.wakeup is None else min(self.wakeup, due)
                continue
            line = list(engine.inhand.items())[1:]
            waiting = [ordinal for ordinal, task in line if task.pinned is None]
            # As many stay as each idle engine gets.
            share = -(-len(waiting) * wanted // (wanted + 1))
            if share:
                asked = waiting[-share:]
                engine.revoking.update(asked)
                actions.append(RevokeTasks(engine.uuid, asked))

    def _requeue(self, tasks: list[Task]) -> None:
        for task in reversed(tasks):
            task.move(TaskState.QUEUED)
            self.queue.appendleft(task)

    def _say_gone(self, engine_id: EngineId) -> str:
        reason = self.departed.get(engine_id)
        if reason is None:
            return f"there is no engine {engine_id}: it left, or never was"
        return f"engine {engine_id} died before it started the task: {reason}"

    def _fail(
        self, task: Task, engine_id: EngineId, reason: str, *, ran: bool = False
    ) -> FailTask:
        task.move(TaskState.FAILED)
        return FailTask(task, engine_id, reason, ran)

    # Looking inside

    def check(self) -> None:
        """Assert the invariants."""
        assert set(self.by_id) == {e.engine_id for e in self.engines.values()}
        held: set[int] = set()
        for engine in self.engines.values():
            ordinals = list(engine.inhand)
            assert ordinals == sorted(ordinals), "an engine's line is out of order"
            assert not ordinals or ordinals[-1] <= engine.ordinal
            assert engine.revoking <= set(ordinals)
            for task in engine.inhand.values():
                assert task.state is TaskState.ASSIGNED
                assert task.pinned in (None, engine.engine_id)
                assert id(task) not in held, "a task is in two hands"
                held.add(id(task))
        for task in self.queue:
            assert task.state is TaskState.QUEUED
            assert task.pinned is None
            assert id(task) not in held
        if self.queue:
            assert self.policy.choose() is None, "a task waits while an engine is free"


def _say_why(
    task: Task, engine_id: EngineId, event: EngineLost, ordinal: int, position: int
) -> str:
    if not event.proved:
        return (
            f"engine {engine_id} is lost: {event.reason}. It may still be running the "
            "task, which is therefore not run again elsewhere"
        )
    if len(task.deaths) > 1:
        first_lines = "; ".join(death.partition("\n")[0] for death in task.deaths)
        _, newline, details = task.deaths[-1].partition("\n")
        return (
            f"the task killed {len(task.deaths)} engines and is not tried again: "
            f"{first_lines}{newline}{details}"
        )
    when = "while it ran the task"
    if ordinal < position:
        when = "before the task's result had left"
    elif ordinal > position:
        when = "before it started the task"
    return f"engine {engine_id} died {when}: {event.reason}"
