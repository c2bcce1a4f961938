"""What can happen to the scheduler, and what it decides to do about it.

Four of these are made for each task: a named tuple would take thrice as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import Struct

from ..aliases import EngineId, Uuid
from ..protocol.messages import Status
from ..protocol.terms import USUAL, Terms
from .naming import TaskKey
from .past import FIRST, Past
from .tasks import Task

__all__ = [
    "Action",
    "DeliverOutcome",
    "EngineDrained",
    "EngineDraining",
    "EngineJoined",
    "EngineLost",
    "EngineResumed",
    "Event",
    "FailTask",
    "Holding",
    "InterruptTask",
    "KillEngine",
    "RevokeTasks",
    "SendTask",
    "TaskFinished",
    "TaskResumed",
    "TaskReturned",
    "TaskSubmitted",
    "TaskSuspended",
    "TasksAborted",
    "TasksEnded",
    "TasksRevoked",
    "TellPast",
    "TimePassed",
]


NOTHING: Mapping[str, float] = MappingProxyType({})


class Holding(Struct, frozen=True, gc=False):
    """A task that an engine has of an earlier machine: it has started there.

    Its client may not have told of it yet. Until it does, the task has this body.
    """

    key: TaskKey
    body: Any
    ordinal: int
    suspended: bool = False
    #: How long it has been at it, seconds.
    ran: float = 0.0
    #: How earlier starts of it ended, as far as it knows.
    past: Past = FIRST


class EngineJoined(Struct, frozen=True, gc=False):
    """An engine is ready for work."""

    uuid: Uuid
    engine_id: EngineId
    resources: Mapping[str, float] = NOTHING
    labels: Sequence[str] = ()
    #: What it runs before all else: the keys and bodies of direct tasks.
    setups: Sequence[tuple[TaskKey, Any]] = ()
    #: What it has of an earlier machine, which gave it no ordinal above `reach`.
    holdings: Sequence[Holding] = ()
    reach: int = 0
    #: When its time is up, by the clock that the machine is told; 0 if nobody knows.
    until: float = 0.0


class EngineDraining(Struct, frozen=True, gc=False):
    """An engine is to get nothing more, and to finish what it has started.

    One that `leaves` is to end then, and gets no direct tasks either.
    """

    uuid: Uuid
    why: str = "somebody has drained it"
    leaves: bool = False


class EngineResumed(Struct, frozen=True, gc=False):
    """An engine that was drained is to have work again."""

    uuid: Uuid


class EngineLost(Struct, frozen=True, gc=False):
    """An engine is gone.

    `position` is the ordinal of the task that it had started last, where that is
    known; else the first in hand counts as started. `reach` is the highest ordinal
    that it may have started; by default all in hand. What is not proved dead may
    still be running all it was sent, so nothing of that is tried again.
    """

    uuid: Uuid
    reason: str
    position: int | None = None
    proved: bool = True
    reach: int | None = None


class TaskSubmitted(Struct, frozen=True, gc=False):
    """A client asks for a call: on one engine, or on any."""

    key: TaskKey
    body: Any
    pinned: EngineId | None = None
    terms: Terms = USUAL
    #: Why it is not to be run at all, if it is not.
    lost: str = ""


class TaskReturned(TaskSubmitted, frozen=True, gc=False):
    """A client asks again, at another machine, for a call that has been started."""

    past: Past = FIRST


class TasksEnded(Struct, frozen=True, gc=False):
    """Tasks of an earlier machine ended so (as `history` has it), and there."""

    ends: Sequence[tuple[TaskKey, int, EngineId]]


class TasksAborted(Struct, frozen=True, gc=False):
    """A client gives tasks up; with `interrupt`, also those that run."""

    client: Uuid
    seqs: Sequence[int]
    interrupt: bool = False


class TaskFinished(Struct, frozen=True, gc=False):
    """An engine ended a task, well or not; `duration` in seconds."""

    uuid: Uuid
    ordinal: int
    duration: float
    outcome: Any
    status: Status = Status.OK


class TaskSuspended(Struct, frozen=True, gc=False):
    """A task waits for others, and its engine may run more meanwhile."""

    uuid: Uuid
    ordinal: int


class TaskResumed(Struct, frozen=True, gc=False):
    """What a suspended task waited for is there."""

    uuid: Uuid
    ordinal: int


class TasksRevoked(Struct, frozen=True, gc=False):
    """An engine answers: of the tasks asked for, it will not start those given."""

    uuid: Uuid
    asked: list[int]
    given: list[int]


class TimePassed(Struct, frozen=True, gc=False):
    """It is as late as the machine asked to be told."""


class SendTask(Struct, frozen=True, gc=False):
    """Send a task to an engine, under this ordinal."""

    uuid: Uuid
    ordinal: int
    task: Task


class TellPast(Struct, frozen=True, gc=False):
    """Tell the client that its task is to be started again, and what became of it."""

    task: Task


class DeliverOutcome(Struct, frozen=True, gc=False):
    """Tell the client how its task ended; `note` adds what led to that."""

    task: Task
    engine_id: EngineId
    outcome: Any
    note: str = ""


class FailTask(Struct, frozen=True, gc=False):
    """Tell the client that its task will have no result, and why.

    `engine_id` is -1 where no engine had to do with it; `ran` says that the engine
    was at it when it died.
    """

    task: Task
    engine_id: EngineId
    reason: str
    ran: bool = False
    status: Status = Status.LOST


class InterruptTask(Struct, frozen=True, gc=False):
    """Have an engine interrupt a task if it runs, and not start it if it does not.

    The status and the reason are for a task that ends with an error.
    """

    uuid: Uuid
    ordinal: int
    status: Status
    reason: str


class KillEngine(Struct, frozen=True, gc=False):
    """Have an engine killed and replaced: what it runs does not heed interrupts."""

    uuid: Uuid
    reason: str


class EngineDrained(Struct, frozen=True, gc=False):
    """Tell that an engine which drains has nothing in hand any more."""

    uuid: Uuid


class RevokeTasks(Struct, frozen=True, gc=False):
    """Ask an engine to give back what it has not started."""

    uuid: Uuid
    ordinals: list[int]


Event: TypeAlias = (
    EngineJoined | EngineLost | EngineDraining | EngineResumed | TaskSubmitted
    | TaskReturned
    | TasksAborted | TasksEnded | TaskFinished | TaskSuspended | TaskResumed
    | TasksRevoked | TimePassed
)  # fmt: skip
Action: TypeAlias = (
    SendTask
    | DeliverOutcome
    | FailTask
    | RevokeTasks
    | InterruptTask
    | KillEngine
    | EngineDrained
    | TellPast
)
