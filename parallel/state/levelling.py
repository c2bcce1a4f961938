"""Asks engines back for what waits in their lines, when others could begin it."""

from __future__ import annotations

from collections.abc import Iterator

from .events import RevokeTasks
from .ledger import Ledger
from .placement import Placement
from .queue import rank_of
from .tasks import Engine

__all__ = ["STALLED", "Levelling"]

#: An engine silent for so long with tasks in line behind its first is asked for
#: them when another is idle, seconds.
STALLED = 2e-3
#: So many engines with a line are heard of within that, were there no others.
HEARD = 16


class Levelling:
    """Evens out lines that stand still behind a task that turned out long."""

    def __init__(self, placement: Placement, ledger: Ledger) -> None:
        self._policy = placement.policy
        self._crowded = placement.crowded
        self._ledger = ledger
        #: When to look again, if somebody is idle then.
        self.due: float | None = None

    def level(self, now: float) -> None:
        """Ask stalled engines for what waits in line, since somebody is idle.

        Not before anyone can have stalled: of a thousand engines, somebody always is.
        """
        if self.due is not None and now < self.due:
            return
        for engine, asked in list(self.stalled(now)):
            self.ask_back(engine, asked)
        self.due = self.next_stall(now)

    def ask_back(self, engine: Engine, ordinals: list[int]) -> None:
        """Ask an engine for tasks that it may have started meanwhile."""
        engine.revoking.update(ordinals)
        self._ledger.actions.append(RevokeTasks(engine.uuid, ordinals))

    def watch_urgent(self, now: float) -> None:
        """See to it that what is urgent does not wait for a line that stands still."""
        self._ledger.queue.urgent = False
        deadlines = self._ledger.deadlines
        if self._crowded and ("urgent",) not in deadlines:
            deadlines.set(("urgent",), now + self._patience)

    def on_urgent(self, now: float) -> None:
        """Ask for what goes after something urgent that still waits."""
        rank = self._ledger.queue.urgent_rank()
        if rank is None:
            return
        for engine, asked in list(self._overtaken(rank, now)):
            self.ask_back(engine, asked)
        due = self.next_stall(now)
        if due is not None:
            self._ledger.deadlines.set(("urgent",), due)

    # Which engines have stalled

    @property
    def _patience(self) -> float:
        """Seconds of silence after which an engine has stalled.

        It takes its time to hear of many: a message from each costs 0.1 ms in all.
        """
        return STALLED * max(1.0, len(self._crowded) / HEARD)

    def stalled(self, now: float) -> Iterator[tuple[Engine, list[int]]]:
        """Yield what stalled engines could give to those that have nothing to do."""
        wanted, patience = self._policy.idle(), self._patience
        for engine in self._crowded.values():
            if engine.revoking or now - engine.heard < patience:
                continue
            waiting = [at for at, task in engine.line[1:] if task.is_movable]
            # As many stay as each idle engine gets.
            share = -(-len(waiting) * wanted // (wanted + 1))
            if share:
                yield engine, waiting[-share:]

    def _overtaken(
        self, rank: tuple[float, int], now: float
    ) -> Iterator[tuple[Engine, list[int]]]:
        """Yield what stalled engines have in line that goes after such a rank."""
        patience = self._patience
        for engine in self._crowded.values():
            if not engine.revoking and now - engine.heard >= patience:
                line = engine.line[1:]
                later = [o for o, t in line if t.is_movable and rank_of(t) > rank]
                if later:
                    yield engine, later

    def next_stall(self, now: float) -> float | None:
        """Return when a crowded engine will have stalled, if it goes on so."""
        patience = self._patience
        due = (e.heard + patience for e in self._crowded.values() if not e.revoking)
        return min((when for when in due if when > now), default=None)
