"""What the scheduler knows of one task and of one engine."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Any, NamedTuple

from ..aliases import EngineId, Uuid
from ..errors import InvalidTransition
from .depth import Depth

__all__ = ["Engine", "Task", "TaskKey", "TaskState"]


class TaskState(Enum):
    """Where a task stands in its life."""

    QUEUED = "queued"
    #: Sent to an engine; whether it runs already, only the engine knows.
    ASSIGNED = "assigned"
    DONE = "done"
    FAILED = "failed"


#: From each state, where a task may go.
TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset({TaskState.ASSIGNED, TaskState.FAILED}),
    TaskState.ASSIGNED: frozenset({TaskState.QUEUED, TaskState.DONE, TaskState.FAILED}),
    TaskState.DONE: frozenset(),
    TaskState.FAILED: frozenset(),
}


class TaskKey(NamedTuple):
    """Which task: the client that submitted it, and its number there."""

    client: Uuid
    seq: int


class Task:
    """One call on its way through the cluster."""

    __slots__ = ("body", "deaths", "key", "pinned", "state")

    def __init__(self, key: TaskKey, body: Any, pinned: EngineId | None = None) -> None:
        self.key = key
        #: What the engine will be sent: not the machine's business.
        self.body = body
        #: The only engine that may run it, or None for any.
        self.pinned = pinned
        self.state = TaskState.QUEUED
        #: How the engines died that had started it.
        self.deaths: list[str] = []

    def move(self, state: TaskState) -> None:
        """Change state.

        Raises
        ------
        InvalidTransition
            A task in its state cannot go there.
        """
        if state not in TRANSITIONS[self.state]:
            raise InvalidTransition(
                f"task {self.key}", self.state.value, state.value, self.deaths
            )
        self.state = state

    def __repr__(self) -> str:
        return f"<Task {self.key.seq} {self.state.value}>"


class Engine:
    """An engine as the scheduler sees it: a line of assigned tasks, in order."""

    __slots__ = (
        "balanced",
        "completed", "depth", "engine_id", "heard", "inhand", "ordinal", "revoking",
        "uuid",
    )  # fmt: skip

    def __init__(self, uuid: Uuid, engine_id: EngineId) -> None:
        self.uuid = uuid
        self.engine_id = engine_id
        #: The ordinal given last.
        self.ordinal = 0
        #: What was sent and is not ended, by ordinal: the first of them runs.
        self.inhand: OrderedDict[int, Task] = OrderedDict()
        #: How many of these could run elsewhere too.
        self.balanced = 0
        self.depth = Depth()
        #: Ordinals asked back, and not yet answered.
        self.revoking: set[int] = set()
        #: When it last ended a task, or got one while idle.
        self.heard = 0.0
        self.completed = 0

    @property
    def first(self) -> Task:
        """The task that runs: the first in hand."""
        return next(iter(self.inhand.values()))

    def __repr__(self) -> str:
        return f"<Engine {self.engine_id}: {len(self.inhand)} in hand>"
