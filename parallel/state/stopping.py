"""Stopping tasks that run: by an interrupt, and by their engine's death if need be."""

from __future__ import annotations

from ..aliases import Uuid
from ..protocol.messages import Status
from .events import InterruptTask, KillEngine
from .ledger import Ledger
from .placement import Placement
from .stories import say_overrun
from .tasks import Engine, Task

__all__ = ["GRACE", "Stopping"]

#: An interrupted task ends within this, or its engine is killed, seconds.
GRACE = 5.0


class Stopping:
    """Interrupts tasks that are to end, and limits their time.

    What is to be done is added to the ledger's actions.
    """

    def __init__(self, placement: Placement, ledger: Ledger, grace: float) -> None:
        self._engines = placement.engines
        self._ledger = ledger
        self._deadlines = ledger.deadlines
        self._grace = grace

    def interrupt(self, engine: Engine, ordinal: int, now: float) -> None:
        """Interrupt a task that is being stopped: once."""
        kill = "kill", engine.uuid, ordinal
        if kill not in self._deadlines and ordinal not in engine.unheard:
            how = engine.inhand[ordinal].stopping
            assert how is not None, "it is not being stopped"
            self._ledger.actions.append(InterruptTask(engine.uuid, ordinal, *how))
            engine.unheard.add(ordinal)
            self.give_grace(engine, now)

    def give_grace(self, engine: Engine, now: float) -> None:
        """Have interrupted tasks end within the grace, once they can hear of it."""
        for ordinal in [o for o in engine.unheard if not engine.is_covered(o)]:
            engine.unheard.discard(ordinal)
            self._deadlines.set(("kill", engine.uuid, ordinal), now + self._grace)

    def on_kill(self, uuid: Uuid, ordinal: int, now: float) -> None:
        """Have an engine killed whose task heeds no interrupt."""
        engine = self._engines.get(uuid)
        task = engine.inhand.get(ordinal) if engine else None
        if engine is None or task is None or task.stopping is None:
            return
        if engine.is_covered(ordinal):  # by one that was faster than the interrupt
            engine.unheard.add(ordinal)
        else:
            self._ledger.actions.append(KillEngine(uuid, task.stopping[1]))

    def limit_running(self, engine: Engine, now: float) -> None:
        """Limit the time of the task whose turn it is on an engine now."""
        ordinal = engine.running
        if ordinal:
            self.limit(engine, ordinal, now)

    def limit(self, engine: Engine, ordinal: int, since: float) -> None:
        """Limit the time of a task that has been at it since then."""
        limit = engine.inhand[ordinal].terms.time_limit
        what = "limit", engine.uuid, ordinal
        if limit is not None and what not in self._deadlines:
            self._deadlines.set(what, since + limit)

    def on_limit(self, uuid: Uuid, ordinal: int, now: float) -> None:
        """Stop a task that has taken too long."""
        engine = self._engines.get(uuid)
        task = engine.inhand.get(ordinal) if engine else None
        if engine is not None and task is not None and task.stopping is None:
            task.stopping = Status.TIMEOUT, say_overrun(task)
            self.interrupt(engine, ordinal, now)

    def check(self) -> None:
        """Assert the invariants."""
        for engine in self._engines.values():
            running = engine.inhand.get(engine.running)
            if running and running.terms.time_limit is not None:
                is_due = ("limit", engine.uuid, engine.running) in self._deadlines
                assert is_due or running.stopping, "a task's time is not limited"

    def call_off(self, task: Task, engine: Engine, ordinal: int) -> None:
        """Leave a task alone that an engine does not hold any more."""
        if task.terms.time_limit is not None:
            self._deadlines.call_off(("limit", engine.uuid, ordinal))
        if task.stopping is not None:
            self._deadlines.call_off(("kill", engine.uuid, ordinal))
