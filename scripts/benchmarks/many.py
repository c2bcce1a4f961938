"""What a controller does for very many engines: they are simulated, and do nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks import processes, tasks
from benchmarks.amounts import Amount, Samples
from benchmarks.systems.base import System

#: So many engines, and so few for comparison.
MANY, FEW = 1000, 4
#: Seconds for all of them to register, and to be gone again.
ARRIVAL, DEPARTURE = 60.0, 60.0


def many(system: System, amount: Amount) -> Samples:
    """Measure dispatch with 1,000 engines by that with 4, and what each engine costs.

    Tasks are submitted one by one. The real engine is drained meanwhile.
    """
    client, cluster = _parts(system)
    client.drain(0)
    pid = cluster.record.controller
    before, open_before = processes.memory(pid), _open_files(pid)
    few = _rates(client, cluster, FEW, amount)
    found: dict[str, list[float]] = {}

    def weigh() -> None:
        found["memory"] = [(processes.memory(pid) - before) * 1024 / MANY]
        found["files"] = [(_open_files(pid) - open_before) / MANY]

    crowded = _rates(client, cluster, MANY, amount, weigh)
    client.resume(0)
    ratios = [one / other for one, other in zip(crowded, few, strict=True)]
    return {"ratio": ratios, "rate": crowded, **found}


def _parts(system: System) -> tuple[Any, Any]:
    return system.client, system.cluster  # type: ignore[attr-defined]


def _rates(
    client: Any, cluster: Any, n: int, amount: Amount, at_rest: Any = lambda: None
) -> list[float]:
    """Return the tasks a second that so many engines are given, of each bout."""
    from benchmarks.crowd import crowd  # the peers' environments have no zmq

    name = f"ipcontroller-{cluster.cluster_id}-engine.json"
    file = Path(cluster.profile_dir, "security", name)
    view = client.load_balanced_view()

    def work() -> float:
        began = time.perf_counter()
        results = [view.apply_async(tasks.nothing) for _ in range(amount.count)]
        for result in results:
            result.get()
        return amount.count / (time.perf_counter() - began)

    with crowd(file, n):
        client.wait_for_engines(1 + n, timeout=ARRIVAL)
        at_rest()
        work()
        found = [work() for _ in range(amount.bouts)]
    deadline = time.monotonic() + DEPARTURE
    while len(client) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
