"""The queue of tasks that wait for an engine: by priority, then by arrival.

Tasks with the same needs stand in one lane; nearly all stand in the one of those
that any engine may run. So a choice looks at the heads of the lanes only.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator

from .tasks import Needs, Task, TaskState

__all__ = ["Lane", "TaskQueue"]


class Lane:
    """Tasks that the same engines may run, the next one first."""

    __slots__ = ("_levels", "_order", "needs")

    def __init__(self, needs: Needs | None) -> None:
        self.needs = needs
        self._levels: dict[float, deque[Task]] = {}
        #: The negated priorities of the levels, in order.
        self._order: list[float] = []

    def push(self, task: Task) -> None:
        """Put a task where its arrival belongs: at the end, or back in front."""
        priority = task.terms.priority
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = deque()
            insort(self._order, -priority)
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
        while self._order:
            priority = -self._order[0]
            level = self._levels[priority]
            while level:
                if level[0].state is TaskState.QUEUED:
                    return level[0]
                level.popleft()
            del self._levels[priority], self._order[0]
        return None

    def pop(self) -> None:
        """Take the head out."""
        self._levels[-self._order[0]].popleft()

    def __iter__(self) -> Iterator[Task]:
        for negated in self._order:
            for task in self._levels[-negated]:
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
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Task]:
        yield from self.plain
        for lane in self.lanes.values():
            yield from lane

    def push(self, task: Task) -> None:
        """Put a task in its lane; one that was here before gets its place back."""
        if not task.arrival:
            self._arrivals += 1
            task.arrival = self._arrivals
        lane = self.plain
        if task.needs is not None:
            found = self.lanes.get(task.needs)
            if found is None:
                found = self.lanes[task.needs] = Lane(task.needs)
            lane = found
        lane.push(task)
        self._size += 1

    def pop(self, lane: Lane) -> None:
        """Take the head of a lane out."""
        lane.pop()
        self._size -= 1

    def forget(self) -> None:
        """Count out a task that is about to be given up: its lane will drop it."""
        self._size -= 1

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
