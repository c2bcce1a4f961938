"""Who waits for engines is told at once when they cannot come any more."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from parallel import Client, Cluster
from parallel.errors import EngineError
from tests.integration.launchers import FailingLauncher
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Nobody waits so long, seconds.
LONG = 100


@pytest.fixture
def made() -> Iterator[Cluster]:
    """Return a cluster with a controller, and a set of engines that do not come."""
    cluster = Cluster(cluster_id="hopeless")
    cluster.start_controller_sync()
    start_failing(cluster, 2, "typo")
    yield cluster
    cluster.stop_cluster_sync()


@pytest.fixture
def rc(made: Cluster) -> Iterator[Client]:
    with made.connect_client_sync() as client:
        yield client


def start_failing(cluster: Cluster, n: int, set_id: str) -> None:
    """Start a set of engines whose job ends at once."""
    cluster.engine_launcher_class = FailingLauncher
    cluster.start_engines_sync(n, set_id)
    cluster.engine_launcher_class = "local"


def test_the_story_is_told_as_soon_as_all_jobs_have_ended(rc: Client) -> None:
    begin = monotonic()
    told = r"0 of 2 engines registered: engines of the set typo \(.*FailingLauncher"
    with pytest.raises(EngineError, match=told) as raised:
        rc.wait_for_engines(2, timeout=LONG)
    assert "exited with status 1 (pid" in str(raised.value)
    assert "there is no option --bogus" in str(raised.value)
    future = rc.wait_for_engines(2, timeout=LONG, block=False)
    assert future is not None
    with pytest.raises(EngineError, match="0 of 2 engines registered"):
        future.result(LONG)
    assert monotonic() < begin + LONG


def test_other_engines_are_waited_for_as_far_as_they_suffice(
    made: Cluster, rc: Client
) -> None:
    wait_until(lambda: not made.engines["typo"].running, 60, "end of the first job")
    made.start_engines_sync(2, "more")
    rc.wait_for_engines(2, timeout=LONG)
    with pytest.raises(EngineError, match="2 of 3 engines registered: engines of the"):
        rc.wait_for_engines(3, timeout=LONG)


def test_engines_that_another_process_has_started_are_waited_for(
    made: Cluster, rc: Client
) -> None:
    wait_until(lambda: not made.engines["typo"].running, 60, "end of the first job")
    other = Cluster.from_file(cluster_id="hopeless")
    other.engine_launcher_class = "local"
    other.start_engines_sync(1, "others")
    rc.wait_for_engines(1, timeout=LONG)
    other.stop_engines_sync("others")
