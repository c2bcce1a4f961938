"""Engines that are to end, or that soon have no time left: they get nothing more.

An engine that drains finishes what it has started and gives back the rest. Direct tasks
still go to it, since no other engine has its namespace, unless it is to leave: then
they fail, and say so. What one of its tasks submits, and waits for, may run on top of
that: else it could never end.

An engine that knows when its time is up drains `CLOSING` before that. Before, too, it
gets no task that would take longer than is left: by its time limit, if it has one, or
else by what its tasks took on average.
"""

from __future__ import annotations

from ..aliases import Uuid
from .deadlines import Deadlines
from .events import EngineDrained, EngineDraining, EngineResumed
from .ledger import Ledger
from .levelling import Levelling
from .placement import Placement
from .stories import say_leaves
from .tasks import Engine

__all__ = ["CLOSING", "Leaving"]

#: An engine whose time is up drains so long before, seconds.
CLOSING = 5.0


class Leaving:
    """Has engines drain, and tells when they have."""

    def __init__(
        self, placement: Placement, ledger: Ledger, levelling: Levelling
    ) -> None:
        self._placement = placement
        self._ledger = ledger
        self._levelling = levelling
        self._deadlines: Deadlines = ledger.deadlines

    # Because somebody asks for it

    def on_draining(self, event: EngineDraining, now: float) -> None:
        """Give an engine nothing more, and ask it for what it has not started."""
        engine = self._placement.engines.get(event.uuid)
        if engine is None:
            return
        if event.leaves and not engine.leaving:
            engine.leaving = event.why
            self._ledger.departed[engine.engine_id] = say_leaves(event.why)
        self._drain(engine)
        if engine.leaving:
            self._ledger.drop_hopeless()

    def on_resumed(self, event: EngineResumed, now: float) -> None:
        """Let an engine that was drained have work again, unless it is to end."""
        engine = self._placement.engines.get(event.uuid)
        if engine is None or engine.leaving or self._is_closing(engine, now):
            return
        engine.drains = False
        self._placement.draining.pop(engine.uuid, None)
        self._placement.settle(engine)

    def _drain(self, engine: Engine) -> None:
        engine.drains = True
        self._placement.draining[engine.uuid] = False
        self._placement.settle(engine)
        waiting = [
            ordinal
            for ordinal, task in engine.line
            if task.pinned is None and ordinal not in engine.revoking
        ]
        if waiting:
            self._levelling.ask_back(engine, waiting)

    def tell(self) -> None:
        """Tell which draining engines have nothing in hand any more: once."""
        for uuid, is_told in self._placement.draining.items():
            if not is_told and not self._placement.engines[uuid].inhand:
                self._placement.draining[uuid] = True
                self._ledger.actions.append(EngineDrained(uuid))

    # Because its time is up

    def watch(self, engine: Engine, now: float) -> None:
        """See to the end of an engine's time, if it is known."""
        if engine.until:
            self._placement.timed[engine.uuid] = engine
            self.judge(engine, now)

    def judge(self, engine: Engine, now: float) -> None:
        """Work out anew until when an engine gets tasks, by what they take."""
        before = max(CLOSING, engine.depth.mean or 0.0)
        if before == engine.closing or engine.drains:
            return
        engine.closing = before
        closes = engine.until - before
        if engine.tired is not (now >= closes):
            engine.tired = not engine.tired
            self._placement.settle(engine)
        if engine.tired:
            closes = engine.until - CLOSING
        self._deadlines.set(("close", engine.uuid), closes)

    def on_close(self, uuid: Uuid, now: float) -> None:
        """Give an engine nothing more that may take too long."""
        engine = self._placement.engines.get(uuid)
        if engine is None or engine.drains:
            return
        engine.tired = True
        if self._is_closing(engine, now):
            self._drain(engine)
        else:
            self._placement.settle(engine)
            self._deadlines.set(("close", uuid), engine.until - CLOSING)

    def _is_closing(self, engine: Engine, now: float) -> bool:
        return bool(engine.until) and now >= engine.until - CLOSING

    def forget(self, engine: Engine) -> None:
        """Forget an engine that is gone."""
        if engine.until:
            self._deadlines.call_off(("close", engine.uuid))
