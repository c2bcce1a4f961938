"""What can happen to the scheduler, and what it decides to do about it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from ..aliases import EngineId, Uuid
from .tasks import Task, TaskKey

__all__ = [
    "Action",
    "DeliverOutcome",
    "EngineJoined",
    "EngineLost",
    "Event",
    "FailTask",
    "RevokeTasks",
    "SendTask",
    "TaskFinished",
    "TaskSubmitted",
    "TasksRevoked",
    "TimePassed",
]


class EngineJoined(NamedTuple):
    """An engine is ready for work."""

    uuid: Uuid
    engine_id: EngineId


class EngineLost(NamedTuple):
    """An engine is gone.

    `position` is the ordinal of the task that it had started last, where that is
    known; else the first in hand counts as started. What is not proved dead may
    still be running all it was sent, so nothing of that is tried again.
    """

    uuid: Uuid
    reason: str
    position: int | None = None
    proved: bool = True


class TaskSubmitted(NamedTuple):
    """A client asks for a call: on one engine, or on any."""

    key: TaskKey
    body: Any
    pinned: EngineId | None = None


class TaskFinished(NamedTuple):
    """An engine ended a task, well or not; `duration` in seconds."""

    uuid: Uuid
    ordinal: int
    duration: float
    outcome: Any


class TasksRevoked(NamedTuple):
    """An engine answers: of the tasks asked for, it will not start those given."""

    uuid: Uuid
    asked: list[int]
    given: list[int]


class TimePassed(NamedTuple):
    """It is as late as the machine asked to be told."""


class SendTask(NamedTuple):
    """Send a task to an engine, under this ordinal."""

    uuid: Uuid
    ordinal: int
    task: Task


class DeliverOutcome(NamedTuple):
    """Tell the client how its task ended."""

    task: Task
    engine_id: EngineId
    outcome: Any


class FailTask(NamedTuple):
    """Tell the client that its task will have no result, and why.

    `ran` says that the engine was at it when it died.
    """

    task: Task
    engine_id: EngineId
    reason: str
    ran: bool = False


class RevokeTasks(NamedTuple):
    """Ask an engine to give back what it has not started."""

    uuid: Uuid
    ordinals: list[int]


Event: TypeAlias = (
    EngineJoined | EngineLost | TaskSubmitted | TaskFinished | TasksRevoked | TimePassed
)
Action: TypeAlias = SendTask | DeliverOutcome | FailTask | RevokeTasks
