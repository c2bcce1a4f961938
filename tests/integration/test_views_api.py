"""Views have the surface that users of ipyparallel know."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parallel as ipp
from parallel import (
    Client,
    Cluster,
    DirectView,
    NotAvailable,
    Reference,
    RemoteError,
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


@pytest.fixture
def dview(cluster: Client) -> DirectView:
    return cluster[:].set_flags(block=True)


# Flags


def test_a_bad_flag_changes_nothing(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    with pytest.raises(KeyError, match="no flag 'colour'"):
        lview.set_flags(label="a", colour="red")
    with pytest.raises(ValueError, match="follow"):
        lview.set_flags(label="a", follow=5)
    with pytest.raises(TypeError):
        lview.timeout = "soon"
    assert (lview.label, lview.follow, lview.timeout) == (None, None, None)


def test_temporary_flags_are_taken_back(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    with lview.temp_flags(label="a", targets=[0], retries=2) as same:
        assert same is lview
        assert (lview.label, lview.targets, lview.retries) == ("a", [0], 2)
        ar = lview.apply_async(add, 1)
        lview.label = "b"
    assert (lview.label, lview.targets, lview.retries) == (None, None, 0)
    ar.get()
    assert (ar.label, ar.engine_id) == ("a", 0)
    with pytest.raises(ValueError, match="timeout"), lview.temp_flags(timeout=-1):
        pass
    with lview.temp_flags():  # the next one does not stumble over it
        pass


def test_a_view_is_made_with_flags(cluster: Client) -> None:
    assert cluster.direct_view([0], block=True).block
    assert cluster.load_balanced_view(retries=3).retries == 3
    assert cluster.broadcast_view(label="b").label == "b"
    with pytest.raises(KeyError):
        cluster.direct_view(retries=3)


def test_targets_can_be_changed(cluster: Client) -> None:
    view = cluster[:]
    view.targets = 2
    assert view.apply_sync(add, 1) == 2
    view.targets = [1, 3]
    assert len(view) == 2
    view.targets = "all"
    assert (view.targets, len(view)) == ("all", 4)
    with pytest.raises(TypeError):
        view.targets = "some"
    assert view.targets == "all"


def test_labels_are_told(cluster: Client) -> None:
    view, lview = cluster[:2], cluster.load_balanced_view()
    view.label = "mine"
    assert view.apply_async(add, 1).label == ["mine", "mine"]
    assert view.execute("1", label="other").label == ["other", "other"]
    assert view.map_async(fsquare, range(2), label="m").label == ["m", "m"]
    assert lview.map_async(fsquare, [1], label="l").label == ["l"]


# Calls


def test_only_what_can_be_called_is(cluster: Client) -> None:
    for view in (cluster[:], cluster.load_balanced_view()):
        with pytest.raises(TypeError):
            view.apply_async(5)  # type: ignore[arg-type]


def test_a_reference_is_called_there(dview: DirectView) -> None:
    dview.execute("def twice(x): return 2 * x\nfive = 5")
    assert dview.apply(Reference("twice"), Reference("five")) == [10] * 4
    assert dview.apply(ipp.PrePickled(add), 1) == [2] * 4


def test_maps_take_no_block(cluster: Client) -> None:
    for view in (cluster[:], cluster.load_balanced_view()):
        for method in (view.map_sync, view.map_async):
            with pytest.raises(TypeError, match="block"):
                method(fsquare, [1], block=True)


def test_a_map_of_nothing_is_a_list(cluster: Client) -> None:
    for view in (cluster[:], cluster.load_balanced_view()):
        assert view.map_async(fsquare, []) == []
        with pytest.raises(AssertionError):
            view.map(fsquare)


def test_a_direct_map_has_no_chunks(dview: DirectView) -> None:
    with pytest.warns(UserWarning, match="chunksize is ignored"):
        assert dview.map(fsquare, range(8), chunksize=2) == [x**2 for x in range(8)]


def test_imap_gives_results_as_an_iterator(cluster: Client) -> None:
    direct = cluster[:].imap(fsquare, range(9))
    assert [next(direct), *direct] == [x**2 for x in range(9)]
    lview = cluster.load_balanced_view()
    found = lview.imap(fsquare, iter(range(9)), max_outstanding=2)
    assert next(found) == 0
    assert sorted(found) == [x**2 for x in range(1, 9)]
    assert len(lview.history) == 9


# What was submitted


def test_a_view_knows_its_history(cluster: Client) -> None:
    view, lview = cluster[:], cluster.load_balanced_view()
    one = view.apply_async(add, 1)
    other = lview.apply_async(add, 1)
    two = view.map_async(fsquare, range(20))
    assert view.history == one.msg_ids + two.msg_ids
    assert len(view.history) == 8
    assert lview.history[-1:] == other.msg_ids
    assert cluster.history[-9:] == one.msg_ids + other.msg_ids + two.msg_ids
    many = lview.map_async(fsquare, range(500), chunksize=5)
    many.get()
    assert lview.history == other.msg_ids + many.msg_ids


def test_what_is_outstanding_ends_when_it_is_there(cluster: Client, gate: Path) -> None:
    view, lview = cluster[:2], cluster.load_balanced_view()
    waiting = view.apply_async(wait_for, str(gate))
    assert view.outstanding == set(waiting.msg_ids)
    assert set(waiting.msg_ids) <= cluster.outstanding
    assert not lview.outstanding
    assert not view.wait(timeout=0)
    assert lview.wait(timeout=0)
    gate.touch()
    waiting.get()
    assert not view.outstanding
    assert not cluster.outstanding & set(waiting.msg_ids)
    assert view.wait()


def test_results_are_kept_until_all_have_come(cluster: Client, gate: Path) -> None:
    view = cluster[:2]
    view.scatter("engine_number", [0, 1], flatten=True, block=True)
    ar = view.apply_async(wait_or_say, Reference("engine_number"), str(gate))
    slow, quick = ar.msg_ids
    wait_until(lambda: quick in cluster.results, what="the quick half")
    assert cluster.results[quick] == view.results[quick] == "quick"
    assert slow not in cluster.results
    assert cluster.metadata[slow].engine_id in (0, None)
    assert cluster.metadata[quick].status == "ok"
    gate.touch()
    ar.get()
    assert quick not in view.results
    assert quick not in cluster.metadata


def wait_or_say(number: int, path: str) -> Any:
    return wait_for(path) if number == 0 else "quick"


def test_what_has_not_started_is_aborted(
    cluster: Client, begun: Path, gate: Path
) -> None:
    view, lview = cluster[:2], cluster.load_balanced_view([2])
    runs = [
        each.apply_async(begin_and_wait_for, str(begun), str(gate))
        for each in (view, lview)
    ]
    wait_until(lambda: len(notes(begun)) == 3, what="three busy engines")
    direct, balanced = view.apply_async(add, 1), lview.apply_async(add, 1)
    view.abort(direct, targets=1)
    view.abort(-1, targets=1)
    lview.abort()
    with pytest.raises(TaskAborted):
        balanced.get(timeout=20)
    wait_until(lambda: direct.status == [None, "aborted"], what="half of it aborted")
    gate.touch()
    with pytest.raises(ipp.CompositeError) as told:
        direct.get(timeout=20)
    assert [failure.ename for failure in told.value.elist] == ["TaskAborted"]
    assert runs[0].get()
    assert lview.history == runs[1].msg_ids + balanced.msg_ids
    with pytest.raises(TypeError):
        view.abort(1.5)


# The engines


def test_queue_status_is_of_the_views_engines(cluster: Client) -> None:
    assert sorted(map(str, cluster[:2].queue_status())) == ["0", "1", "unassigned"]
    assert set(cluster[1].queue_status()) == {"queue", "completed", "tasks"}
    assert len(cluster.load_balanced_view().queue_status()) == 5


def test_a_view_is_set_up_on_engines_that_join_later() -> None:
    with Cluster(n=1) as rc:
        rc[:].push({"seed": 0}, block=True)
        ar = rc.load_balanced_view().setup(prepare, 7)
        assert len(ar.get()) == 1
        os.kill(rc[0].apply_sync(os.getpid), signal.SIGKILL)  # another one comes
        wait_until(lambda: rc.ids == [1], what="another engine")
        assert rc[:]["prepared"] == [7]


def prepare(number: int) -> None:
    import __main__

    __main__.prepared = number  # type: ignore[attr-defined]


def test_a_setup_that_fails_is_told_and_the_engine_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Cluster(n=1) as rc:
        pid = rc[0].apply_sync(os.getpid)
        rc[:].setup(prepare, 1)
        assert rc[:].setup(fail_unless, pid).get() == [None]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: rc.ids == [1], what="another engine")
        wait_until(lambda: caplog.messages, what="a warning")
        assert "the setup 'fail_unless' failed on engine 1" in caplog.messages[0]
        assert rc[:]["prepared"] == [1]
        assert rc[:].setup(prepare, 2).get() == [None]
        assert rc[:]["prepared"] == [2]


def fail_unless(pid: int) -> None:
    if os.getpid() != pid:
        raise ValueError("not the first")


def test_setup_without_engines_is_done_at_once() -> None:
    with Cluster(n=1) as rc:
        rc.shutdown(block=True)
        assert rc.direct_view().setup(prepare, 7).get(timeout=5) == []


# Names


def test_a_push_returns_nothing_for_each(cluster: Client) -> None:
    assert cluster[[3]].push({"a": 1}, block=True, track=True) == [None]
    assert cluster[3].push({"a": 1}, block=True) is None


def test_missing_names_and_no_names(cluster: Client) -> None:
    with pytest.raises(RemoteError) as told:
        cluster[0].pull("no_such_name", block=True)
    assert told.value.ename == "NameError"
    for wrong in (5, ["a", 5], b"a"):
        with pytest.raises(TypeError):
            cluster[0].pull(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("dist", ["b", "r"])
def test_what_is_scattered_is_gathered(
    dview: DirectView, dist: str, flatten: bool
) -> None:
    for whole in (range(24), range(5), range(2), list("abcd"), ["host", b"by", 5]):
        dview.scatter("part", whole, dist=dist, flatten=flatten)
        assert dview.gather("part", dist=dist) == list(whole)
    assert list(dview.gather("part", dist="b", block=False))[:2] == ["host", b"by"]


@pytest.mark.parametrize("value", ["host", b"host", {"a": 1}, {1, 2}, 5, None])
def test_what_each_engine_has_one_of_is_gathered_whole(
    dview: DirectView, value: Any
) -> None:
    dview.push({"one": value})
    assert dview.gather("one") == list(dview.gather("one", block=False))
    assert dview.gather("one") == [value] * 4


def test_what_is_more_than_a_name_is_pushed_to(dview: DirectView) -> None:
    dview["a"] = {"k": [1, 2]}
    dview["a['k'][0]"] = 5
    assert dview["a"] == [{"k": [5, 2]}] * 4
    with pytest.raises(RemoteError, match="cannot push to 'a b'"):
        dview["a b"] = 1


def test_an_iterator_is_gathered_and_stays(dview: DirectView) -> None:
    dview.scatter("x", range(10))
    dview.execute(
        "y = map(lambda n: n * n, x)\nholder = type('H', (), {})\nlist = None"
    )
    dview.execute("holder.z = iter(x)")
    assert dview.gather("y") == [n * n for n in range(10)]
    assert dview.gather("y") == [n * n for n in range(10)]
    assert dview.gather("holder.z") == [*range(10)]
    dview.execute("del list")
    with pytest.raises(RemoteError, match="NameError"):
        dview.gather("nowhere")
    with pytest.raises(TypeError):
        dview.gather(5)  # type: ignore[arg-type]


def test_arrays_are_gathered_whole(dview: DirectView) -> None:
    dview.scatter("part", np.arange(10))
    np.testing.assert_array_equal(dview.gather("part"), np.arange(10))
    ar = dview.gather("part", block=False)
    assert isinstance(ar, ipp.AsyncMapResult)
    assert len(ar.get()) == 10


def test_namespaces_are_emptied(cluster: Client) -> None:
    view = cluster[:]
    view.push({"kept": 1}, block=True)
    view.clear(targets=[0, 1], block=True)
    assert view.pull("'kept' in globals()", block=True) == [False, False, True, True]
    cluster.clear(block=True)
    assert view["'kept' in globals()"] == [False] * 4


def test_the_importer_imports_there_too(
    dview: DirectView, capsys: pytest.CaptureFixture[str]
) -> None:
    with dview.importer:
        import colorsys  # noqa: F401
    assert capsys.readouterr().out == "importing colorsys on engine(s)\n"
    assert dview["colorsys.__name__"] == ["colorsys"] * 4
    with pytest.raises(NotImplementedError), dview.sync_imports(local=False):
        pass


def test_execute_gives_a_reply_that_shows_no_value_if_silent(cluster: Client) -> None:
    quiet = cluster[0].execute("print('out'); 1 + 1").get()
    assert (quiet.execute_result, quiet.data, quiet.stdout) == (None, {}, "out\n")
    reply = cluster[0].execute("1 + 1", silent=False, block=True).get()
    assert reply.data["text/plain"] == "2"
    with pytest.raises(TypeError, match="source text"):
        cluster[0].execute(5)  # type: ignore[arg-type]
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        cluster[0].execute("1 / 0", block=True)


def test_joblib_is_said_to_lack(cluster: Client) -> None:
    with pytest.raises(NotAvailable, match="joblib"):
        cluster.load_balanced_view().register_joblib_backend()


def test_pickling_is_switched_on_both_sides(dview: DirectView) -> None:
    dview.use_cloudpickle()
    try:
        assert dview.apply(add, 1) == [2] * 4
    finally:
        dview.use_pickle()
    assert dview.apply(add, 1) == [2] * 4


# Broadcast


def test_a_broadcast_view_is_a_direct_view(cluster: Client) -> None:
    view = cluster.broadcast_view([3, 1])
    assert isinstance(view, DirectView)
    view.push({"a": 1}, block=True)
    assert view["a"] == [1, 1]
    assert view.map_sync(fsquare, range(6)) == [x**2 for x in range(6)]
    view.scatter("part", range(6), block=True)
    assert view.gather("part", block=True) == [*range(6)]
    assert [each.engine_id for each in view.execute("b = 2").get()] == view.targets


def test_engines_are_told_in_the_order_of_results(cluster: Client) -> None:
    view = cluster.broadcast_view([3, 1], is_coalescing=True)
    ar = view.apply_async(os.getpid)
    pids = ar.get()
    assert pids == [cluster[i].apply_sync(os.getpid) for i in ar.engine_id]
    assert ar.engine_id == [3, 1]
    assert ar.is_coalescing == [True, True]
    assert len(set(ar.engine_uuid)) == 2


def test_a_broadcast_view_keeps_its_engines(cluster: Client) -> None:
    assert cluster.broadcast_view().targets == [0, 1, 2, 3]
    assert cluster.broadcast_view(2).apply_sync(add, 1) == [2]
