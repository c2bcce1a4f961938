"""What every measured system offers, in its own cheapest way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Function = Callable[..., Any]

#: How long a task keeps its worker, where each worker has to be seen once.
SEEN = 0.01


class System:
    """One way to run functions in other processes.

    A system implements the operations that it has.  The catalogue says which
    measurements it takes part in, so that the others are never asked for.
    """

    #: Whether something between client and engines has processes of its own.
    has_controller = False

    def start(self, engines: int, transport: str) -> None:
        """Start, and return once every engine has given its first result."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop everything that `start` started."""
        raise NotImplementedError

    def engine_pids(self) -> list[int]:
        """Return the process of each engine."""
        raise NotImplementedError

    def call_direct(self, function: Function, *arguments: Any) -> Any:
        """Call on one engine that the caller has chosen, and wait."""
        raise NotImplementedError

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Call on whichever engine is free, and wait."""
        raise NotImplementedError

    def call_all(self, function: Function) -> list[Any]:
        """Call once on each engine, and wait for all."""
        raise NotImplementedError

    def submit(self, function: Function, calls: Sequence[tuple[Any, ...]]) -> None:
        """Submit the calls one by one, then wait for each result and drop it."""
        raise NotImplementedError

    def submit_graph(self, function: Function, parents: Sequence[int | None]) -> None:
        """Submit tasks that each wait for an earlier one, and wait for the last."""
        raise NotImplementedError

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Map with one task for each value, balanced."""
        raise NotImplementedError

    def map_uneven(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Map, balanced, over calls of very different length."""
        return self.map_single(function, values)

    def map_direct(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Map with one chunk for each engine."""
        raise NotImplementedError

    def map_automatic(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Map, balanced, with chunks of the system's own choice."""
        raise NotImplementedError


def gather_pids(submit_naps: Callable[[int], list[int]], engines: int) -> list[int]:
    """Return the workers of a system that cannot be asked one by one.

    Parameters
    ----------
    submit_naps
        Runs so many calls of `tasks.pid_after` at once and returns their results.
    engines
        How many different processes have to answer.
    """
    seen: set[int] = set()
    while len(seen) < engines:
        seen.update(submit_naps(engines))
    return sorted(seen)
