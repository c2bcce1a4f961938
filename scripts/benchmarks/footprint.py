"""What a system occupies: its processes, their memory at rest and after work."""

from __future__ import annotations

import gc
import os
import time

from benchmarks import processes, tasks
from benchmarks.amounts import Amount, Samples
from benchmarks.systems.base import System

#: Tasks that are open at a time while growth is measured.
WAVE = 10_000

#: Seconds for acknowledgements and timers to come to rest.
REST = 1.0


def memory(system: System, amount: Amount) -> Samples:
    """Measure the idle memory (PSS, MiB) of each role, and count the processes."""
    time.sleep(REST)
    parts = roles(system)
    held = {role: [processes.memory(each) for each in parts[role]] for role in parts}
    total = sum(map(sum, held.values())) + processes.memory(os.getpid())
    count = float(sum(map(len, parts.values())))
    samples = {"engine": held["engine"], "total": [total], "processes": [count]}
    if system.has_controller:
        samples["controller"] = [sum(held["controller"])]
    return samples


def growth(system: System, amount: Amount) -> Samples:
    """Measure what tasks leave behind in client and controller (PSS, MiB).

    Half of them are submitted in waves, half are mapped one by one; every result
    is taken and dropped.  A first wave of each comes before the first weighing: what
    many open tasks need at a time is no growth.
    """
    controller = roles(system)["controller"]
    wave = min(WAVE, amount.count // 10)

    def work() -> None:
        system.submit(tasks.nothing, [()] * wave)
        system.map_single(tasks.same, range(wave))

    def weigh() -> tuple[float, float]:
        gc.collect()
        time.sleep(REST)
        return processes.memory(os.getpid()), sum(map(processes.memory, controller))

    work()
    client_before, controller_before = weigh()
    for _ in range(amount.count // (2 * wave)):
        work()
    client_after, controller_after = weigh()
    samples = {"client": [client_after - client_before]}
    if system.has_controller:
        samples["controller"] = [controller_after - controller_before]
    return samples


def roles(system: System) -> dict[str, list[int]]:
    """Return the processes that this sitting has started, by role."""
    members = processes.members(os.environ[processes.MARK], os.getpid())
    found = processes.roles(members, system.engine_pids())
    if system.has_controller and not found["controller"]:
        raise RuntimeError("there is a controller, but none of its processes was found")
    return found
