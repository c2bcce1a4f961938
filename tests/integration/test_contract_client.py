"""What users of ipyparallel rely on in a client, line by line."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parallel as ipp
from parallel import AsyncResult, Client, Cluster
from tests.integration.tasks import add, fsquare, wait_for
from tests.waiting import wait_until

# Engines by number


def test_every_way_to_choose_engines(cluster: Client) -> None:
    for key, targets in (
        (0, 0),
        (-1, 3),
        (np.int64(2), 2),
        (slice(None, None, 2), [0, 2]),
        (slice(-2, None), [2, 3]),
        ([2, 0], [2, 0]),
        ((1,), [1]),
        (range(2), [0, 1]),
        ([-1], [3]),
    ):
        view = cluster[key]
        assert view.targets == targets
        assert len(view) == (1 if isinstance(targets, int) else len(targets))
    with pytest.raises(IndexError, match="no engine 4"):
        cluster[[4]]


def test_a_list_gives_lists_and_a_number_a_bare_value(cluster: Client) -> None:
    assert cluster[[3]].apply_sync(add, 1) == [2]
    assert cluster[3].apply_sync(add, 1) == 2
    assert cluster[[3]].apply_async(add, 1).get() == [2]


def test_ids_are_a_list_of_ones_own(cluster: Client) -> None:
    ids = cluster.ids
    ids.clear()
    assert cluster.ids == [0, 1, 2, 3]


def test_all_means_whoever_is_there_and_a_slice_does_not(rc: Client) -> None:
    every, frozen, balanced = rc.direct_view(), rc[:], rc.load_balanced_view("all")
    broadcast = rc.broadcast_view()
    rc.shutdown(targets=1, block=True)
    assert rc.ids == [0]
    assert every.apply_sync(add, 1) == [2]
    assert (every.targets, frozen.targets, broadcast.targets) == ("all", [0, 1], [0, 1])
    assert balanced.targets is None
    assert balanced.apply_sync(add, 1) == 2
    with pytest.raises(IndexError, match="no engine 1 any more"):
        frozen.apply_sync(add, 1)


def test_views_take_the_clients_block_and_flags(cluster: Client) -> None:
    assert not cluster.block
    cluster.block = True
    try:
        assert cluster[0].apply(add, 1) == 2
        assert cluster.load_balanced_view().block
        assert not cluster.direct_view(block=False).block
    finally:
        cluster.block = False
    assert cluster.broadcast_view([0], True).is_coalescing
    assert not cluster.broadcast_view().is_coalescing
    assert cluster.load_balanced_view(slice(1, None)).targets == [1, 2, 3]
    assert cluster.load_balanced_view(1).targets == [1]


def test_a_client_closes_with_its_block(cluster: Client) -> None:
    where = {
        "profile_dir": cluster.cluster.profile_dir,
        "cluster_id": cluster.cluster.cluster_id,
    }
    with Client(**where) as client:
        assert client.cluster is None
        assert client.ids == cluster.ids
    client.close()
    assert repr(client) == "<Client: closed>"


def test_an_engine_that_is_replaced_while_a_cluster_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait, told = Client.wait_for_engines, []

    def wait_or_tell(self: Client, *args: Any, **options: Any) -> Any:
        if not told:
            told.append("once")
            raise ipp.EngineError("engine 0 exited with status 7")
        return wait(self, *args, **options)

    monkeypatch.setattr(Client, "wait_for_engines", wait_or_tell)
    with Cluster(n=1) as rc:
        assert (told, len(rc)) == (["once"], 1)


def test_a_session_has_what_programs_read_and_set(cluster: Client) -> None:
    session = cluster.session
    assert session.bsession == session.session.encode()
    assert isinstance(session.key, bytes)
    assert isinstance(session.username, str)
    assert session.digest_history == set()
    assert session.item_threshold < session.buffer_threshold < session.copy_threshold
    session.buffer_threshold = session.copy_threshold = session.item_threshold = 0
    session.digest_history_size = 0
    assert cluster[0].apply_sync(add, np.ones(3)).sum() == 6


def test_messages_are_sent_by_views_only(cluster: Client) -> None:
    with pytest.raises(ipp.NotAvailable, match="apply_async"):
        cluster.create_message_futures("id", {}, async_result=True, track=True)


def test_a_client_tells_how_many_engines_it_has(cluster: Client) -> None:
    assert repr(cluster) == "<Client: 4 engines>"


# Waiting


def test_what_nobody_sent_is_not_waited_for(cluster: Client) -> None:
    ar = cluster[0].apply_async(add, 1)
    ar.get()
    later = f"{cluster.session.session}_{10**6}"
    for wrong in ("nope", later, [ar, "nope"]):
        with pytest.raises(ValueError, match="did not send it"):
            cluster.wait(wrong, timeout=1)
        with pytest.raises(ValueError, match="did not send it"):
            cluster.load_balanced_view().wait(wrong, timeout=1)
    assert cluster.wait([*ar.msg_ids, ar, -1], timeout=10)
    assert cluster.wait([], timeout=0)
    assert not cluster.wait(Future(), timeout=0.01)


def test_engines_are_waited_for_as_many_as_the_cluster_has(cluster: Client) -> None:
    assert cluster.wait_for_engines(timeout=10) is None
    future = cluster.wait_for_engines(block=False)
    assert isinstance(future, Future)
    assert future.result(10) is None


# Orders


def test_what_runs_is_not_aborted(cluster: Client, gate: Path) -> None:
    view = cluster[0]
    runs = view.apply_async(wait_for, str(gate))
    wait_until(lambda: runs.metadata.started or cluster.queue_status(0)["queue"])
    waits = view.apply_async(add, 1)
    cluster.abort(waits)
    with pytest.raises(ipp.TaskAborted):
        waits.get(timeout=10)
    gate.touch()
    assert runs.get(timeout=10) > 0


def test_a_signal_goes_to_its_targets_only(cluster: Client) -> None:
    cluster[:2].execute(
        "import signal\nheard = []\n"
        "signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))",
        block=True,
    )
    cluster.send_signal(signal.SIGUSR1, targets=[1], block=True)
    wait_until(lambda: cluster[1]["len(heard)"] == 1, what="the signal")
    assert cluster[0]["len(heard)"] == 0
    with pytest.raises(IndexError):
        cluster.send_signal("SIGUSR1", targets=7)


def test_clear_blocks_if_it_is_told(cluster: Client) -> None:
    assert isinstance(cluster.clear(), AsyncResult)
    assert cluster.clear(block=True) is None


def test_scatter_returns_nothing_if_it_blocks(cluster: Client) -> None:
    assert isinstance(cluster[:].scatter("x", range(8), block=False), AsyncResult)
    assert cluster[:].scatter("x", range(8), block=True) is None
    assert cluster[0].scatter("x", range(8), block=True) is None


def test_queue_status_of_all_of_some_and_of_one(cluster: Client, gate: Path) -> None:
    ar = cluster[2].apply_async(wait_for, str(gate))
    wait_until(lambda: cluster.queue_status(2)["queue"] == 1, what="a busy engine")
    assert set(cluster.queue_status()) == {0, 1, 2, 3, "unassigned"}
    assert set(cluster.queue_status([2])) == {2, "unassigned"}
    assert cluster.queue_status(2, verbose=True)["queue"] == ar.msg_ids
    assert cluster.queue_status(verbose=True)["unassigned"] == []
    gate.touch()
    ar.get()
    with pytest.raises(IndexError):
        cluster.queue_status(9)


# Results by id


def test_results_are_got_in_every_way(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    one, two = lview.apply_async(add, 1), cluster[:2].apply_async(add, 2)
    cluster.wait([one, two])
    assert cluster.get_result().get() == 3
    assert cluster.get_result(-3).get() == 2
    assert cluster.get_result([-3, -1], block=True).get() == [2, 3]
    assert cluster.get_result(one).get() == 2
    assert cluster.get_result([one, two]).get() == [2, 3, 3]
    assert cluster.get_result(one.msg_ids[0], owner=False).get() == 2
    assert cluster.get_result(one.msg_ids).get() == [2]
    assert lview.get_result(-1).get() == 2
    with pytest.raises(KeyError):
        cluster.get_result("nope").get(timeout=10)
    with pytest.raises(IndexError):
        cluster.get_result(10**6)


def test_what_is_under_way_is_the_same_result(cluster: Client, gate: Path) -> None:
    ar = cluster[0].apply_async(wait_for, str(gate))
    assert cluster.get_result(ar.msg_ids[0]) is ar
    gate.touch()
    ar.get()


def test_tasks_are_submitted_again(cluster: Client) -> None:
    ar = cluster.load_balanced_view().apply_async(fsquare, 3)
    ar.get()
    again = cluster.resubmit(ar.msg_ids[0], metadata={}, block=True)
    assert isinstance(again, ipp.AsyncHubResult)
    assert again.get() == 9
    assert again.msg_ids != ar.msg_ids
    assert cluster.resubmit().get() == 9
    with pytest.raises(KeyError):
        cluster.resubmit("nope")


def test_what_is_purged_is_gone(cluster: Client, gate: Path) -> None:
    done, runs = cluster[0].apply_async(add, 1), cluster[1].apply_async(wait_for, gate)
    done.get()
    for purge in (
        cluster.purge_results,
        cluster.purge_hub_results,
        cluster.purge_local_results,
    ):
        with pytest.raises(ValueError, match="which results"):
            purge()
    with pytest.raises(RuntimeError, match="still to come"):
        cluster.purge_local_results(runs)
    with pytest.raises(IndexError):
        cluster.purge_hub_results(runs)
    cluster.purge_results(done)
    with pytest.raises(KeyError):
        cluster.result_status(done.msg_ids)
    gate.touch()
    runs.get()
    cluster.purge_results(targets=[1])
    assert not set(runs.msg_ids) & set(cluster.hub_history())
    cluster.purge_everything()
    assert (list(cluster.history), cluster.hub_history()) == ([], [])


def test_what_programs_do_to_free_memory(cluster: Client, gate: Path) -> None:
    view = cluster[:]
    view.apply_sync(add, 1)
    cluster.purge_results("all")
    running = view.apply_async(wait_for, str(gate))
    for each in (cluster.results, cluster.metadata, view.results):
        each.clear()
    cluster.session.digest_history.clear()
    cluster.history = []
    view.history = []
    assert list(cluster.history) == []
    assert view.history == running.msg_ids
    assert not view.wait(timeout=0)
    gate.touch()
    assert view.wait(timeout=10)
    running.get()
    view.history = []
    assert list(view.history) == []
    with pytest.raises(ValueError, match="not to 4 ids"):
        view.history = running.msg_ids


# Ctrl-C


@pytest.mark.slow
@pytest.mark.parametrize("call", ["apply", "execute", "gather", "balanced", "map"])
def test_an_interrupted_call_gives_its_result(
    cluster: Client, call: str, gate: Path
) -> None:
    """The interrupt comes from the engine, while the call is waited for."""
    view, lview = cluster[0], cluster.load_balanced_view()
    me, path = os.getpid(), str(gate)
    view.push({"disturb": disturb, "me": me, "path": path}, block=True)
    calls: dict[str, Any] = {
        "apply": lambda: view.apply_sync(disturb, me, path),
        "execute": lambda: view.execute("disturb(me, path)", silent=False, block=True),
        "gather": lambda: cluster[[0]].gather("[disturb(me, path)]", block=True),
        "balanced": lambda: lview.apply_sync(disturb, me, path),
        "map": lambda: lview.map_sync(disturb, [me], [path]),
    }
    ar = calls[call]()
    assert isinstance(ar, AsyncResult)
    assert not ar.done()
    gate.touch()
    ar.get(timeout=10)


def disturb(pid: int, path: str) -> None:
    os.kill(pid, signal.SIGINT)
    wait_for(path)
