"""Who does not read what comes fills nobody's memory, and misses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from tests.integration.processes import controller_of, engines_of, resident
from tests.integration.tasks import note, notes
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Results of so many tasks, of so many bytes each, are 600 MB.
TASKS, NBYTES = 600, 1_000_000
#: No process has more in memory, MiB: the window and what it has anyway.
BOUND = 250

STOPPER = f"""
    import os, signal, sys
    import parallel as ipp
    from tests.integration.tasks import note

    def make(path, i):
        note(path, i)
        return bytes([i % 256]) * {NBYTES}

    with ipp.Client(cluster_id="readers") as rc:
        view = rc.load_balanced_view()
        results = [view.apply_async(make, sys.argv[1], i) for i in range({TASKS})]
        rc.explain()  # asked behind all that was submitted, which has left by then
        os.kill(os.getpid(), signal.SIGSTOP)
        for i, result in enumerate(results):
            assert result.get(timeout=90) == bytes([i % 256]) * {NBYTES}
"""


@pytest.fixture
def rc() -> Iterator[Client]:
    """Start an engine under a name that another client finds."""
    with Cluster(n=1, cluster_id="readers") as client:
        yield client


def test_the_results_of_a_stopped_client_wait_on_disk(rc: Client, begun: Path) -> None:
    controller, engine = controller_of(rc), engines_of(rc)[0]
    script = textwrap.dedent(STOPPER)
    client = subprocess.Popen([sys.executable, "-c", script, str(begun)])
    try:
        wait_until(lambda: len(notes(begun)) == TASKS, 90, "tasks that ran")
        wait_until(lambda: not rc.queue_status()[0]["tasks"], 60, "ends of tasks")
        sizes = {pid: resident(pid) for pid in (controller, engine)}
        assert max(sizes.values()) < BOUND, sizes
        os.kill(client.pid, signal.SIGCONT)
        assert client.wait(timeout=100) == 0
    finally:
        client.kill()
        client.wait()
    assert max(resident(pid) for pid in (controller, engine)) < BOUND


def make(path: str, i: int) -> bytes:
    """Return much, and say so."""
    note(path, i)
    return bytes([i % 256]) * NBYTES


def test_an_engine_stops_working_for_a_controller_that_does_not_read(
    rc: Client, begun: Path
) -> None:
    controller, engine = controller_of(rc), engines_of(rc)[0]
    results = [rc[0].apply_async(make, str(begun), i) for i in range(TASKS)]
    wait_until(lambda: notes(begun), what="a task that runs")
    os.kill(controller, signal.SIGSTOP)
    try:
        wait_until(lambda: len(notes(begun)) >= 60, 60, "some tasks that ran")
        with pytest.raises(AssertionError, match="all of the tasks"):
            wait_until(lambda: len(notes(begun)) == TASKS, 3, "all of the tasks")
        assert resident(engine) < BOUND
    finally:
        os.kill(controller, signal.SIGCONT)
    for i, result in enumerate(results):
        assert result.get(timeout=60) == bytes([i % 256]) * NBYTES
    assert notes(begun) == [str(i) for i in range(TASKS)]
