"""The queue of tasks that wait for an engine: by priority, then by arrival.

Tasks with the same needs stand in one lane; nearly all stand in the one of those
that any engine may run. So a choice looks at the heads of the lanes only.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator

from .tasks import Engine, Needs, Task, TaskState

__all__ = ["Lane", "TaskQueue"]

#: So many tasks that were given up may stand in a line.
SLACK = 1024


class Lane:
    """Tasks that the same engines may run, the next one first."""

    __slots__ = ("_gone", "levels", "needs", "order", "reserved")

    def __init__(self, needs: Needs | None) -> None:
        self.needs = needs
        #: The engine that is to get idle for the next task.
        self.reserved: Engine | None = None
        #: Tasks by priority.
        self.levels: dict[float, deque[Task]] = {}
        #: The negated priorities of the levels, in order.
        self.order: list[float] = []
        #: How many were given up, and are still in line.
        self._gone = 0

    def push(self, task: Task) -> None:
        """Put a task where its arrival belongs: at the end, or back in front."""
        priority = task.terms.priority
        level = self.levels.get(priority)
        if level is None:
            level = self.levels[priority] = deque()
            insort(self.order, -priority)
        if not level or task.arrival > level[-1].arrival:
            level.append(task)
            return
        before: list[Task] = []
        while level and level[0].arrival < task.arrival:
            before.append(level.popleft())
        level.appendleft(task)
        level.extendleft(reversed(before))

    def head(self) -> Task | None:
        """Return the next task; those given up meanwhile are dropped on the way."""
        while self.order:
            priority = -self.order[0]
            level = self.levels[priority]
            while level:
                if level[0].state is TaskState.QUEUED:
                    return level[0]
                level.popleft()
                self._gone -= 1
            del self.levels[priority], self.order[0]
        return None

    def forget(self, waiting: int) -> None:
        """Count a task that is about to be given up; so many others wait.

        It leaves the line when its turn comes, or when there are more like it.
        """
        if self._gone > waiting + SLACK:
            for priority, level in self.levels.items():
                left = (task for task in level if task.state is TaskState.QUEUED)
                self.levels[priority] = deque(left)
            self._gone = 0
        self._gone += 1

    def __iter__(self) -> Iterator[Task]:
        for negated in self.order:
            for task in self.levels[-negated]:
                if task.state is TaskState.QUEUED:
                    yield task


class TaskQueue:
    """All lanes."""

    def __init__(self) -> None:
        #: Of the tasks that any engine may run.
        self.plain = Lane(None)
        #: The other lanes, by what their tasks need.
        self.lanes: dict[Needs, Lane] = {}
        self._arrivals = 0
        #: How many tasks wait.
        self.size = 0

    def __iter__(self) -> Iterator[Task]:
        yield from self.plain
        for lane in self.lanes.values():
            yield from lane

    def push(self, task: Task) -> None:
        """Put a task in its lane; one that was here before gets its place back."""
        if not task.arrival:
            self._arrivals += 1
            task.arrival = self._arrivals
        needs = task.needs
        lane = self.plain if needs is None else self._lane(needs)
        lane.push(task)
        self.size += 1

    def _lane(self, needs: Needs | None) -> Lane:
        if needs is None:
            return self.plain
        lane = self.lanes.get(needs)
        if lane is None:
            lane = self.lanes[needs] = Lane(needs)
        return lane

    def pop(self, lane: Lane) -> None:
        """Take the head of a lane out."""
        lane.levels[-lane.order[0]].popleft()
        self.size -= 1

    def forget(self, task: Task) -> None:
        """Count out a task that is about to be given up: its lane will drop it."""
        self.size -= 1
        self._lane(task.needs).forget(self.size)

    def by_rank(self) -> list[tuple[Task, Lane]]:
        """Return the heads of all lanes, the one whose turn it is first."""
        heads: list[tuple[Task, Lane]] = []
        for lane in (self.plain, *list(self.lanes.values())):
            head = lane.head()
            if head is not None:
                heads.append((head, lane))
            elif lane.needs is not None:
                del self.lanes[lane.needs]
        heads.sort(key=lambda pair: (-pair[0].terms.priority, pair[0].arrival))
        return heads
