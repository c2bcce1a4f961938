"""What a client has left under way is finished, kept, and found again by the next."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from tests.integration.scripts import first_line, started_script
from tests.integration.tasks import add, begin_and_wait_for, notes
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SCRIPT = """
    import json, sys
    from parallel import Client

    def wait_for(begun, gate, i):
        import os, time
        with open(begun, "a") as file:
            print(i, file=file, flush=True)
        while not os.path.exists(gate):
            time.sleep(0.005)
        return i * i

    profile_dir, cluster_id, begun, gate = sys.argv[1:]
    rc = Client(profile_dir=profile_dir, cluster_id=cluster_id)
    lview = rc.load_balanced_view()
    lview.label = "sweep"
    ars = [lview.apply_async(wait_for, begun, gate, i) for i in range(6)]
    rc[0].apply_async(len, "abc")
    rc.queue_status()  # behind the submissions
    print(json.dumps([ar.msg_ids[0] for ar in ars]), flush=True)
    rc.wait()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start two engines that the tests of this module share."""
    with Cluster(n=2) as client:
        yield client


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_dead_client_left_queued_and_running_is_found_by_its_label(
    cluster: Client, tmp_path: Path, gate: Path, begun: Path, signum: int
) -> None:
    mine = cluster.cluster
    where = (mine.profile_dir, mine.cluster_id, begun, gate)
    with started_script(tmp_path, SCRIPT, *where) as script:
        ids = json.loads(first_line(script))
        wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
        script.send_signal(signum)
        script.communicate()
    result = cluster.get_result(label="sweep")
    assert result.msg_ids == ids
    assert not result.ready()
    gate.touch()
    assert result.get(timeout=30) == [i * i for i in range(6)]
    assert sorted(notes(begun)) == list("012345"), "each ran once"
    assert cluster.get_result(label="sweep").get(timeout=30) == result.get()
    cluster.purge_hub_results(ids)
    with pytest.raises(KeyError, match="no task of the label 'sweep' is recorded"):
        cluster.get_result(label="sweep")


def test_tasks_of_a_label_come_in_order_and_whoever_submitted_them(
    cluster: Client,
) -> None:
    with Client(cluster._connection._info) as other:
        for i, client in enumerate((cluster, other, cluster)):
            lview = client.load_balanced_view()
            lview.label = "ours"
            lview.apply_sync(add, i)
    found = cluster.get_result(label="ours")
    assert found.get(timeout=20) == [1, 2, 3]
    assert set(found.label) == {"ours"}


def test_of_a_task_that_was_submitted_again_the_last_time_counts(
    cluster: Client,
) -> None:
    lview = cluster.load_balanced_view()
    lview.label = "again"
    first = lview.apply_async(add, 1)
    first.get(timeout=20)
    second = cluster.resubmit(first.msg_ids[0])
    assert second.get(timeout=20) == 2
    assert cluster.get_result(label="again").msg_ids == second.msg_ids


def test_what_is_under_way_here_is_found_as_it_is(
    cluster: Client, gate: Path, begun: Path
) -> None:
    lview = cluster.load_balanced_view()
    lview.label = "mine"
    ar = lview.map_async(begin_and_wait_for, [str(begun)] * 4, [str(gate)] * 4)
    wait_until(lambda: notes(begun), what="begin of the work")
    assert len(cluster.get_result(label="mine")) >= 1
    gate.touch()
    assert cluster.get_result(label="mine", block=True).ready()
    ar.get(timeout=20)


def test_tasks_and_a_label_are_one_too_many(cluster: Client) -> None:
    with pytest.raises(TypeError, match="tasks or a label, not both"):
        cluster.get_result(-1, label="x")
