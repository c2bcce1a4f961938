"""The queue of tasks that wait for an engine: by priority, depth, then arrival.

Tasks with the same needs stand in one lane; nearly all stand in the one of those
that any engine may run. So a choice looks at the heads of the lanes only.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Container, Iterator

from ..protocol.terms import USUAL
from .tasks import Engine, Needs, Task, TaskState

__all__ = ["Lane", "TaskQueue", "rank_of"]

#: The rank of a task that asks for nothing: nearly all of them.
_USUAL_RANK = (-USUAL.priority, -USUAL.depth)

#: So many tasks that were given up may stand in a line.
SLACK = 1024


def rank_of(task: Task) -> tuple[float, int]:
    """Return what decides whose turn comes first, before arrival: less is sooner."""
    return -task.terms.priority, -task.terms.depth


class Lane:
    """Tasks that the same engines may run, the next one first."""

    __slots__ = ("_gone", "levels", "needs", "order", "reserved")

    def __init__(self, needs: Needs | None) -> None:
        self.needs = needs
        #: The engine that is to get idle for the next task.
        self.reserved: Engine | None = None
        #: Tasks by rank.
        self.levels: dict[tuple[float, int], deque[Task]] = {}
        #: The levels with their ranks, in order.
        self.order: list[tuple[tuple[float, int], deque[Task]]] = []
        #: How many were given up, and are still in line.
        self._gone = 0

    def push(self, task: Task) -> None:
        """Put a task where its arrival belongs: at the end, or back in front."""
        rank = _USUAL_RANK if task.terms is USUAL else rank_of(task)
        level = self.levels.get(rank)
        if level is None:
            level = self.levels[rank] = deque()
            insort(self.order, (rank, level))
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
            rank, level = self.order[0]
            while level:
                if level[0].state is TaskState.QUEUED:
                    return level[0]
                level.popleft()
                self._gone -= 1
            if rank is _USUAL_RANK and len(self.order) == 1:
                break  # there will be more like them
            del self.levels[rank], self.order[0]
        return None

    def forget(self, waiting: int) -> None:
        """Count a task that is about to be given up; so many others wait.

        It leaves the line when its turn comes, or when there are more like it.
        """
        if self._gone > waiting + SLACK:
            for level in self.levels.values():
                left = [task for task in level if task.state is TaskState.QUEUED]
                level.clear()
                level.extend(left)
            self._gone = 0
        self._gone += 1

    def __iter__(self) -> Iterator[Task]:
        for _, level in self.order:
            for task in level:
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
        #: One has come that goes before the usual ones.
        self.urgent = False

    def __iter__(self) -> Iterator[Task]:
        yield from self.plain
        for lane in self.lanes.values():
            yield from lane

    def push(self, task: Task) -> None:
        """Put a task in its lane; one that was here before gets its place back."""
        if not task.arrival:
            self.number(task)
        needs = task.needs
        if needs is None:
            lane = self.plain
            if task.terms is not USUAL and rank_of(task) < _USUAL_RANK:
                self.urgent = True
        else:
            lane = self._lane(needs)
        lane.push(task)
        self.size += 1

    def number(self, task: Task) -> None:
        """Give a task its place among all that come."""
        self._arrivals += 1
        task.arrival = self._arrivals

    def urgent_rank(self) -> tuple[float, int] | None:
        """Return the rank of the next plain task if it goes before the usual ones."""
        head = self.plain.head()
        rank = None if head is None else rank_of(head)
        return rank if rank is not None and rank < _USUAL_RANK else None

    def _lane(self, needs: Needs | None) -> Lane:
        if needs is None:
            return self.plain
        lane = self.lanes.get(needs)
        if lane is None:
            lane = self.lanes[needs] = Lane(needs)
        return lane

    def pop(self, lane: Lane) -> None:
        """Take the head of a lane out."""
        lane.order[0][1].popleft()
        self.size -= 1

    def forget(self, task: Task) -> None:
        """Count out a task that is about to be given up: its lane will drop it."""
        self.size -= 1
        self._lane(task.needs).forget(self.size)

    def check(self, held: Container[int]) -> None:
        """Assert the invariants, given the identities of all tasks in hand."""
        queued = list(self)
        assert len(queued) == self.size
        for task in queued:
            assert task.state is TaskState.QUEUED
            assert task.pinned is None
            assert id(task) not in held

    def by_rank(self) -> list[tuple[Task, Lane]]:
        """Return the heads of all lanes, the one whose turn it is first."""
        heads: list[tuple[Task, Lane]] = []
        for lane in (self.plain, *list(self.lanes.values())):
            head = lane.head()
            if head is not None:
                heads.append((head, lane))
            elif lane.needs is not None:
                del self.lanes[lane.needs]
        heads.sort(key=lambda pair: (rank_of(pair[0]), pair[0].arrival))
        return heads
