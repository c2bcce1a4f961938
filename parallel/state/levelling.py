"""Asks engines back for what waits in their lines, when others could begin it."""

from __future__ import annotations

from .events import RevokeTasks
from .ledger import Ledger
from .placement import STALLED, Placement
from .tasks import Engine

__all__ = ["Levelling"]


class Levelling:
    """Evens out lines that stand still behind a task that turned out long."""

    def __init__(self, placement: Placement, ledger: Ledger) -> None:
        self._placement = placement
        self._ledger = ledger
        #: When to look again, if somebody is idle then.
        self.due: float | None = None

    def level(self, now: float) -> None:
        """Ask stalled engines for what waits in line, since somebody is idle."""
        for engine, asked in list(self._placement.stalled(now)):
            self.ask_back(engine, asked)
        self.due = self._placement.next_stall(now)

    def ask_back(self, engine: Engine, ordinals: list[int]) -> None:
        """Ask an engine for tasks that it may have started meanwhile."""
        engine.revoking.update(ordinals)
        self._ledger.actions.append(RevokeTasks(engine.uuid, ordinals))

    def watch_urgent(self, now: float) -> None:
        """See to it that what is urgent does not wait for a line that stands still."""
        self._ledger.queue.urgent = False
        deadlines = self._ledger.deadlines
        if self._placement.crowded and ("urgent",) not in deadlines:
            deadlines.set(("urgent",), now + STALLED)

    def on_urgent(self, now: float) -> None:
        """Ask for what goes after something urgent that still waits."""
        rank = self._ledger.queue.urgent_rank()
        if rank is None:
            return
        for engine, asked in list(self._placement.overtaken(rank, now)):
            self.ask_back(engine, asked)
        due = self._placement.next_stall(now)
        if due is not None:
            self._ledger.deadlines.set(("urgent",), due)
