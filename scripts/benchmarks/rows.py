"""The budgets, as data: what is measured how often, and what each row allows.

A measurement is one thing done in a sitting; it yields one figure or several.
A row is one figure held to its budget.  A new budget is a row and a measurement
here, a method in `methods` if it needs one, and a word in the catalogue for the
systems that take part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: A large call or result, in bytes: a connection has no time to start slowly.
BULK = 16 << 20

#: The most patience that ``--quick`` has, in seconds.
QUICK_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One thing that is measured in a sitting; samples are pooled over a run."""

    name: str
    #: The function in `methods`; ``start`` and ``stop`` are done by `sitting`.
    method: str
    engines: int = 4
    transport: Literal["ipc", "tcp"] = "ipc"
    #: Calls, tasks or bytes of one bout, and the same with ``--quick``.
    count: int = 1
    quick_count: int = 0
    #: Bouts in a sitting; none begins once so many seconds have passed.
    bouts: int = 1
    seconds: float = 15.0
    #: Sittings in a pass, and the name of those that share them.
    sittings: int = 1
    sitting: str = ""
    #: Measured in the first pass only.
    once: bool = False
    #: In a sitting of its own also where a system starts slowly.
    alone: bool = False
    #: Seconds without a result after which a sitting is given up.
    patience: float = 120.0

    def size(self, *, quick: bool) -> int:
        """Return the count to use."""
        return self.quick_count or self.count if quick else self.count

    def limit(self, *, quick: bool) -> float:
        """Return the patience to have."""
        return min(self.patience, QUICK_PATIENCE) if quick else self.patience


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, its unit and its budget; None where there is no budget."""

    name: str
    measurement: str
    unit: str
    budget: float | None
    higher_is_better: bool
    #: The most that the figure may be of the floor's.
    floor_ratio: float | None = None
    #: Which figure of the measurement, where there are several.
    part: str = ""

    def is_met(self, value: float, floor: float | None) -> bool | None:
        """Tell whether a median keeps within the budget; None without a budget.

        A floor that was not measured is no reason to call a budget missed.
        """
        if self.budget is None:
            return None
        if self.higher_is_better:
            return value >= self.budget
        if self.floor_ratio is not None and floor is not None:
            return value <= self.budget and value <= self.floor_ratio * floor
        return value <= self.budget


def at_most(
    name: str,
    budget: float | None,
    unit: str,
    measurement: str,
    *,
    part: str = "",
    floor_ratio: float | None = None,
) -> Row:
    """Return a row of which less is better."""
    return Row(
        name=name,
        measurement=measurement,
        unit=unit,
        budget=budget,
        higher_is_better=False,
        floor_ratio=floor_ratio,
        part=part,
    )


def at_least(
    name: str, budget: float | None, unit: str, measurement: str, *, part: str = ""
) -> Row:
    """Return a row of which more is better."""
    return Row(
        name=name,
        measurement=measurement,
        unit=unit,
        budget=budget,
        higher_is_better=True,
        part=part,
    )


#: In the order in which a sitting takes them: idle memory before any work.
MEASUREMENTS = (
    Measurement(name="start-4", method="start", sitting="start-4", sittings=4),
    Measurement(name="memory", method="memory", once=True),
    Measurement(
        name="direct", method="direct", count=1000, quick_count=500, sittings=3
    ),
    Measurement(
        name="balanced", method="balanced", count=1000, quick_count=500, sittings=3
    ),
    Measurement(name="submit", method="submit", count=20_000, bouts=3),
    Measurement(name="map-single", method="map_single", count=20_000, bouts=3),
    Measurement(name="map-direct", method="map_direct", count=100_000, bouts=9),
    Measurement(name="map-automatic", method="map_automatic", count=100_000, bouts=9),
    Measurement(name="payload-bytes", method="payload_bytes", count=2000, bouts=3),
    Measurement(name="payload-numpy", method="payload_numpy", count=2000, bouts=3),
    Measurement(name="uneven", method="uneven", count=200, bouts=2),
    Measurement(name="chain", method="chain", count=10_000, quick_count=3000, bouts=2),
    Measurement(name="tree", method="tree", count=10_000, quick_count=3000, bouts=2),
    Measurement(
        name="growth",
        method="growth",
        count=1_000_000,
        quick_count=100_000,
        once=True,
        alone=True,
        patience=600.0,
    ),
    Measurement(name="stop-4", method="stop", sitting="start-4", sittings=4),
    Measurement(
        name="many",
        method="many",
        engines=1,
        count=10_000,
        quick_count=2000,
        bouts=3,
        patience=300.0,
    ),
    Measurement(name="start-32", method="start", engines=32, sitting="32", sittings=2),
    Measurement(
        name="all-32", method="all", engines=32, count=200, sitting="32", sittings=2
    ),
    Measurement(name="stop-32", method="stop", engines=32, sitting="32", sittings=2),
    Measurement(
        name="start-256", method="start", engines=256, sitting="256", once=True
    ),
    Measurement(
        name="all-256", method="all", engines=256, count=20, sitting="256", once=True
    ),
    Measurement(name="stop-256", method="stop", engines=256, sitting="256", once=True),
    Measurement(
        name="tcp-balanced",
        method="balanced",
        transport="tcp",
        count=1000,
        quick_count=500,
        sittings=3,
    ),
    Measurement(
        name="tcp-submit", method="submit", transport="tcp", count=20_000, bouts=3
    ),
    Measurement(name="tcp-bytes", method="bulk", transport="tcp", count=BULK, bouts=9),
)

ROWS = (
    at_most("round-trip-direct", 350, "µs", "direct", floor_ratio=1.0),
    at_most("round-trip-balanced", 350, "µs", "balanced", floor_ratio=1.0),
    at_least("submit", 25_000, "tasks/s", "submit"),
    at_least("map-single", 30_000, "calls/s", "map-single"),
    at_least("map-direct", 4_000_000, "calls/s", "map-direct"),
    at_least("map-automatic", 2_000_000, "calls/s", "map-automatic"),
    at_most("start-4", 0.7, "s", "start-4"),
    at_most("start-32", 1.5, "s", "start-32"),
    at_most("all-32", 4.0, "ms", "all-32"),
    at_most("stop-4", 0.3, "s", "stop-4"),
    at_most("stop-32", None, "s", "stop-32"),
    at_most("start-256", 10, "s", "start-256"),
    at_most("all-256", None, "ms", "all-256"),
    at_most("stop-256", None, "s", "stop-256"),
    at_least("payload-bytes", 4000, "tasks/s", "payload-bytes"),
    at_least("payload-numpy", 4000, "tasks/s", "payload-numpy"),
    at_most("uneven", 1.05, "× ideal", "uneven"),
    at_least("chain", 5000, "tasks/s", "chain"),
    at_least("tree", 5000, "tasks/s", "tree"),
    at_most("memory-controller", 40, "MiB", "memory", part="controller"),
    at_most("memory-engine", 15, "MiB", "memory", part="engine"),
    at_most("memory-total", 130, "MiB", "memory", part="total"),
    at_most("processes", 6, "", "memory", part="processes"),
    at_least("many", 0.5, "× with 4", "many", part="ratio"),
    at_least("many-rate", None, "tasks/s", "many", part="rate"),
    at_most("many-memory", None, "KiB/engine", "many", part="memory"),
    at_most("many-files", None, "/engine", "many", part="files"),
    at_most("growth-client", 10, "MiB", "growth", part="client"),
    at_most("growth-controller", 10, "MiB", "growth", part="controller"),
    at_most("tcp-round-trip", 500, "µs", "tcp-balanced"),
    at_least("tcp-submit", 12_000, "tasks/s", "tcp-submit"),
    at_least("tcp-bytes", 0.15, "GB/s", "tcp-bytes"),
)
