"""A client has the surface that users of ipyparallel know."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import parallel as ipp
from parallel import (
    AsyncResult,
    Client,
    Cluster,
    EngineError,
    NoEnginesRegistered,
    NotAvailable,
    TaskAborted,
)
from tests.integration.tasks import (
    add,
    begin_and_wait_for,
    fsquare,
    notes,
    wait_for,
)
from tests.waiting import wait_until

# Making one


def test_it_is_made_from_a_file_by_any_name(cluster: Client) -> None:
    folder = Path(cluster.cluster.profile_dir) / "security"
    file = folder / f"ipcontroller-{cluster.cluster.cluster_id}-client.json"
    with Client(str(file), packer="json", username="me", context=None) as client:
        assert client.ids == cluster.ids
    with (
        pytest.warns(DeprecationWarning, match="connection_info"),
        Client(url_file=str(file)) as client,
    ):
        assert client.ids == cluster.ids
    client.close(linger=0)  # again


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"connection_info": "tcp://127.0.0.1:1"}, ValueError),
        ({"sshserver": "me@there", "password": "x"}, NotAvailable),
        ({"profil": "mpi"}, TypeError),
        ({"connection_info": "nowhere.json", "timeout": 0.1}, OSError),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        Client(**options)


def test_it_tells_who_it_is(cluster: Client) -> None:
    assert cluster.profile == Path(cluster.cluster.profile_dir).name.partition("_")[2]
    assert not cluster.debug
    assert cluster.session.key
    ar = cluster[0].apply_async(add, 1)
    assert ar.msg_ids[0].startswith(f"{cluster.session.session}_")


# Engines


def test_engines_are_chosen_by_number(cluster: Client) -> None:
    assert len(cluster) == 4
    assert cluster.ids == [0, 1, 2, 3]
    assert [view.targets for view in cluster] == [0, 1, 2, 3]
    assert cluster[:].targets == [0, 1, 2, 3]
    assert cluster.direct_view().targets == "all"
    with pytest.raises(IndexError):
        cluster[4]
    for wrong in ("0", 1.5, None, {1}, True):
        with pytest.raises(TypeError):
            cluster[wrong]  # type: ignore[index]


def test_no_engines_are_none() -> None:
    with Cluster(n=1) as rc:
        rc.shutdown(targets=[0], block=True)
        assert rc.ids == []
        assert rc.queue_status() == {"unassigned": 0}
        for ask in (lambda: rc[:], lambda: rc[0], lambda: rc.direct_view().get("a")):
            with pytest.raises(NoEnginesRegistered):
                ask()
        with pytest.raises(NotImplementedError, match="restart_engines"):
            rc.shutdown(restart=True)
        rc.shutdown(hub=True)
        assert repr(rc) == "<Client: closed>"


def test_engines_can_be_waited_for_elsewhere(cluster: Client) -> None:
    future = cluster.wait_for_engines(4, block=False)
    assert isinstance(future, Future)
    assert future.done()  # they are there
    assert future.result(timeout=10) is None
    assert cluster.wait_for_engines(4, interactive=False) is None
    late = cluster.wait_for_engines(5, timeout=0.1, block=False)
    assert late is not None
    assert isinstance(late.exception(timeout=10), TimeoutError)
    with pytest.raises(TimeoutError, match="4 of 9"):
        cluster.wait_for_engines(9, timeout=0.1)
    with pytest.raises(TimeoutError, match="4 of 9"):
        cluster.wait_for_engines(9, timeout=0.1, interactive=True, widget=False)


def test_the_number_is_the_clusters(cluster: Client) -> None:
    cluster.wait_for_engines()
    where = {
        "profile_dir": cluster.cluster.profile_dir,
        "cluster_id": cluster.cluster.cluster_id,
    }
    with Client(**where) as client, pytest.raises(TypeError, match="how many"):
        client.wait_for_engines()


def test_who_waits_is_told_of_an_engine_that_leaves() -> None:
    with Cluster(n=2) as rc:
        waiting = rc.wait_for_engines(3, timeout=30, block=False)
        assert waiting is not None
        rc.shutdown(targets=[0])
        error = waiting.exception(timeout=20)
        assert isinstance(error, EngineError)
        assert "engine 0 was stopped while 1 of 3" in str(error)


# Waiting


def test_jobs_of_all_kinds_are_waited_for(cluster: Client, gate: Path) -> None:
    view = cluster[0]
    ar = view.apply_async(wait_for, str(gate))
    other: Future[int] = Future()
    for jobs in (ar, ar.msg_ids[0], -1, [ar, other], None, ar.msg_ids):
        assert not cluster.wait(jobs, timeout=0)
    assert not cluster.wait_interactive(ar, interval=0.01, timeout=0.02)
    other.set_result(1)
    gate.touch()
    for jobs in (ar, ar.msg_ids[0], -1, [ar, other, ar.msg_ids], None):
        assert cluster.wait(jobs, timeout=20)
    assert cluster.wait_interactive(interval=0.01, timeout=20)
    assert cluster.wait_interactive([other, -1], interval=0.01)
    for wrong in (1.5, [None], b"a"):
        with pytest.raises(TypeError):
            cluster.wait(wrong)


def test_everything_that_waits_is_aborted(begun: Path, gate: Path) -> None:
    with Cluster(n=1) as rc:
        runs = rc[0].apply_async(begin_and_wait_for, str(begun), str(gate))
        wait_until(lambda: notes(begun), what="a busy engine")
        waiting = [rc[0].apply_async(add, i) for i in range(5)]
        waiting.append(rc.load_balanced_view().map_async(fsquare, range(1000)))
        rc.abort()
        for ar in waiting:
            with pytest.raises((TaskAborted, ipp.CompositeError)):
                ar.get(timeout=20)
        assert not runs.ready()
        for wrong in (1.5, [None]):
            with pytest.raises(TypeError):
                rc.abort(wrong)
        runs.cancel()


# Orders


@pytest.mark.parametrize("sig", [signal.SIGINT, "SIGINT"])
def test_signals_reach_engines_that_work(cluster: Client, sig: Any) -> None:
    ar = cluster[:].apply_async(time.sleep, 30)
    wait_until(
        lambda: all(cluster.queue_status(i)["queue"] for i in range(4)),
        what="busy engines",
    )
    wait_until(lambda: send(cluster, sig, ar), what="the end of all sleep")
    with pytest.raises(ipp.CompositeError) as told:
        ar.get(timeout=20)
    assert {each.ename for each in told.value.elist} == {"KeyboardInterrupt"}
    with pytest.raises(TypeError):
        cluster.send_signal(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no signal 'INT': names are as 'SIGINT'"):
        cluster.send_signal("INT")


def send(cluster: Client, sig: Any, ar: AsyncResult) -> bool:
    """Interrupt those engines that have not been: one may just have begun."""
    left = [ar.msg_ids.index(each) for each in cluster.outstanding & set(ar.msg_ids)]
    if left:
        cluster.send_signal(sig, targets=left)
        ar.wait(0.2)
    return ar.ready()


def test_namespaces_are_cleared(cluster: Client) -> None:
    cluster[:].push({"a": 1}, block=True)
    cluster.clear(targets=[0], block=True)
    assert cluster[:].pull("'a' in globals()", block=True) == [False, True, True, True]


def test_magics_are_said_to_need_ipython(cluster: Client) -> None:
    with pytest.warns(UserWarning, match="no IPython session"):
        assert cluster.activate([0]).targets == [0]


def test_dask_is_said_to_lack(cluster: Client) -> None:
    for ask in (cluster.become_dask, cluster.become_distributed, cluster.stop_dask):
        with pytest.raises(NotAvailable, match="Dask"):
            ask()


# What old programs call


def test_spinning_is_not_needed(cluster: Client) -> None:
    for call in (cluster.spin, cluster.spin_thread, cluster.stop_spin_thread):
        with pytest.warns(DeprecationWarning, match="does nothing"):
            call()


def test_low_level_requests(cluster: Client) -> None:
    assert cluster.send_apply_request(None, add, [1], {"y": 2}, ident=1).get() == 3
    assert cluster.send_apply_request(None, os.getpid).get() > 0
    cluster.send_execute_request(None, "low = 5", ident=1).get()
    assert cluster[1]["low"] == 5
    loud = cluster.send_execute_request(None, "low", silent=False, ident=1).get()
    assert loud.data == {"text/plain": "5"}
    with pytest.raises(ValueError, match="which engine"):
        cluster.send_execute_request(None, "1")


def test_memory_does_not_grow_with_what_is_done(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    for _ in range(5000):
        lview.apply_async(abs, -1)
    cluster.wait(timeout=50)
    assert len(lview.history) == 5000
    assert len(lview._spans._begins) == 1
    assert not cluster.outstanding
    assert not cluster.results
    assert not cluster.metadata


def test_threads_share_a_view(cluster: Client) -> None:
    lview = cluster.load_balanced_view()

    def work() -> None:
        for _ in range(200):
            lview.apply_async(abs, -1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lview.history) == len(set(lview.history)) == 800
    assert lview.wait(timeout=30)
