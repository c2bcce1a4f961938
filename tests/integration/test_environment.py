"""Variables reach engines before what reads them: libraries do so when they load."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.cluster.allocation import usable_cores
from tests.commands import run

pytestmark = pytest.mark.slow

NAME = "OMP_NUM_THREADS"
#: Where Linux lists the threads of a process.
TASKS = Path("/proc/self/task")


def threads_of_numpy() -> int:
    """Return how many threads there are for a product, beside those before."""
    assert "numpy" not in sys.modules, "the variable comes too late"
    before = len([*TASKS.iterdir()])
    import numpy as np

    square = np.ones((500, 500))
    square @ square
    return len([*TASKS.iterdir()]) - before


@pytest.fixture(params=["fork", "spawn", "command"])
def pinned(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Start two engines whose libraries are told to have one thread each."""
    if request.param != "command":
        with Cluster(n=2, environment={NAME: 1}, start_method=request.param) as rc:
            yield rc
        return
    run(f"ipcluster start -n 2 --daemonize --env {NAME}=1")
    try:
        with Client() as rc:
            yield rc
    finally:
        run("ipcluster stop")


def test_a_library_has_as_many_threads_as_it_is_told(pinned: Client) -> None:
    assert pinned[:].apply_sync(os.getenv, NAME) == ["1", "1"]
    assert pinned[:].apply_sync(threads_of_numpy) == [0, 0]


@pytest.mark.skipif(usable_cores() < 2, reason="there is one core")
def test_it_is_shared_out_among_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "1")  # of the session: what the cluster is told wins
    with Cluster(n=2, environment={NAME: "[1,2]"}) as rc:
        assert rc[:].apply_sync(os.getenv, NAME) == ["1", "2"]
        assert rc[:].apply_sync(threads_of_numpy) == [0, 1]
