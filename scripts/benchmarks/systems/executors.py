"""Systems with the interface of `concurrent.futures`: the original and mpi4py."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from benchmarks import tasks
from benchmarks.systems.base import SEEN, Function, System, gather_pids


class Executors(System):
    """A process pool behind ``submit`` and ``map``.

    Parameters
    ----------
    module, factory
        Where the executor is found; it is imported in `start`.
    """

    def __init__(self, module: str, factory: str) -> None:
        self.module = module
        self.factory = factory

    def start(self, engines: int, transport: str) -> None:
        """Make the pool, and wait until every worker has answered."""
        self.engines = engines
        self.executor: Any = getattr(import_module(self.module), self.factory)(engines)
        self.pids = gather_pids(self.submit_naps, engines)

    def submit_naps(self, count: int) -> list[int]:
        """Keep so many workers busy at once, and return who they are."""
        naps = [self.executor.submit(tasks.pid_after, SEEN) for _ in range(count)]
        return [nap.result() for nap in naps]

    def stop(self) -> None:
        """Shut the pool down."""
        self.executor.shutdown()

    def engine_pids(self) -> list[int]:
        """Return the workers."""
        return self.pids

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Submit one call and wait."""
        return self.executor.submit(function, *arguments).result()

    def call_all(self, function: Function) -> list[Any]:
        """Submit as many calls as there are workers: these pools address none."""
        futures = [self.executor.submit(function) for _ in range(self.engines)]
        return [future.result() for future in futures]

    def submit(self, function: Function, calls: Sequence[tuple[Any, ...]]) -> None:
        """Submit in a loop."""
        submit = self.executor.submit
        for future in [submit(function, *arguments) for arguments in calls]:
            future.result()

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map(…, chunksize=1)``."""
        return list(self.executor.map(function, values, chunksize=1))

    def map_direct(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map`` with chunks for as many tasks as there are workers."""
        size = -(-len(values) // self.engines)
        return list(self.executor.map(function, values, chunksize=size))
