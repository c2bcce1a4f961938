"""Choosing an engine for a task that may run anywhere: one class a scheme.

A policy holds the engines that have room, with their loads. It is told of each
change, and asked for the next choice; it decides nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from ..aliases import Uuid

__all__ = [
    "SCHEMES",
    "LeastLoad",
    "LeastRecentlyUsed",
    "PlainRandom",
    "Policy",
    "RoundRobin",
    "TwoBin",
    "Weighted",
]


class Policy:
    """What all schemes know: which engines have room, and how much each has to do."""

    #: Whether engines have room without end: nobody's line is full.
    greedy = False
    #: Whether it evens out loads, so that an engine may get its part of many in a row.
    evens = False

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random(0)
        #: The engines with room, and how much each has to do.
        self.loads: dict[Uuid, int] = {}
        self._idle = 0

    def place(self, engine: Uuid, load: int) -> None:
        """Note that an engine has room, and so many tasks in hand."""
        self.remove(engine)
        self.loads[engine] = load
        self._idle += not load

    def remove(self, engine: Uuid) -> None:
        """Take an engine out: it is full, or gone."""
        load = self.loads.pop(engine, None)
        if load is not None:
            self._idle -= not load

    def forget(self, engine: Uuid) -> None:
        """Take an engine out that is gone."""
        self.remove(engine)

    def choose(self, near: Uuid | None = None) -> Uuid | None:
        """Return the engine for the next task, or None when all are full.

        Parameters
        ----------
        near
            Where what it waited for has run: a scheme that goes by loads takes this
            one among equals, for it is awake, and may have at hand what is needed.
        """
        raise NotImplementedError

    def idle(self) -> int:
        """Return how many engines have nothing to do."""
        return self._idle

    def idlers(self) -> Iterator[Uuid]:
        """Yield the engines that have nothing to do, the one idle longest first."""
        return (engine for engine, load in self.loads.items() if not load)

    def __contains__(self, engine: Uuid) -> bool:
        """Tell whether an engine has room."""
        return engine in self.loads


class LeastLoad(Policy):
    """The engine with the fewest tasks in hand; among equals, the one idle longest.

    Unless one of them has just ended what the task waited for.

    Engines stand in levels by load, so that a choice costs the same with four
    engines and with a thousand.
    """

    evens = True

    def __init__(self, random: Random | None = None) -> None:
        super().__init__(random)
        self._levels: list[dict[Uuid, None]] = [{}]
        #: No level below this one has an engine.
        self._lowest = 0

    def place(self, engine: Uuid, load: int) -> None:
        """Put an engine that can take a task where its load belongs."""
        before = self.loads.get(engine)
        if before == load:
            return
        if before is not None:
            del self._levels[before][engine]
        while len(self._levels) <= load:
            self._levels.append({})
        self._levels[load][engine] = None
        self.loads[engine] = load
        if load < self._lowest:
            self._lowest = load

    def remove(self, engine: Uuid) -> None:
        """Take an engine out: it is full, or gone."""
        level = self.loads.pop(engine, None)
        if level is not None:
            del self._levels[level][engine]

    def choose(self, near: Uuid | None = None) -> Uuid | None:
        """Return the engine for the next task, or None when all are full."""
        if not self.loads:
            return None
        while not (level := self._levels[self._lowest]):
            self._lowest += 1
        return near if near in level else next(iter(level))

    def idle(self) -> int:
        """Return how many engines have nothing to do."""
        return len(self._levels[0])

    def idlers(self) -> Iterator[Uuid]:
        """Yield the engines that have nothing to do, the one idle longest first."""
        return iter(self._levels[0])


class LeastRecentlyUsed(Policy):
    """The engine that was chosen longest ago."""

    def __init__(self, random: Random | None = None) -> None:
        super().__init__(random)
        self._turns: dict[Uuid, int] = {}
        self._turn = 0

    def choose(self, near: Uuid | None = None) -> Uuid | None:
        """Return the engine for the next task, or None when all are full."""
        if not self.loads:
            return None
        chosen = min(self.loads, key=lambda engine: self._turns.get(engine, 0))
        self._turn += 1
        self._turns[chosen] = self._turn
        return chosen

    def forget(self, engine: Uuid) -> None:
        """Take an engine out that is gone."""
        super().forget(engine)
        self._turns.pop(engine, None)


class PlainRandom(Policy):
    """Any engine, by lot."""

    def choose(self, near: Uuid | None = None) -> Uuid | None:
        """Return the engine for the next task, or None when all are full."""
        return self._random.choice(list(self.loads)) if self.loads else None


class TwoBin(Policy):
    """The lesser loaded of two drawn by lot."""

    def choose(self, near: Uuid | None = None) -> Uuid | None:
        """Return the engine for the next task, or None when all are full."""
        return self._lesser(None) if self.loads else None

    def _lesser(self, weights: list[float] | None) -> Uuid:
        two = self._random.choices(list(self.loads), weights, k=2)
        return min(two, key=self.loads.__getitem__)


class Weighted(TwoBin):
    """The lesser loaded of two drawn by lot, the less loaded more often."""

    def choose(self, near: Uuid | None = None) -> Uuid | None:
        """Return the engine for the next task, or None when all are full."""
        if not self.loads:
            return None
        return self._lesser([1 / (1 + load) for load in self.loads.values()])


class RoundRobin(LeastRecentlyUsed):
    """Each engine in turn, whatever it has to do."""

    greedy = True


#: By the names that `--scheme` takes.
SCHEMES: dict[str, Callable[[Random], Policy]] = {
    "leastload": LeastLoad,
    "lru": LeastRecentlyUsed,
    "plainrandom": PlainRandom,
    "twobin": TwoBin,
    "weighted": Weighted,
    "pure": RoundRobin,
}
