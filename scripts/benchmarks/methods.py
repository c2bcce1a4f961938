"""How each measurement is done: a system in, samples out.

Every method warms up first, so that connections are made and functions known;
what a cold start costs is measured by ``start``.  Samples are in the unit of their
row, by part; most methods have one part, without a name.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from benchmarks import footprint, tasks
from benchmarks.amounts import WARM_UP, Amount, NotHere, Samples
from benchmarks.many import many
from benchmarks.systems.base import System

#: 80 kB, as bytes and as 10,000 floats; so many different ones.
PAYLOAD_BYTES, PAYLOAD_FLOATS, PAYLOADS = 80_000, 10_000, 50

#: Mean of the uneven sleeps in seconds, and the seed of their lengths.
MEAN_NAP, NAP_SEED = 0.02, 7


def repeat(act: Callable[[], object], amount: Amount) -> list[float]:
    """Return the seconds that each of an amount's bouts took."""
    return times(act, amount.bouts, amount.seconds)


def times(act: Callable[[], object], count: int, seconds: float) -> list[float]:
    """Return the seconds of each of so many acts, at least of one."""
    clock = time.perf_counter
    deadline = clock() + seconds
    found = []
    for _ in range(count):
        began = clock()
        act()
        ended = clock()
        found.append(ended - began)
        if ended > deadline:
            break
    return found


def latency(act: Callable[[], object], amount: Amount, scale: float) -> Samples:
    """Return the time of single calls, one in flight."""
    times(act, WARM_UP, amount.seconds / 5)
    return {"": [taken * scale for taken in times(act, amount.count, amount.seconds)]}


def rate(act: Callable[[], object], amount: Amount) -> Samples:
    """Return the calls a second of each bout."""
    return {"": [amount.count / taken for taken in repeat(act, amount)]}


def direct(system: System, amount: Amount) -> Samples:
    """Measure round trips to one engine, in µs."""
    return latency(lambda: system.call_direct(tasks.nothing), amount, 1e6)


def balanced(system: System, amount: Amount) -> Samples:
    """Measure round trips to any engine, in µs."""
    return latency(lambda: system.call_balanced(tasks.nothing), amount, 1e6)


def all_engines(system: System, amount: Amount) -> Samples:
    """Measure calls on all engines at once, in ms."""
    return latency(lambda: system.call_all(tasks.nothing), amount, 1e3)


def submit(system: System, amount: Amount) -> Samples:
    """Measure tasks submitted in a loop, to the last result."""
    system.submit(tasks.nothing, [()] * WARM_UP)
    return rate(lambda: system.submit(tasks.nothing, [()] * amount.count), amount)


def map_single(system: System, amount: Amount) -> Samples:
    """Measure a balanced map with one task for each call."""
    system.map_single(tasks.same, range(WARM_UP))
    return rate(lambda: system.map_single(tasks.same, range(amount.count)), amount)


def map_direct(system: System, amount: Amount) -> Samples:
    """Measure a map with one chunk for each engine."""
    return mapped(system.map_direct, amount)


def map_automatic(system: System, amount: Amount) -> Samples:
    """Measure a balanced map with chunks of the system's choice."""
    return mapped(system.map_automatic, amount)


def mapped(map_all: Callable[..., list[Any]], amount: Amount) -> Samples:
    """Measure a map in large chunks, and check its results."""
    values = range(amount.count)
    if map_all(tasks.same, values) != list(values):
        raise RuntimeError("the map returned something else than it should")
    return rate(lambda: map_all(tasks.same, values), amount)


def payload_bytes(system: System, amount: Amount) -> Samples:
    """Measure tasks with 80 kB of bytes there and back."""
    source = random.Random(NAP_SEED)
    data = [source.randbytes(PAYLOAD_BYTES) for _ in range(PAYLOADS)]
    return payload(system, amount, tasks.turned, data)


def payload_numpy(system: System, amount: Amount) -> Samples:
    """Measure tasks with an array of 80 kB there and back."""
    try:
        import numpy
    except ImportError as error:
        raise NotHere("numpy is not installed") from error
    source = numpy.random.default_rng(NAP_SEED)
    data = [source.random(PAYLOAD_FLOATS) for _ in range(PAYLOADS)]
    return payload(system, amount, tasks.increased, data)


def payload(
    system: System, amount: Amount, function: Callable[..., Any], data: list[Any]
) -> Samples:
    """Measure tasks that carry each of the data in turn."""
    calls = [(data[number % len(data)],) for number in range(amount.count)]
    system.submit(function, calls[:WARM_UP])
    return rate(lambda: system.submit(function, calls), amount)


def bulk(system: System, amount: Amount) -> Samples:
    """Measure bytes to one engine, in GB/s; only their number comes back."""
    source = random.Random(NAP_SEED)
    data = [source.randbytes(amount.count) for _ in range(2)]
    for each in data:
        system.call_direct(len, each)
    taken = repeat(lambda: system.call_direct(len, data[0]), amount)
    return {"": [amount.count / 1e9 / seconds for seconds in taken]}


def uneven(system: System, amount: Amount) -> Samples:
    """Measure a map over sleeps, as a multiple of the best that is possible."""
    source = random.Random(NAP_SEED)
    naps = [source.expovariate(1 / MEAN_NAP) for _ in range(amount.count)]
    ideal = max(sum(naps) / len(system.engine_pids()), max(naps))
    system.map_uneven(tasks.nap, [0.0] * WARM_UP)
    taken = repeat(lambda: system.map_uneven(tasks.nap, naps), amount)
    return {"": [seconds / ideal for seconds in taken]}


def chain(system: System, amount: Amount) -> Samples:
    """Measure tasks of which each waits for the one before."""
    return graph(system, amount, lambda number: number - 1)


def tree(system: System, amount: Amount) -> Samples:
    """Measure tasks of which two wait for each."""
    return graph(system, amount, lambda number: (number - 1) // 2)


def graph(system: System, amount: Amount, parent: Callable[[int], int]) -> Samples:
    """Measure tasks that each wait for an earlier one; the first for none."""
    parents = [None, *(parent(number) for number in range(1, amount.count))]
    system.submit_graph(tasks.nothing, parents[:WARM_UP])
    return rate(lambda: system.submit_graph(tasks.nothing, parents), amount)


METHODS: dict[str, Callable[[System, Amount], Samples]] = {
    "direct": direct,
    "balanced": balanced,
    "all": all_engines,
    "submit": submit,
    "map_single": map_single,
    "map_direct": map_direct,
    "map_automatic": map_automatic,
    "payload_bytes": payload_bytes,
    "payload_numpy": payload_numpy,
    "bulk": bulk,
    "uneven": uneven,
    "chain": chain,
    "tree": tree,
    "memory": footprint.memory,
    "growth": footprint.growth,
    "many": many,
}
