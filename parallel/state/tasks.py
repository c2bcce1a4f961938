"""What the scheduler knows of one task and of one engine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from ..aliases import EngineId, Uuid
from ..errors import InvalidTransition
from ..protocol.messages import Status
from ..protocol.terms import USUAL, Terms
from .depth import Depth
from .naming import TaskKey
from .past import Past, tail_of

__all__ = [
    "UNCLAIMED",
    "Engine",
    "Needs",
    "Task",
    "TaskState",
]


class TaskState(Enum):
    """Where a task stands in its life."""

    #: Others must end before it.
    WAITING = "waiting"
    QUEUED = "queued"
    #: Sent to an engine; whether it runs already, only the engine knows.
    ASSIGNED = "assigned"
    DONE = "done"
    FAILED = "failed"

    #: By identity: that of `Enum`, by name, takes longer than all of `Task.move`.
    __hash__ = object.__hash__


#: From each state, where a task may go.
TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset({TaskState.QUEUED, TaskState.FAILED}),
    TaskState.QUEUED: frozenset({TaskState.ASSIGNED, TaskState.FAILED}),
    TaskState.ASSIGNED: frozenset({TaskState.QUEUED, TaskState.DONE, TaskState.FAILED}),
    TaskState.DONE: frozenset(),
    TaskState.FAILED: frozenset(),
}


class Needs(NamedTuple):
    """What an engine must be, or have, to run a task.

    A task with a timeout has needs, if only empty ones: it is given to an engine that
    can start it. So has one that may be started only once.
    """

    #: Only these, if not None, and none of those that it refused, or failed on.
    allowed: frozenset[EngineId] | None
    refused: frozenset[EngineId]
    resources: tuple[tuple[str, float], ...]
    labels: frozenset[str]
    #: It has so much time left at least.
    seconds: float | None = None


#: Those of a task that an engine has, and that its client has not told of yet.
UNCLAIMED = Terms()


class Task:
    """One call on its way through the cluster."""

    __slots__ = (
        "aborting", "arrival", "body", "deaths", "follows", "holder", "is_movable",
        "key", "near", "needs", "once", "ordinal", "pinned", "refused", "starts",
        "state", "stopping", "terms", "tries",
    )  # fmt: skip

    def __init__(
        self,
        key: TaskKey,
        body: Any,
        pinned: EngineId | None = None,
        terms: Terms = USUAL,
    ) -> None:
        self.key = key
        #: What the engine will be sent: not the machine's business.
        self.body = body
        #: The only engine that may run it, or None for any.
        self.pinned = pinned
        self.terms = terms
        self.state = TaskState.QUEUED
        #: The place in the queue that it keeps, however often it comes back.
        self.arrival = 0
        #: Which engine it was given to, and under which ordinal.
        self.holder: Engine | None = None
        self.ordinal = 0
        #: What its engine must be; None for any.
        self.needs: Needs | None = None
        #: Any engine may run it, so it can be asked back from a line.
        self.is_movable = pinned is None
        #: It may not be started twice, so that its result must not be lost either.
        self.once = False
        #: Where the tasks ran that it follows, if it follows any.
        self.follows: frozenset[EngineId] | None = None
        #: The engine on which the last ended of what it waited for.
        self.near: Uuid | None = None
        #: Engines that did not suit it, or where it raised.
        self.refused: frozenset[EngineId] = frozenset()
        #: How often it has come back to the queue after it was started, and has raised.
        self.starts = 0
        self.tries = 0
        #: It is asked back, to be given up.
        self.aborting = False
        #: Why it is being stopped while it runs: how that will be called, and told.
        self.stopping: tuple[Status, str] | None = None
        #: How the engines died that had started it.
        self.deaths: list[str] = []

    def settle_needs(self, *, timed: bool = False) -> None:
        """Work out `needs` from the terms and from what has happened to it.

        Parameters
        ----------
        timed
            Some engines have not enough time left for any task.
        """
        terms = self.terms
        allowed = None if terms.targets is None else frozenset(terms.targets)
        if self.follows is not None:
            allowed = self.follows if allowed is None else allowed & self.follows
        resources = tuple(sorted(terms.resources.items()))
        self.once = not terms.engine_retries and self.pinned is None
        seconds = terms.time_limit if timed else None
        plain = terms.timeout is None and seconds is None
        plain = plain and not (resources or terms.labels or self.once)
        if plain and allowed is None and not self.refused:
            self.needs = None
        else:
            labels = frozenset(terms.labels)
            self.needs = Needs(allowed, self.refused, resources, labels, seconds)
        self.is_movable = self.pinned is None and self.needs is None

    @property
    def token(self) -> bytes:
        """What engines are told to know it by, whatever becomes of the controller.

        If it has been started before, that is told behind its name.
        """
        key = self.key
        name = key[0] + key[1].to_bytes(8, "big", signed=True)
        return name + tail_of(self.past) if self.starts else name

    @property
    def past(self) -> Past:
        """How its earlier starts ended."""
        return Past(self.starts, self.tries, sorted(self.refused), self.deaths)

    def recall(self, past: Past) -> None:
        """Take note of earlier starts that this machine did not see."""
        self.starts = max(self.starts, past.starts)
        self.tries = max(self.tries, past.tries)
        self.refused |= frozenset(past.refused)
        if len(past.deaths) >= len(self.deaths):
            self.deaths = list(past.deaths)

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
        "balanced", "closing", "completed", "depth", "drains", "engine_id", "heard",
        "inhand", "labels", "leaving", "limited", "nested", "once", "ordinal",
        "reserved", "resources", "revoking", "suspended", "tired", "unheard", "until",
        "uuid",
    )  # fmt: skip

    def __init__(
        self,
        uuid: Uuid,
        engine_id: EngineId,
        resources: Mapping[str, float] = MappingProxyType({}),
        labels: Iterable[str] = (),
        until: float = 0.0,
    ) -> None:
        self.uuid = uuid
        self.engine_id = engine_id
        self.resources = dict(resources)
        self.labels = frozenset(labels)
        #: When its time is up; 0 if that is not known.
        self.until = until
        #: So long before that it gets no more tasks of which nothing is known, seconds.
        self.closing = 0.0
        #: That moment has come.
        self.tired = False
        #: It is to get nothing more, and to finish what it has started.
        self.drains = False
        #: Why it is to end then; '' if it is not.
        self.leaving = ""
        #: It is to get idle, for a task that may not run on every engine.
        self.reserved = False
        #: The ordinal given last.
        self.ordinal = 0
        #: What was sent and is not ended, by ordinal: the first of them runs.
        self.inhand: OrderedDict[int, Task] = OrderedDict()
        #: Those of them that wait for tasks of their own, and let others run.
        self.suspended: set[int] = set()
        #: Those that have waited so, now or before: others may have started since.
        self.nested: set[int] = set()
        #: Those of them that are to be interrupted, and that others run on top of.
        self.unheard: set[int] = set()
        #: How many of those in hand could run elsewhere too.
        self.balanced = 0
        #: How many of them may run for some time only.
        self.limited = 0
        #: How many of them may be started only once: nothing waits in line behind.
        self.once = 0
        self.depth = Depth()
        #: Ordinals asked back, and not yet answered.
        self.revoking: set[int] = set()
        #: When it last ended a task, or got one while idle.
        self.heard = 0.0
        self.completed = 0

    @property
    def load(self) -> int:
        """How many tasks are in its line, the one that runs included."""
        return len(self.inhand) - len(self.suspended)

    @property
    def line(self) -> list[tuple[int, Task]]:
        """The tasks in its line with their ordinals: the first runs."""
        suspended = self.suspended
        return [item for item in self.inhand.items() if item[0] not in suspended]

    @property
    def running(self) -> int:
        """The ordinal of the task that runs, or is about to; 0 for none."""
        for ordinal in self.inhand:
            if ordinal not in self.suspended:
                return ordinal
        return 0

    def suits(self, needs: Needs) -> bool:
        """Tell whether it could run such a task, if it had nothing else to do."""
        return (
            not self.leaving
            and (needs.allowed is None or self.engine_id in needs.allowed)
            and self.engine_id not in needs.refused
            and needs.labels <= self.labels
            and all(self.resources.get(k, 0) >= much for k, much in needs.resources)
        )

    def can_take(self, needs: Needs) -> bool:
        """Tell whether it could run such a task now.

        Nothing that not every engine may run waits in a line: it could not be moved.
        So one task runs at most, and has all resources: those that wait for tasks of
        their own hold none, or these could wait for them for ever.
        """
        return self.load == 0 and self.suits(needs)

    def has_time(self, seconds: float | None, now: float) -> bool:
        """Tell whether it is to get tasks, and can end one that takes so long.

        Parameters
        ----------
        seconds
            What the task may take; None if that is not known.
        """
        if self.drains:  # but for what its own tasks wait for: see `Placement`
            return bool(self.suspended)
        if seconds is None or not self.until:
            return not self.tired
        return now + seconds <= self.until

    @property
    def depth_on_top(self) -> int:
        """How deep the task is that it was given last, of those that it holds."""
        return next(reversed(self.inhand.values())).terms.depth

    def may_run(self, ordinal: int) -> bool:
        """Tell whether a task has started, as far as is known: it waits, or is next."""
        return ordinal in self.suspended or ordinal == self.running

    def is_covered(self, ordinal: int) -> bool:
        """Tell whether another task may have started on top of one that waits.

        What waits hears an interrupt only when that has ended.
        """
        last = next(reversed(self.inhand), 0)
        return ordinal in self.suspended and last > ordinal

    def __repr__(self) -> str:
        return f"<Engine {self.engine_id}: {len(self.inhand)} in hand>"
