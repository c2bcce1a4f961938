"""What users of ipyparallel ask of views about engines and tasks, line by line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from parallel import AsyncResult, Client, Cluster
from parallel.client.openclients import _open as open_clients
from tests.integration.tasks import add, wait_for
from tests.waiting import wait_until

# The engines of a view


def test_a_view_stops_its_engines_and_waits_if_it_blocks(rc: Client) -> None:
    rc[[1]].set_flags(block=True).shutdown()
    assert rc.ids == [0]
    rc.load_balanced_view(block=True).shutdown()
    assert rc.ids == []


def test_a_client_that_stops_everything_is_closed() -> None:
    with Cluster(n=1) as rc:
        with Client(
            profile_dir=rc.cluster.profile_dir, cluster_id=rc.cluster.cluster_id
        ) as client:
            client.shutdown(targets=[0], hub=True)
            assert client not in list(open_clients)
        rc.close()


def test_without_engines_balanced_tasks_wait() -> None:
    with Cluster(n=1) as rc:
        rc.shutdown(block=True)
        lview = rc.load_balanced_view()
        ar = lview.apply_async(add, 1)
        wait_until(lambda: rc.queue_status()["unassigned"] == 1, what="a waiting task")
        assert rc.queue_status(verbose=True) == {"unassigned": ar.msg_ids}
        assert not lview.wait(ar, timeout=0.05)
        assert len(lview) == 0


def test_a_view_tells_what_its_engines_have_to_do(cluster: Client, gate: Path) -> None:
    view = cluster[2]
    ar = view.apply_async(wait_for, str(gate))
    wait_until(lambda: view.queue_status()["queue"] == 1, what="a busy engine")
    assert view.queue_status(verbose=True)["queue"] == ar.msg_ids
    assert view.queue_status(1)["queue"] == 0
    assert set(view.queue_status([0, 1])) == {0, 1, "unassigned"}
    gate.touch()
    ar.get()


def test_an_executor_can_be_of_some_engines(cluster: Client) -> None:
    with cluster.executor([1]) as executor:
        assert executor.submit(os.getpid).result() == cluster[1].apply_sync(os.getpid)


# Its tasks


def test_a_view_that_blocks_waits_for_a_result_by_id(
    cluster: Client, gate: Path
) -> None:
    view = cluster[0]
    view.apply_async(time.sleep, 0.2)
    assert view.set_flags(block=True).get_result(-1).done()
    waits = view.apply_async(wait_for, str(gate))
    assert not view.get_result(block=False).done()
    gate.touch()
    waits.get()  # it has seen the gate, which goes with this test


def test_a_view_purges_by_its_own_history(cluster: Client) -> None:
    view = cluster[0]
    first, last = view.apply_async(add, 1), view.apply_async(add, 2)
    cluster[1].apply_sync(add, 3)
    assert (first.get(), last.get()) == (2, 3)
    view.purge_results(-1)
    assert cluster.result_status(first.msg_ids)["completed"] == first.msg_ids
    with pytest.raises(KeyError):
        cluster.result_status(last.msg_ids)
    view.purge_results(targets=0)
    with pytest.raises(KeyError):
        cluster.result_status(first.msg_ids)


def test_decorators_of_a_view_take_its_flags(cluster: Client) -> None:
    view = cluster[:]
    assert view.remote(block=True)(add)(1) == [2] * 4
    assert isinstance(
        view.set_flags(block=True).remote(block=False)(add)(1), AsyncResult
    )
    assert view.parallel("r", block=True)(sum)(range(8)) == [4, 6, 8, 10]
    ar = view.parallel(block=False, label="mine")(sum)(range(8))
    assert (ar.get(), ar.label) == ([1, 5, 9, 13], ["mine"] * 4)
    assert view.label is None


def test_calls_coalesce_and_code_maps_and_parts_do_not(cluster: Client) -> None:
    view = cluster.broadcast_view([3, 1], is_coalescing=True)
    yes = [view.apply_async(add, 1), view.push({"a": 1}), view.pull("a")]
    no = [
        view.execute("b = 2"),
        view.map_async(add, range(4)),
        view.scatter("part", range(4)),
        view.gather("part"),
    ]
    for ars, coalesce in ((yes, True), (no, False)):
        for ar in ars:
            ar.get()
            assert ar.is_broadcast == [True, True]
            assert ar.is_coalescing == [coalesce, coalesce]
            assert ar.engine_id == [3, 1]
            assert len(set(ar.engine_uuid)) == 2
