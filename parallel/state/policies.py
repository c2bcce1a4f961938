"""Choosing an engine for a task that may run anywhere."""

from __future__ import annotations

from ..aliases import Uuid

__all__ = ["LeastLoad"]


class LeastLoad:
    """The engine with the fewest tasks in hand; among equals, the one idle longest.

    Engines stand in levels by load, so that a choice costs the same with four
    engines and with a thousand.
    """

    def __init__(self) -> None:
        self._levels: list[dict[Uuid, None]] = [{}]
        self._level: dict[Uuid, int] = {}

    def __len__(self) -> int:
        return len(self._level)

    def place(self, engine: Uuid, load: int) -> None:
        """Put an engine that can take a task where its load belongs."""
        if self._level.get(engine) == load:
            return
        self.remove(engine)
        while len(self._levels) <= load:
            self._levels.append({})
        self._levels[load][engine] = None
        self._level[engine] = load

    def remove(self, engine: Uuid) -> None:
        """Take an engine out: it is full, or gone."""
        level = self._level.pop(engine, None)
        if level is not None:
            del self._levels[level][engine]

    def choose(self) -> Uuid | None:
        """Return the engine for the next task, or None when all are full."""
        if self._level:
            for level in self._levels:
                if level:
                    return next(iter(level))
        return None

    def idle(self) -> int:
        """Return how many engines have nothing to do."""
        return len(self._levels[0])
