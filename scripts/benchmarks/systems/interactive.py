"""Systems with ipyparallel's interface: our own package, and ipyparallel."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from benchmarks import tasks
from benchmarks.systems.base import Function, System


class Interactive(System):
    """A cluster, its client and their views.

    Parameters
    ----------
    module
        The package to import: not before `start`, since importing is a part of it.
    """

    has_controller = True

    def __init__(self, module: str) -> None:
        self.module = module

    def start(self, engines: int, transport: str) -> None:
        """Do what ``with Cluster(n=…) as rc`` does, and call once on each engine."""
        options = {} if transport == "ipc" else {"transport": transport}
        package = import_module(self.module)
        self.cluster: Any = package.Cluster(n=engines, **options)
        self.client: Any = self.cluster.__enter__()
        self.view: Any = self.client[:]
        self.pids: list[int] = self.view.apply_sync(tasks.pid)
        self.single: Any = self.client[0]
        self.balanced: Any = self.client.load_balanced_view()

    def stop(self) -> None:
        """Leave the ``with`` block."""
        self.cluster.__exit__(None, None, None)

    def engine_pids(self) -> list[int]:
        """Return what the engines said at the start."""
        return self.pids

    def call_direct(self, function: Function, *arguments: Any) -> Any:
        """Call on the first engine."""
        return self.single.apply_sync(function, *arguments)

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Call through the load-balanced view."""
        return self.balanced.apply_sync(function, *arguments)

    def call_all(self, function: Function) -> list[Any]:
        """Call on the view of all engines."""
        results: list[Any] = self.view.apply_sync(function)
        return results

    def submit(self, function: Function, calls: Sequence[tuple[Any, ...]]) -> None:
        """Use ``apply_async`` in a loop."""
        submit = self.balanced.apply_async
        for result in [submit(function, *arguments) for arguments in calls]:
            result.get()

    def submit_graph(self, function: Function, parents: Sequence[int | None]) -> None:
        """Use the flag ``after``."""
        results: list[Any] = []
        for parent in parents:
            self.balanced.after = None if parent is None else results[parent]
            results.append(self.balanced.apply_async(function))
        self.balanced.after = None
        for result in results:
            result.get()

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map_sync(…, chunksize=1)``."""
        results: list[Any] = self.balanced.map_sync(function, values, chunksize=1)
        return results

    def map_direct(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use the direct view's ``map_sync``."""
        results: list[Any] = self.view.map_sync(function, values)
        return results

    def map_automatic(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map_sync`` without a chunk size."""
        results: list[Any] = self.balanced.map_sync(function, values)
        return results
