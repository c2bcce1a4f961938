"""Tasks that engines have of an earlier machine: in their hands again, then claimed."""

from __future__ import annotations

from collections.abc import Iterable

from .events import Holding, TaskReturned, TaskSubmitted
from .ledger import Ledger
from .naming import TaskKey
from .placement import Placement
from .stopping import Stopping
from .tasks import UNCLAIMED, Engine, Task

__all__ = ["Takeover"]


class Takeover:
    """Puts tasks where an earlier machine had them."""

    def __init__(
        self, placement: Placement, ledger: Ledger, stopping: Stopping
    ) -> None:
        self._placement = placement
        self._ledger = ledger
        self._stopping = stopping
        #: When they started whose clients have not told of them yet.
        self._since: dict[TaskKey, float] = {}

    def hold(self, engine: Engine, holdings: Iterable[Holding], now: float) -> None:
        """Note what an engine has; their clients have not told of these tasks yet."""
        tasks = self._ledger.tasks
        for holding in sorted(holdings, key=lambda each: each.ordinal):
            key, ordinal = holding.key, holding.ordinal
            known = ordinal in engine.inhand or not self._is_news(holding)
            if known or not 0 < ordinal <= engine.ordinal:
                continue  # no honest engine says so, or it has an earlier start of it
            task = Task(key, holding.body, engine.engine_id, UNCLAIMED)
            task.recall(holding.past)
            tasks[key] = task
            self._since[key] = now - holding.ran
            self._placement.hold(task, engine, ordinal)
            if holding.suspended:
                engine.suspended.add(ordinal)
                engine.nested.add(ordinal)

    def _is_news(self, holding: Holding) -> bool:
        """Tell whether nobody is known to have a task, or only an earlier start of it.

        What an engine has of that is let go: its result is heard no more.
        """
        task = self._ledger.tasks.get(holding.key)
        if task is None:
            return True
        holder = task.holder
        is_later = holding.past.starts > task.starts
        if task.terms is not UNCLAIMED or holder is None or not is_later:
            return False
        self._placement.take(holder, task.ordinal)
        self._placement.settle(holder)
        del self._ledger.tasks[holding.key]
        return True

    def claim(self, task: Task, event: TaskSubmitted, now: float) -> None:
        """Take note of what a task is, now that its client has told.

        One that was submitted twice stays what it is: no honest client does that.
        """
        if task.terms is not UNCLAIMED:
            return
        engine = task.holder
        assert engine is not None
        pinned = None if event.pinned is None else engine.engine_id
        if pinned is None:
            self._ledger.queue.number(task)
            task.follows = self._ledger.places_of(event.terms)
        if isinstance(event, TaskReturned):
            task.recall(event.past)
        self._placement.claim(task, event.body, pinned, event.terms)
        self._stopping.limit(engine, task.ordinal, self._since.pop(task.key, now))
