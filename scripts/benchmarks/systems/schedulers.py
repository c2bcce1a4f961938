"""Systems with a central scheduler of tasks and data: Dask's distributed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from benchmarks import tasks
from benchmarks.systems.base import Function, System


class Distributed(System):
    """A `LocalCluster` of processes of one thread each, and its client.

    All tasks are impure here: distributed would answer equal ones from its memory.
    """

    def start(self, engines: int, transport: str) -> None:
        """Start without a dashboard, and call once on each worker."""
        distributed = import_module("distributed")
        self.cluster: Any = distributed.LocalCluster(
            n_workers=engines,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
        )
        self.client: Any = distributed.Client(self.cluster)
        self.client.wait_for_workers(engines)
        self.pids: dict[str, int] = self.client.run(tasks.pid)
        self.first = next(iter(self.pids))

    def stop(self) -> None:
        """Close the client, then the cluster."""
        self.client.close()
        self.cluster.close()

    def engine_pids(self) -> list[int]:
        """Return the workers, without the nannies that watch them."""
        return list(self.pids.values())

    def call_direct(self, function: Function, *arguments: Any) -> Any:
        """Submit one call to the first worker and wait."""
        submit = self.client.submit
        return submit(function, *arguments, pure=False, workers=[self.first]).result()

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Submit one call and wait."""
        return self.client.submit(function, *arguments, pure=False).result()

    def call_all(self, function: Function) -> list[Any]:
        """Use ``run``, which goes to every worker past the scheduler's queue."""
        return list(self.client.run(function).values())

    def submit_graph(self, function: Function, parents: Sequence[int | None]) -> None:
        """Give each the future of another as an argument."""
        results: list[Any] = []
        for parent in parents:
            arguments = () if parent is None else (results[parent],)
            results.append(
                self.client.submit(tasks.nothing_after, *arguments, pure=False)
            )
        self.client.gather(results)

    def submit(self, function: Function, calls: Sequence[tuple[Any, ...]]) -> None:
        """Submit in a loop, then gather."""
        submit = self.client.submit
        self.client.gather([submit(function, *call, pure=False) for call in calls])

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map`` and ``gather``."""
        futures = self.client.map(function, list(values), pure=False)
        results: list[Any] = self.client.gather(futures)
        return results

    def map_direct(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Map one chunk for each worker."""
        size = -(-len(values) // len(self.pids))
        starts = range(0, len(values), size)
        chunks = [values[start : start + size] for start in starts]
        repeated = [function] * len(chunks)
        futures = self.client.map(tasks.map_chunk, repeated, chunks, pure=False)
        return [value for part in self.client.gather(futures) for value in part]
