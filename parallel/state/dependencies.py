"""Tasks that wait for others to end: who may go, who must wait, who never can.

A condition names tasks, and which of their ends count. It holds when enough of them
have ended so; it is impossible when too many have ended otherwise. `follow` asks the
same of its tasks, and then for an engine where they ran.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from ..aliases import EngineId
from ..protocol.messages import Status
from ..protocol.terms import Condition, Terms
from .history import CANCELLED, OK, History
from .naming import TaskKey, task_key
from .tasks import Task

__all__ = ["Dependencies", "Refusal", "Verdict", "judge", "named_in"]


class Verdict(Enum):
    """What a condition is worth, as far as its tasks have ended."""

    HOLDS = "holds"
    OPEN = "open"
    IMPOSSIBLE = "impossible"


def judge(condition: Condition, total: int, good: int, bad: int) -> Verdict:
    """Return what a condition is worth.

    Parameters
    ----------
    total, good, bad
        How many tasks it names, and how many of them ended in ways that count and
        in ways that do not.
    """
    if condition.all:
        if bad:
            return Verdict.IMPOSSIBLE
        return Verdict.HOLDS if good == total else Verdict.OPEN
    if good or not total:
        return Verdict.HOLDS
    return Verdict.IMPOSSIBLE if bad == total else Verdict.OPEN


def named_in(terms: Terms) -> Iterator[TaskKey]:
    """Yield the tasks that one with these terms depends on."""
    for condition in (terms.after, terms.follow):
        if condition is not None:
            for msg_id in condition.msg_ids:
                key = task_key(msg_id)
                if key is not None:
                    yield key


class Refusal(NamedTuple):
    """Why a task can never run."""

    status: Status
    reason: str


class _Watch:
    """One condition of one task, and how its tasks have ended so far."""

    __slots__ = (
        "bad", "cancelled", "condition", "engines", "good", "is_follow", "open",
        "task",
    )  # fmt: skip

    def __init__(self, task: Task, condition: Condition, is_follow: bool) -> None:
        self.task = task
        self.condition = condition
        self.is_follow = is_follow
        self.open: set[TaskKey] = set()
        self.good = 0
        #: Those that ended in a way that does not count.
        self.bad: list[TaskKey] = []
        #: How many of these were cancelled.
        self.cancelled = 0
        #: Where the good ones ran.
        self.engines: set[EngineId] = set()

    def note(self, key: TaskKey, end: int, engine_id: EngineId) -> None:
        counts = self.condition.success if end == OK else self.condition.failure
        if counts:
            self.good += 1
            self.engines.add(engine_id)
        else:
            self.bad.append(key)
            self.cancelled += end == CANCELLED

    def verdict(self) -> Verdict:
        total = len(self.open) + self.good + len(self.bad)
        return judge(self.condition, total, self.good, len(self.bad))

    def why_impossible(self) -> str:
        which = ", ".join(f"{key.client.hex()}_{key.seq}" for key in self.bad[:3])
        more = f" and {len(self.bad) - 3} more" if len(self.bad) > 3 else ""
        word = "follow" if self.is_follow else "after"
        return f"its `{word}` can never hold: {which}{more} {self._how()}"

    def _how(self) -> str:
        """Say how those ended that do not count."""
        if not self.condition.success:
            return "succeeded"
        if not self.cancelled:
            return "failed"
        cancelled = "was cancelled" if len(self.bad) == 1 else "were cancelled"
        return (
            cancelled if self.cancelled == len(self.bad) else f"failed or {cancelled}"
        )


class Dependencies:
    """All waiting tasks, found by what they wait for."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._watches: dict[TaskKey, dict[_Watch, None]] = {}
        #: What each task waits for.
        self.waiting: dict[Task, list[_Watch]] = {}

    def add(self, task: Task, unfinished: Container[TaskKey]) -> Refusal | bool:
        """Take in a task; return whether it may go now, or why it never can."""
        watches: list[_Watch] = []
        terms = task.terms
        for condition, is_follow in ((terms.after, False), (terms.follow, True)):
            if condition is not None and condition.msg_ids:
                watch = _Watch(task, condition, is_follow)
                unknown = self._look(watch, unfinished)
                if unknown is not None:
                    return Refusal(Status.INVALID, _say_unknown(unknown))
                watches.append(watch)
        self.waiting[task] = watches
        verdict = self._settle(task)
        if verdict is False:
            for watch in watches:
                for key in watch.open:
                    self._watches.setdefault(key, {})[watch] = None
        return verdict

    def _look(self, watch: _Watch, unfinished: Container[TaskKey]) -> str | None:
        """Note what is known of a condition's tasks; return an id that is unknown."""
        for msg_id in dict.fromkeys(watch.condition.msg_ids):
            key = task_key(msg_id)
            if key is None or key == watch.task.key:
                return msg_id
            if key in unfinished:
                watch.open.add(key)
                continue
            end = self._history.find(key)
            if end is None:
                return msg_id
            watch.note(key, *end)
        return None

    def _settle(self, task: Task) -> Refusal | bool:
        """Tell whether a task waits no more: it may go, or never can."""
        ready = True
        refusal: Refusal | None = None
        engines: set[EngineId] | None = None
        for watch in self.waiting[task]:
            verdict = watch.verdict()
            if verdict is Verdict.IMPOSSIBLE:
                refusal = Refusal(Status.IMPOSSIBLE, watch.why_impossible())
            ready = ready and verdict is Verdict.HOLDS
            if watch.is_follow:
                engines = watch.engines - {-1}
                if watch.condition.all and len(engines) > 1:
                    refusal = Refusal(Status.IMPOSSIBLE, _say_apart(engines))
                elif verdict is Verdict.HOLDS and not engines and watch.open:
                    ready = False  # one that is still open may run somewhere
                elif verdict is Verdict.HOLDS and not engines:
                    why = "it is to follow tasks that never ran on any engine"
                    refusal = Refusal(Status.IMPOSSIBLE, why)
        if refusal is not None or ready:
            self.remove(task)
        if refusal is None and ready and engines is not None:
            task.follows = frozenset(engines)
        return refusal or ready

    def places_of(self, terms: Terms) -> frozenset[EngineId] | None:
        """Return where the tasks ran that one follows; None if it follows none."""
        condition = terms.follow
        if condition is None or not condition.msg_ids:
            return None
        keys = (task_key(msg_id) for msg_id in condition.msg_ids)
        found = (self._history.find(key) for key in keys if key is not None)
        ends = [end for end in found if end is not None]
        places = {
            engine_id
            for end, engine_id in ends
            if (condition.success if end == OK else condition.failure)
        } - {-1}
        return frozenset(places) or None

    def open_for(self, task: Task) -> list[TaskKey]:
        """Return the tasks that a waiting one waits for, and that have not ended."""
        return sorted({key for watch in self.waiting[task] for key in watch.open})

    def remove(self, task: Task) -> None:
        """Forget a task that waits no longer."""
        for watch in self.waiting.pop(task, ()):
            for key in watch.open:
                watches = self._watches.get(key, {})
                watches.pop(watch, None)
                if not watches:
                    self._watches.pop(key, None)

    def ended(
        self, key: TaskKey, end: int, engine_id: EngineId
    ) -> Iterable[tuple[Task, Refusal | bool]]:
        """Note a task's end; return those that may go now, or never can."""
        watches = self._watches.pop(key, None)
        if watches is None:
            return ()
        settled: list[tuple[Task, Refusal | bool]] = []
        for watch in watches:
            if watch.task not in self.waiting:
                continue
            watch.open.discard(key)
            watch.note(key, end, engine_id)
            verdict = self._settle(watch.task)
            if verdict is not False:
                settled.append((watch.task, verdict))
        return settled


def _say_unknown(msg_id: str) -> str:
    return (
        f"it depends on {msg_id!r}, of which nothing is known: it was never submitted "
        "to this controller, or ended too long ago"
    )


def _say_apart(engines: Iterable[EngineId]) -> str:
    return (
        f"it is to follow tasks that ran on different engines, {sorted(engines)}: "
        "no engine is where all of them were"
    )
