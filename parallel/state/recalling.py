"""Tasks that clients give up, and tasks that engines give back."""

from __future__ import annotations

from ..protocol.messages import Status
from .events import TasksAborted, TasksRevoked
from .ledger import Ledger
from .levelling import Levelling
from .naming import TaskKey
from .placement import Placement
from .stopping import Stopping
from .stories import ABORTED, INTERRUPTED, say_given_back
from .tasks import Engine, TaskState

__all__ = ["Recalling"]


class Recalling:
    """Takes tasks back from the queue and from engines' lines.

    What is to be done is added to the ledger's actions.
    """

    def __init__(
        self,
        placement: Placement,
        ledger: Ledger,
        stopping: Stopping,
        levelling: Levelling,
    ) -> None:
        self._placement = placement
        self._ledger = ledger
        self._stopping = stopping
        self._levelling = levelling

    def on_aborted(self, event: TasksAborted, now: float) -> None:
        """Give tasks up: at once, or as soon as their engines say what they did."""
        asked: dict[Engine, list[int]] = {}
        for seq in event.seqs:
            task = self._ledger.tasks.get(TaskKey(event.client, seq))
            if task is None:
                continue  # it has ended: nothing to give up
            if task.state is not TaskState.ASSIGNED:
                self._ledger.withdraw(task)
                self._ledger.fail(task, Status.ABORTED, ABORTED)
                continue
            engine, ordinal = task.holder, task.ordinal
            assert engine is not None
            task.aborting = True
            if event.interrupt and task.stopping is None:
                task.stopping = Status.ABORTED, INTERRUPTED
            if event.interrupt and engine.may_run(ordinal):
                self._stopping.interrupt(engine, ordinal, now)
            else:
                asked.setdefault(engine, []).append(ordinal)
        for engine, ordinals in asked.items():
            self._levelling.ask_back(engine, ordinals)

    def on_revoked(self, event: TasksRevoked, now: float) -> None:
        """Take back what an engine will not start."""
        engine = self._placement.engines.get(event.uuid)
        if engine is None:
            return
        # An earlier answer may come while a later question is under way.
        engine.revoking.difference_update(event.asked)
        given = set(event.given)
        before = len(engine.inhand)
        for ordinal in event.asked:
            task = engine.inhand.get(ordinal)
            if task is None:
                continue
            if ordinal in given:
                self._take_back(engine, ordinal)
            elif task.stopping is not None:  # it had started after all
                self._stopping.interrupt(engine, ordinal, now)
        if len(engine.inhand) < before:
            self._placement.settle(engine)
            if engine.load:  # it reads none of what it would be sent, and give back
                self._placement.spare(engine)
            self._stopping.limit_running(engine, now)
            self._stopping.give_grace(engine, now)

    def _take_back(self, engine: Engine, ordinal: int) -> None:
        """Queue again, or give up, what an engine will not start."""
        task = self._placement.take(engine, ordinal)
        self._stopping.call_off(task, engine, ordinal)
        if task.aborting:
            self._ledger.fail(task, Status.ABORTED, ABORTED)
        elif task.stopping and task.pinned is not None:
            self._ledger.fail(task, *task.stopping)
        elif task.pinned is not None:  # nobody asked for it, and no other may run it
            reason = say_given_back(engine.engine_id)
            self._ledger.fail(task, Status.LOST, reason, engine.engine_id)
        else:
            task.stopping = None  # its time has not begun: its engine was slow
            self._ledger.enqueue(task)
