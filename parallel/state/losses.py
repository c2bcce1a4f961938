"""Engines that are lost: which of their tasks run again elsewhere, and which fail."""

from __future__ import annotations

from ..protocol.messages import Status
from .events import EngineLost, TellPast
from .leaving import Leaving
from .ledger import Ledger
from .placement import Placement
from .stopping import Stopping
from .stories import ABORTED, say_stopped, say_why
from .tasks import Engine, Task

__all__ = ["Losses"]


class Losses:
    """Does with lost engines' work what the scheduler's third rule says.

    What is to be done is added to the ledger's actions.
    """

    def __init__(
        self,
        placement: Placement,
        ledger: Ledger,
        stopping: Stopping,
        leaving: Leaving,
    ) -> None:
        self._placement = placement
        self._ledger = ledger
        self._stopping = stopping
        self._leaving = leaving

    def on_lost(self, event: EngineLost, now: float) -> None:
        """Take an engine out, and see to all that it had in hand."""
        engine = self._placement.remove(event.uuid)
        if engine is None:
            return
        self._ledger.departed[engine.engine_id] = event.reason
        self._leaving.forget(engine)
        position = event.position
        if not event.proved:
            position = engine.ordinal
        elif position is None:
            position = next(iter(engine.inhand), 0)
        for ordinal, task in engine.inhand.items():
            self._stopping.call_off(task, engine, ordinal)
            self._on_holder_lost(task, engine, event, position)
        self._ledger.drop_hopeless()

    def _on_holder_lost(
        self, task: Task, engine: Engine, event: EngineLost, position: int
    ) -> None:
        """Run a dead engine's task again, or tell why not."""
        engine_id, ledger = engine.engine_id, self._ledger
        ran = not event.proved or _is_counted(task, engine, event.reach, position)
        if task.stopping is not None:
            status, reason = task.stopping
            reason = say_stopped(reason, engine_id, event.reason)
            ledger.fail(task, status, reason, engine_id, ran=ran)
            return
        if task.aborting and task.ordinal > position:
            ledger.fail(task, Status.ABORTED, ABORTED)
            return
        if ran:
            task.deaths.append(f"engine {engine_id}: {event.reason}")
            task.starts += 1
        spent = ran and len(task.deaths) > task.terms.engine_retries
        if task.pinned is not None or not event.proved or spent or task.aborting:
            reason = say_why(task, engine_id, event, task.ordinal, position)
            ledger.fail(task, Status.LOST, reason, engine_id, ran=ran)
            return
        if ran:
            ledger.actions.append(TellPast(task))
        ledger.enqueue(task)


def _is_counted(task: Task, engine: Engine, reach: int | None, position: int) -> bool:
    """Tell whether an engine's death counts for a task that it had in hand.

    What it had ended, and not told, killed nobody; but when what it started last has
    ended, those may run again that had waited below it. What must not be started
    twice counts if it may have been started at all: up to the ordinal `reach`.
    """
    if task.ordinal == position:
        return True
    if position not in engine.inhand and task.ordinal in engine.nested:
        return True
    once = task.terms.engine_retries == 0
    return once and task.ordinal <= (engine.ordinal if reach is None else reach)
