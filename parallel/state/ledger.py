"""Every task that has not ended, and what the end of one decides for others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from ..aliases import EngineId
from ..protocol.messages import Status
from ..protocol.terms import Terms
from .choosing import Choosing
from .deadlines import Deadlines
from .dependencies import Dependencies, Refusal
from .events import Action, DeliverOutcome, FailTask
from .history import CANCELLED, FAILED, OK, History, end_of
from .naming import TaskKey
from .newest import Newest
from .placement import Placement
from .queue import TaskQueue
from .stories import say_nobody
from .tasks import UNCLAIMED, Engine, Task, TaskState

__all__ = ["Ledger"]


class Ledger:
    """Tasks from their admission to their end.

    What is to be done about them is added to `actions`.
    """

    def __init__(self, placement: Placement, choosing: Choosing) -> None:
        self._placement = placement
        self._choosing = choosing
        self.tasks: dict[TaskKey, Task] = {}
        self.queue = TaskQueue()
        self.deadlines = Deadlines()
        #: How engines ended that are no longer there.
        self.departed: Newest[EngineId, str] = Newest()
        self.actions: list[Action] = []
        self._history = History()
        self._dependencies = Dependencies(self._history)
        #: Waiting tasks for whom something has been decided.
        self.decided: deque[tuple[Task, Refusal | bool]] = deque()

    @property
    def waiting(self) -> int:
        """How many tasks wait for others to end."""
        return len(self._dependencies.waiting)

    def waits_for(self, task: Task) -> list[TaskKey]:
        """Return the tasks that a waiting one waits for, and that have not ended."""
        return self._dependencies.open_for(task)

    # What earlier machines knew

    def knows(self, key: TaskKey) -> bool:
        """Tell whether a task has not ended, or it is known how it did."""
        return key in self.tasks or self._history.find(key) is not None

    def note(self, ends: Iterable[tuple[TaskKey, int, EngineId]]) -> None:
        """Take note of how tasks of an earlier machine ended."""
        for key, end, engine_id in ends:
            if key not in self.tasks and end in (OK, FAILED, CANCELLED):
                self._history.note(key, end, engine_id)
                self._decide(key, end, engine_id)

    def places_of(self, terms: Terms) -> frozenset[EngineId] | None:
        """Return where a task may run that has started already, by what it follows."""
        return self._dependencies.places_of(terms)

    # Going on

    def admit(self, task: Task, now: float, lost: str = "") -> None:
        """Take in a balanced task with terms of its own, or say why it is lost."""
        if lost:
            self.fail(task, Status.LOST, lost)
            return
        if task.terms.timeout is not None:
            self.deadlines.set(("late", task.key), now + task.terms.timeout)
        task.state = TaskState.WAITING
        self._go_on(task, self._dependencies.add(task, self.tasks))

    def _go_on(self, task: Task, verdict: Refusal | bool) -> None:
        """Do with a waiting task what its dependencies allow."""
        if isinstance(verdict, Refusal):
            self.fail(task, verdict.status, verdict.reason)
        elif verdict:
            self.enqueue(task)

    def enqueue(self, task: Task) -> None:
        """Queue a task, unless no engine can ever run it."""
        task.settle_needs(timed=bool(self._placement.timed))
        if task.needs is not None and self._choosing.is_hopeless(task.needs):
            reason = say_nobody(task.needs, self.departed)
            self.fail(task, Status.IMPOSSIBLE, reason)
        else:
            task.move(TaskState.QUEUED)
            self.queue.push(task)

    def withdraw(self, task: Task) -> None:
        """Take a task out that no engine has, to fail it."""
        if task.state is TaskState.WAITING:
            self._dependencies.remove(task)
        else:
            self.queue.forget(task)

    def drop_hopeless(self) -> None:
        """Fail the queued tasks for whom the last engine is gone that they may use."""
        for needs, lane in list(self.queue.lanes.items()):
            if self._choosing.is_hopeless(needs):
                for task in list(lane):
                    self.queue.forget(task)
                    reason = say_nobody(needs, self.departed)
                    self.fail(task, Status.IMPOSSIBLE, reason)

    # Ending

    def deliver(
        self, task: Task, engine_id: EngineId, outcome: Any, *,
        ok: bool = True, note: str = "",
    ) -> None:  # fmt: skip
        """End a task with its outcome."""
        task.move(TaskState.DONE)
        self.actions.append(DeliverOutcome(task, engine_id, outcome, note))
        self._end(task, OK if ok else FAILED, engine_id)

    def fail(
        self, task: Task, status: Status, reason: str, engine_id: EngineId = -1, *,
        ran: bool = False,
    ) -> None:  # fmt: skip
        """End a task that has no outcome, and say why."""
        task.move(TaskState.FAILED)
        self.actions.append(FailTask(task, engine_id, reason, ran, status))
        self._end(task, end_of(status), engine_id)

    def _end(self, task: Task, end: int, engine_id: EngineId) -> None:
        key = task.key
        del self.tasks[key]
        if task.terms.timeout is not None:
            self.deadlines.call_off(("late", key))
        if end != OK and task.terms is UNCLAIMED:
            return  # its client's terms may have it tried again: see `note`
        self._history.note(key, end, engine_id)
        if self._dependencies.waiting:
            self._decide(key, end, engine_id, task.holder)

    def _decide(
        self, key: TaskKey, end: int, engine_id: EngineId, holder: Engine | None = None
    ) -> None:
        """Take note of what a task's end decides for those that wait for it."""
        near = None if holder is None else holder.uuid
        for other, verdict in self._dependencies.ended(key, end, engine_id):
            other.near = near
            self.decided.append((other, verdict))

    def let_go(self) -> None:
        """Do with waiting tasks what was decided.

        The end of one may decide on thousands, and the end of these on more.
        """
        while self.decided:
            task, verdict = self.decided.popleft()
            if task.state is TaskState.WAITING:
                self._go_on(task, verdict)
