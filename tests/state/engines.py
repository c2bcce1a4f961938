"""An engine as the scheduler machine meets it, without a process.

It takes its tasks in order, knows how far it is, and does not start what it has given
back. While a task waits for others it may run more, one on top of the other: only the
topmost can go on. So does `parallel.engine`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from parallel.aliases import EngineId, Uuid
from parallel.protocol.messages import Status
from parallel.state.events import (
    InterruptTask,
    RevokeTasks,
    SendTask,
    TaskFinished,
    TaskResumed,
    TasksRevoked,
    TaskSuspended,
)
from parallel.state.naming import TaskKey

Said = TaskFinished | TaskSuspended | TaskResumed


class FakeEngine:
    """An engine, and the four lines that join it with the machine.

    Parameters
    ----------
    heeds
        Interrupted tasks end; else they go on as if nothing had happened.
    """

    def __init__(
        self,
        engine_id: EngineId,
        resources: Mapping[str, float],
        labels: Sequence[str],
        heeds: bool = True,
    ) -> None:
        self.engine_id = engine_id
        self.uuid: Uuid = b"engine %d" % engine_id
        self.resources = resources
        self.labels = labels
        self.heeds = heeds
        #: On their way here: tasks, and requests to give some back or to interrupt one.
        self.tasks: deque[SendTask] = deque()
        self.requests: deque[RevokeTasks | InterruptTask] = deque()
        #: On their way from here.
        self.results: deque[Said] = deque()
        self.answers: deque[TasksRevoked] = deque()
        #: What has started and not ended; all but the last wait.
        self.stack: list[SendTask] = []
        self.waits: set[int] = set()
        self.interrupted: set[int] = set()
        #: The ordinal looked at last, the one that runs or ran last, and the highest
        #: that was started.
        self.position = self.page = self.reach = 0
        self.started: list[SendTask] = []
        #: What raised here, or refused to run here.
        self.raised: set[TaskKey] = set()
        self.given_back: set[int] = set()

    @property
    def running(self) -> SendTask | None:
        """The task that runs now."""
        top = self.stack[-1] if self.stack else None
        return None if top is None or top.ordinal in self.waits else top

    @property
    def suspended(self) -> SendTask | None:
        """The task that could go on, if what it waits for were there."""
        return None if self.running or not self.stack else self.stack[-1]

    @property
    def can_start(self) -> bool:
        """Whether there is a next task, and nothing runs."""
        return bool(self.tasks) and self.running is None

    def start(self) -> SendTask | None:
        """Take up the next task, unless it was given back; return it if it runs."""
        assert self.can_start
        task = self.tasks.popleft()
        assert task.ordinal > self.position, "tasks came out of order"
        self.position = task.ordinal
        if task.ordinal in self.given_back:
            return None
        self.page = self.reach = task.ordinal
        self.stack.append(task)
        self.started.append(task)
        return task

    def finish(self, duration: float, status: Status = Status.OK) -> None:
        """End the running task; a direct one cannot ask for another engine."""
        done = self.running
        assert done is not None
        if status is Status.UNMET and done.task.pinned is not None:
            status = Status.ERROR
        self.stack.pop()
        if self.stack:  # the one below is itself again
            self.page = self.stack[-1].ordinal
        key = done.task.key
        if status is not Status.OK:
            self.raised.add(key)
        self.results.append(
            TaskFinished(self.uuid, done.ordinal, duration, key, status)
        )

    def suspend(self) -> None:
        """Have the running task wait for others."""
        assert self.running is not None
        ordinal = self.running.ordinal
        self.waits.add(ordinal)
        self.results.append(TaskSuspended(self.uuid, ordinal))

    def resume(self) -> None:
        """Have the topmost task go on; it ends if it was interrupted meanwhile."""
        assert self.suspended is not None
        ordinal = self.suspended.ordinal
        self.waits.discard(ordinal)
        self.results.append(TaskResumed(self.uuid, ordinal))
        if ordinal in self.interrupted and self.heeds:
            self.finish(1e-3, Status.ERROR)

    def give_back(self) -> None:
        """Answer a request: what was not started is given back."""
        request = self.requests.popleft()
        if isinstance(request, InterruptTask):
            self._interrupt(request.ordinal)
            return
        asked = request.ordinals
        given = [ordinal for ordinal in asked if ordinal > self.position]
        self.given_back.update(given)
        self.answers.append(TasksRevoked(self.uuid, asked, given))

    def _interrupt(self, ordinal: int) -> None:
        if ordinal > self.position:
            self.given_back.add(ordinal)
            self.answers.append(TasksRevoked(self.uuid, [ordinal], [ordinal]))
        elif self.stack and self.heeds:
            self.interrupted.add(ordinal)
            if ordinal != self.stack[-1].ordinal:
                return  # when it is on top again
            if self.suspended:
                self.resume()
            else:
                self.finish(1e-3, Status.ERROR)
