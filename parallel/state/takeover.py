"""Tasks that engines have of an earlier machine: in their hands again, then claimed."""

from __future__ import annotations

from collections.abc import Iterable

from .events import Holding, TaskSubmitted
from .ledger import Ledger
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

    def hold(self, engine: Engine, holdings: Iterable[Holding]) -> None:
        """Note what an engine has; their clients have not told of these tasks yet."""
        tasks = self._ledger.tasks
        for holding in sorted(holdings, key=lambda each: each.ordinal):
            key, ordinal = holding.key, holding.ordinal
            known = key in tasks or ordinal in engine.inhand
            if known or not 0 < ordinal <= engine.ordinal:
                continue  # no honest engine says so
            task = Task(key, holding.body, engine.engine_id, UNCLAIMED)
            tasks[key] = task
            self._placement.hold(task, engine, ordinal)
            if holding.suspended:
                engine.suspended.add(ordinal)
                engine.nested.add(ordinal)

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
        self._placement.claim(task, event.body, pinned, event.terms)
        self._stopping.limit_running(engine, now)
