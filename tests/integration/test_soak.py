"""Nothing hangs, grows or is left, however often it is done."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.cluster.parent import GRACE
from tests.integration.processes import agent_of, controller_of, engines_of, resident
from tests.integration.soon import SOON
from tests.integration.tasks import add, fsquare
from tests.leaks import own_processes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROUNDS = 1000
#: Clusters in turn, by how their engines are started.
CLUSTERS = {"fork": 100, "spawn": 10}
#: In all, over three ways to submit them.
TASKS = 200_000
#: A process that works on stays within this of what it was, MiB.
GROWTH = 10.0

SQUARES = [x**2 for x in range(32)]


class Memory:
    """What the processes of a cluster have in use, and by how much that grows."""

    def __init__(self, client: Client) -> None:
        engines = engines_of(client)
        self._pids = {
            "client": os.getpid(),
            "controller": controller_of(client),
            "agent": agent_of(client),
            **{f"engine {i}": pid for i, pid in enumerate(engines)},
        }
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        gc.collect()
        return {who: resident(pid) for who, pid in self._pids.items()}

    def growth(self) -> dict[str, float]:
        """Return by how many MiB each process grew that grew by too much."""
        now = self._now()
        grown = {who: now[who] - before for who, before in self._before.items()}
        return {who: round(more, 1) for who, more in grown.items() if more > GROWTH}


@pytest.mark.parametrize("view", ["direct", "balanced"])
def test_a_thousand_maps(cluster: Client, view: str) -> None:
    maps = cluster[:] if view == "direct" else cluster.load_balanced_view()
    for _ in range(50):
        maps.map_sync(fsquare, range(32))
    memory = Memory(cluster)
    for _ in range(ROUNDS):
        assert maps.map_sync(fsquare, range(32)) == SQUARES
    assert not memory.growth()
    assert not cluster._connection.outstanding


def submit_and_drop(client: Client, n: int) -> None:
    lview = client.load_balanced_view()
    for i in range(n):
        lview.apply_async(add, i)
    assert client.wait(timeout=60)


def submit_and_get(client: Client, n: int) -> None:
    lview = client.load_balanced_view()
    for _ in range(n // 1000):
        ars = [lview.apply_async(add, i) for i in range(1000)]
        assert [ar.get() for ar in ars] == list(range(1, 1001))


def map_in_waves(client: Client, n: int) -> None:
    lview = client.load_balanced_view()
    for _ in range(n // 5000):
        values = lview.map_sync(add, range(5000), chunksize=1)
        assert values == list(range(1, 5001))


@pytest.mark.parametrize("submit", [submit_and_drop, submit_and_get, map_in_waves])
def test_memory_is_flat(cluster: Client, submit: Callable[[Client, int], None]) -> None:
    submit(cluster, 20_000)
    memory = Memory(cluster)
    submit(cluster, TASKS // 3)
    assert not memory.growth()
    status = cluster.queue_status()
    assert [status[i]["tasks"] for i in cluster.ids] == [0] * 4
    assert status["unassigned"] == 0


def test_functions_are_forgotten(cluster: Client) -> None:
    def calls(n: int) -> None:
        for _ in range(n):
            data = os.urandom(400_000)
            assert cluster[:2].apply_sync(lambda data=data: len(data)) == [400_000] * 2

    calls(400)
    memory = Memory(cluster)
    calls(600)
    assert not memory.growth()


def test_clients_that_come_and_go(cluster: Client) -> None:
    where = {
        "profile_dir": cluster.cluster.profile_dir,
        "cluster_id": cluster.cluster.cluster_id,
    }

    def connect(n: int) -> None:
        for _ in range(n):
            with Client(**where) as client:
                assert client[0].apply_sync(add, 1) == 2

    connect(20)
    memory, before = Memory(cluster), whats_there()
    connect(200)
    assert not memory.growth()
    assert whats_there() == before


def whats_there() -> dict[str, object]:
    """Return what this process holds, and what stands in its temporary folder."""
    gc.collect()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "files": sorted(Path(tempfile.gettempdir()).iterdir()),
        "processes": own_processes(),
    }


@pytest.mark.parametrize("method", CLUSTERS)
def test_clusters_in_turn(method: str) -> None:
    def start_and_stop() -> tuple[float, float]:
        begin = time.monotonic()
        with Cluster(n=2, start_method=method) as client:
            assert client[:].apply_sync(add, 1) == [2, 2]
            up = time.monotonic()
        return up - begin, time.monotonic() - up

    start_and_stop()
    before, size = whats_there(), resident(os.getpid())
    times = [start_and_stop() for _ in range(CLUSTERS[method])]
    assert whats_there() == before
    assert resident(os.getpid()) - size < GROWTH
    assert max(up for up, _ in times) < SOON
    assert max(down for _, down in times) < GRACE  # nobody had to be killed
