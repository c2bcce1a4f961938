"""Which engine gets a task that not every one may run, or that none has room for."""

from __future__ import annotations

from collections.abc import Iterator

from .placement import Placement
from .tasks import Engine, Needs

__all__ = ["Choosing"]


class Choosing:
    """Finds the engines that suit a task."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._policy = placement.policy
        self._engines = placement.engines
        self._by_id = placement.by_id
        self._piled = placement.piled
        self._timed = placement.timed
        #: Anything may be put on piles now: engines could wait for it.
        self.lenient = False

    def choose(self, needs: Needs | None, depth: int = 0) -> Engine | None:
        """Return the engine for the next task with these needs, or None for now."""
        if needs is None:
            uuid = self._policy.choose()
            if uuid is not None:
                return self._engines[uuid]
            able = iter(self._piled.values())
        elif self._piled or self._timed:
            able = (e for e in self._with_time(needs) if e.can_take(needs))
        else:
            return self._choose_idle(needs)
        able = (engine for engine in able if self._bears(engine, depth))
        return min(able, key=lambda engine: engine.heard, default=None)

    def _choose_idle(self, needs: Needs) -> Engine | None:
        """Return the engine idle longest that suits, looking at no more than it must.

        To look at all for each task costs a quarter of a millisecond with a thousand.
        """
        if not self._policy.idle():
            return None
        if needs.allowed is None or len(needs.allowed) > len(self._engines):
            able = (self._engines[uuid] for uuid in self._policy.idlers())
            return next((each for each in able if each.can_take(needs)), None)
        named = (self._by_id.get(engine_id) for engine_id in needs.allowed)
        fit = (e for e in named if e and e.can_take(needs) and e.uuid in self._policy)
        return min(fit, key=lambda engine: engine.heard, default=None)

    def _bears(self, engine: Engine, depth: int) -> bool:
        """Tell whether a task may be put on top of those that wait on an engine.

        What is deeper than they are ends without them, and so the pile grows no
        further than users' recursion does.
        """
        piled = engine.uuid in self._piled and not self.lenient
        return not piled or depth > engine.depth_on_top

    def reserve(self, needs: Needs) -> Engine | None:
        """Spare an engine that suits.

        Else one that has short tasks would always get the next before it is idle.
        """
        busy = (e for e in self._with_time(needs) if e.load and e.suits(needs))
        engine = min(busy, key=lambda engine: engine.load, default=None)
        if engine is not None:
            self._placement.spare(engine)
        return engine

    def _with_time(self, needs: Needs) -> Iterator[Engine]:
        """Yield the engines that are to get tasks, and have the time for such a one."""
        seconds, now = needs.seconds, self._placement.now
        return (e for e in self._engines.values() if e.has_time(seconds, now))

    def suits_any(self, needs: Needs | None) -> bool:
        """Tell whether an engine is there that could run such a task."""
        return needs is None or any(e.suits(needs) for e in self._engines.values())

    def is_hopeless(self, needs: Needs) -> bool:
        """Tell whether no engine that is there, or may come, could run such a task."""
        if needs.allowed is None:
            return False
        named = (self._by_id.get(engine_id) for engine_id in needs.allowed)
        return not any(engine is not None and engine.suits(needs) for engine in named)
