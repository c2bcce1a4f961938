"""Who is measured: how each system is installed, started, and where it takes part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.rows import MEASUREMENTS

#: What needs engines that speak our protocol, or more than others take in their stride.
OWN_ONLY = ("many", "start-256", "all-256", "stop-256")

#: Everything else that is measured over the default transport.
LOCAL = tuple(
    each.name
    for each in MEASUREMENTS
    if each.transport == "ipc" and each.name not in OWN_ONLY
)

#: Tasks that wait for one another.
GRAPHS = ("chain", "tree")

#: What a pool without addresses and without a controller can do.
STARTS = ("start-4", "stop-4", "start-32", "all-32", "stop-32")
POOL = (
    *(*STARTS, "memory", "balanced", "submit", "map-single", "map-direct"),
    *("payload-bytes", "payload-numpy", "uneven", "growth"),
)


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One system: where its code is, what it needs, and what is asked of it."""

    name: str
    #: Heading of its column.
    label: str
    #: The class in `benchmarks.systems`, and what it is made with.
    module: str
    factory: str
    arguments: tuple[str, ...] = ()
    #: Distributions whose versions are reported.
    packages: tuple[str, ...] = ()
    #: What to install in an environment of its own; nothing: it runs in the
    #: environment that this runs in.
    requirements: tuple[str, ...] = ()
    #: A long start: all its measurements share a sitting, once a pass.
    starts_slowly: bool = False
    #: Run as rank 0 of an MPI job whose other ranks are its engines.
    under_mpi: bool = False
    measurements: tuple[str, ...]
    #: What part of a measurement's count is enough, where it is slow.
    shares: dict[str, float] = field(default_factory=dict)

    def count(self, measurement: str, count: int) -> int:
        """Return how many calls this system is given."""
        return max(1, round(count * self.shares.get(measurement, 1.0)))


def shares(names: Iterable[str], share: float) -> dict[str, float]:
    """Return one share for several measurements."""
    return dict.fromkeys(names, share)


OWN = Contestant(
    name="parallel",
    label="parallel",
    module="interactive",
    factory="Interactive",
    arguments=("parallel",),
    packages=("pyzmq", "msgspec", "cloudpickle", "traitlets", "numpy"),
    measurements=tuple(each.name for each in MEASUREMENTS),
)

FLOOR = Contestant(
    name="floor",
    label="floor",
    module="router",
    factory="Router",
    packages=("pyzmq", "numpy"),
    measurements=tuple(
        each.name for each in MEASUREMENTS if each.name not in (*GRAPHS, *OWN_ONLY)
    ),
)

STANDARD = (
    Contestant(
        name="futures",
        label="futures",
        module="executors",
        factory="Executors",
        arguments=("concurrent.futures", "ProcessPoolExecutor"),
        measurements=POOL,
        shares=shares(["growth"], 0.2),
    ),
    Contestant(
        name="pool",
        label="Pool",
        module="pools",
        factory="ProcessPool",
        measurements=(*POOL, "map-automatic"),
        shares=shares(["growth"], 0.2),
    ),
)

PEERS = (
    Contestant(
        name="ipyparallel",
        label="ipyparallel",
        module="interactive",
        factory="Interactive",
        arguments=("ipyparallel",),
        packages=("ipyparallel", "ipykernel", "pyzmq", "numpy"),
        requirements=("ipyparallel", "numpy"),
        starts_slowly=True,
        measurements=tuple(name for name in LOCAL if name != "map-automatic"),
        shares={
            **shares(["direct", "balanced"], 0.25),
            **shares(["submit", "map-single", "payload-bytes", "payload-numpy"], 0.1),
            **shares([*GRAPHS, "growth"], 0.05),
        },
    ),
    Contestant(
        name="dask",
        label="Dask",
        module="schedulers",
        factory="Distributed",
        packages=("distributed", "dask", "numpy"),
        requirements=("distributed", "numpy"),
        starts_slowly=True,
        measurements=tuple(
            name for name in LOCAL if name not in ("map-automatic", "stop-4", "stop-32")
        ),
        shares={
            **shares(["direct", "balanced", "all-32"], 0.1),
            **shares(["submit", "map-single", "payload-bytes", "payload-numpy"], 0.1),
            **shares([*GRAPHS, "growth"], 0.05),
        },
    ),
    Contestant(
        name="joblib",
        label="joblib",
        module="pools",
        factory="Joblib",
        packages=("joblib",),
        requirements=("joblib",),
        starts_slowly=True,
        measurements=(
            *("start-4", "balanced", "map-single", "map-automatic", "uneven"),
            *("start-32", "all-32"),
        ),
        shares=shares(["balanced", "map-single", "all-32"], 0.25),
    ),
    Contestant(
        name="mpi4py",
        label="mpi4py",
        module="executors",
        factory="Executors",
        arguments=("mpi4py.futures", "MPIPoolExecutor"),
        packages=("mpi4py", "mpich", "numpy"),
        requirements=("mpi4py", "mpich", "numpy"),
        starts_slowly=True,
        under_mpi=True,
        measurements=(
            *("balanced", "submit", "map-single", "map-direct"),
            *("payload-bytes", "payload-numpy", "uneven"),
        ),
        shares=shares(["balanced", "submit", "map-single"], 0.25),
    ),
)
