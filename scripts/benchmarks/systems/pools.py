"""Systems that map over a pool of processes: `multiprocessing.Pool` and joblib."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from multiprocessing import Pool
from typing import Any

from benchmarks import tasks
from benchmarks.systems.base import SEEN, Function, System, gather_pids


class ProcessPool(System):
    """`multiprocessing.Pool`."""

    def start(self, engines: int, transport: str) -> None:
        """Make the pool, and wait until every worker has answered."""
        self.engines = engines
        self.pool = Pool(engines)
        self.pids = gather_pids(self.submit_naps, engines)

    def submit_naps(self, count: int) -> list[int]:
        """Keep so many workers busy at once, and return who they are."""
        return self.pool.map(tasks.pid_after, [SEEN] * count, chunksize=1)

    def stop(self) -> None:
        """Let the workers end and wait for them."""
        self.pool.close()
        self.pool.join()

    def engine_pids(self) -> list[int]:
        """Return the workers."""
        return self.pids

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Use ``apply``."""
        return self.pool.apply(function, arguments)

    def call_all(self, function: Function) -> list[Any]:
        """Call as often as there are workers: a pool addresses none."""
        calls = [self.pool.apply_async(function) for _ in range(self.engines)]
        return [call.get() for call in calls]

    def submit(self, function: Function, calls: Sequence[tuple[Any, ...]]) -> None:
        """Use ``apply_async`` in a loop."""
        submit = self.pool.apply_async
        for result in [submit(function, arguments) for arguments in calls]:
            result.get()

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map(…, chunksize=1)``."""
        return self.pool.map(function, values, chunksize=1)

    def map_direct(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map`` with one chunk for each worker."""
        size = -(-len(values) // self.engines)
        return self.pool.map(function, values, chunksize=size)

    def map_automatic(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Use ``map`` without a chunk size."""
        return self.pool.map(function, values)


class Joblib(System):
    """joblib with its default processes, kept between calls."""

    def start(self, engines: int, transport: str) -> None:
        """Start the workers, and wait until every one has answered."""
        self.joblib: Any = import_module("joblib")
        self.engines = engines
        self.parallel: Any = self.joblib.Parallel(n_jobs=engines, batch_size=1)
        self.parallel.__enter__()
        self.pids = gather_pids(self.submit_naps, engines)

    def submit_naps(self, count: int) -> list[int]:
        """Keep so many workers busy at once, and return who they are."""
        return self.map_single(tasks.pid_after, [SEEN] * count)

    def stop(self) -> None:
        """Leave the pool, and end the workers that joblib would keep."""
        self.parallel.__exit__(None, None, None)
        executors = import_module("joblib.externals.loky")
        executors.get_reusable_executor().shutdown(wait=True)

    def engine_pids(self) -> list[int]:
        """Return the workers."""
        return self.pids

    def call_balanced(self, function: Function, *arguments: Any) -> Any:
        """Run one delayed call."""
        return self.parallel([self.joblib.delayed(function)(*arguments)])[0]

    def call_all(self, function: Function) -> list[Any]:
        """Call as often as there are workers: joblib addresses none."""
        delayed = self.joblib.delayed(function)
        results: list[Any] = self.parallel([delayed() for _ in range(self.engines)])
        return results

    def map_single(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Run in batches of one."""
        delayed = self.joblib.delayed(function)
        results: list[Any] = self.parallel([delayed(value) for value in values])
        return results

    def map_automatic(self, function: Function, values: Sequence[Any]) -> list[Any]:
        """Let joblib choose the batches."""
        delayed = self.joblib.delayed(function)
        run = self.joblib.Parallel(n_jobs=self.engines)
        results: list[Any] = run([delayed(value) for value in values])
        return results
