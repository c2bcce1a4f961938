"""What users of ipyparallel rely on in views, line by line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parallel as ipp
from parallel import AsyncMapResult, AsyncResult, Client, RemoteError
from parallel.serialize import switches
from tests.integration.tasks import add, fsquare, wait_for

# Flags


def test_a_misspelt_attribute_is_told(cluster: Client) -> None:
    for view in (cluster[:], cluster.load_balanced_view(), cluster.broadcast_view()):
        with pytest.raises(AttributeError, match=r"no attribute 'blok' to set.*block"):
            view.blok = True
        with pytest.raises(KeyError, match="no flag 'blok'"):
            view.set_flags(blok=True)
        with pytest.raises(KeyError, match="no flag"), view.temp_flags(blok=True):
            pass


def test_flags_of_every_view(cluster: Client) -> None:
    for view in (cluster[:], cluster.load_balanced_view(), cluster.broadcast_view()):
        assert (view.block, view.track, view.label) == (False, False, None)
        assert view.set_flags(block=True, track=True, label="a") is view
        with view.temp_flags(block=False, label=None):
            assert isinstance(view.apply(add, 1), AsyncResult)
        assert (view.block, view.track, view.label) == (True, True, "a")
        assert view.client is cluster


def test_flags_of_a_balanced_view(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    assert (lview.follow, lview.after, lview.timeout, lview.retries) == (
        *(None, None, None),
        0,
    )
    assert (lview.targets, lview.priority, lview.time_limit) == (None, 0, None)
    ar = lview.apply_async(add, 1)
    for good in (None, ar, ar.msg_ids[0], [ar, ar.msg_ids[0]], ipp.Dependency(ar)):
        with lview.temp_flags(follow=good, after=good):
            assert lview.apply_sync(add, 1) == 2
    for bad in (5, [5], 1.5, {"a": 1}):
        with pytest.raises(ValueError, match="dependency"):
            lview.after = bad
    for flag in ("timeout", "time_limit"):
        for bad, error in (("1", TypeError), (-1, ValueError), (np.nan, ValueError)):
            with pytest.raises(error, match=flag):
                setattr(lview, flag, bad)
    with pytest.raises(ValueError, match="priority"):
        lview.priority = float("nan")


def test_the_length_of_a_view_is_that_of_its_targets(cluster: Client) -> None:
    assert [len(cluster[key]) for key in (2, [0, 1], slice(None))] == [1, 2, 4]
    assert len(cluster.load_balanced_view()) == len(cluster.direct_view()) == 4
    assert len(cluster.load_balanced_view([0, 1])) == 2


def test_a_view_tells_its_engines(cluster: Client) -> None:
    assert repr(cluster[1]) == "<DirectView 1>"
    assert repr(cluster[:]) == "<DirectView [0, 1, 2, 3]>"
    assert repr(cluster[[3, 2, 1, 0] * 9]) == "<DirectView [3, 2, 1, 0,...]>"
    assert repr(cluster.direct_view()) == "<DirectView all>"
    assert repr(cluster.broadcast_view([0])) == "<BroadcastView [0]>"
    assert repr(cluster.load_balanced_view()) == "<LoadBalancedView any>"
    assert repr(cluster.load_balanced_view([0])) == "<LoadBalancedView [0]>"


# Calls


def test_keywords_of_any_name_reach_the_function(cluster: Client) -> None:
    for view in (cluster[0], cluster.load_balanced_view()):
        for call in (view.apply_sync, view.set_flags(block=True).apply):
            assert call(dict, f=1, self=2, func=3) == {"f": 1, "self": 2, "func": 3}
        assert view.apply_async(dict, f=1).get() == {"f": 1}


def test_a_view_gets_the_results_of_its_history(cluster: Client) -> None:
    view = cluster[0]
    first, last = view.apply_async(add, 1), view.apply_async(add, 2)
    cluster.load_balanced_view().apply_sync(add, 9)
    assert view.wait([first, last.msg_ids[0], -1], timeout=10)
    assert view.get_result(0).get() == 2
    assert view.get_result([0, 1]).get() == [2, 3]
    assert view.get_result(block=True).get() == 3
    with pytest.warns(DeprecationWarning, match="does nothing"):
        view.spin()


# Names


def test_names_go_and_come(cluster: Client) -> None:
    view, one = cluster[:2], cluster[1]
    assert view.push({"a": [1, 2]}, block=True) == [None, None]
    assert view.push({"a": [1, 2]}, targets=0, block=True) is None
    assert isinstance(view.push({"b": 1}), AsyncResult)
    assert view.set_flags(block=True).update({"b": 2}) == [None, None]
    one["c"] = 3
    assert (one["a[0]"], one["c"], one.get("c")) == (1, 3, 3)
    with pytest.raises(NameError, match="nowhere"):  # for it waits
        one["nowhere.size"] = 3
    for names in (["a", "b"], ("a", "b")):
        assert one.pull(names, block=True) == [[1, 2], 2]
    assert view.pull({"b"}) == [[2], [2]]
    assert view.pull("b", targets=[0]) == [2]
    assert view.pull("b", targets=0) == 2
    with pytest.raises(TypeError, match="push takes a dict"):
        view.push([1])
    with pytest.raises(TypeError, match="names are"):
        view.pull([5])


@pytest.mark.parametrize("wrong", [{"a": 1}, ipp.Reference("x"), 5])
def test_what_has_no_parts_is_not_scattered(cluster: Client, wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"a sequence, and no {type(wrong).__name__}: "):
        cluster[:].scatter("d", wrong, block=True)


def test_parts_and_their_engines(cluster: Client) -> None:
    view = cluster[:]
    view.scatter("p", (i for i in range(10)), block=True)
    assert view["p"] == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]]
    view.scatter("p", range(10), dist="r", block=True, track=True)
    assert view["list(p)"] == [[0, 4, 8], [1, 5, 9], [2, 6], [3, 7]]
    view.scatter("p", [7, 8], flatten=True, targets=[2, 3], block=True)
    assert view.pull("p", targets=[2, 3], block=True) == [7, 8]
    view.scatter("p", np.arange(6.0), block=True)
    assert {type(part) for part in view["p"]} == {np.ndarray}
    assert isinstance(view.gather("p", block=True), np.ndarray)
    assert isinstance(view.gather("p"), AsyncMapResult)
    with pytest.raises(ipp.CompositeError, match="nowhere"):  # for it waits
        view.scatter("nowhere.p", range(4), block=True)
    with pytest.raises(ValueError, match="dist"):
        view.scatter("p", [1], dist="x")
    with pytest.raises(RemoteError):
        view.gather("no_such_name", block=True)


# Code


def test_a_file_is_named_by_its_tracebacks(cluster: Client, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("def fails():\n    return 1 / 0\nran = True\n# the last line")
    view = cluster[0]
    assert isinstance(view.run(str(script), block=True), AsyncResult)
    assert view["ran"]
    with pytest.raises(ZeroDivisionError) as told:
        view.execute("fails()", block=True)
    text = str(told.value.traceback)
    assert f'File "{script}", line 2, in fails' in text
    assert "return 1 / 0" in text
    ar = cluster[:].run(script, targets=[1, 2], block=False, label="mine")
    assert [reply.label for reply in ar.get()] == ["mine", "mine"]
    assert ar.label == ["mine", "mine"]
    script.write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        view.run(script, block=True)
    with pytest.raises(FileNotFoundError):
        view.run("no_such_file.py")


def test_execute_takes_its_arguments_by_place(cluster: Client) -> None:
    ar = cluster[:].execute("1 + 1", False, [1, 2], True, "mine")
    assert isinstance(ar, AsyncResult)
    assert [reply.data["text/plain"] for reply in ar.get()] == ["2", "2"]
    assert (ar.engine_id, ar.label) == ([1, 2], ["mine", "mine"])
    assert cluster[0].execute("%pwd", silent=False, block=True).get().data
    assert cluster[0].execute("!echo hi", block=True).stdout == "hi\n"


def test_imports_within_a_block(
    cluster: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    view = cluster[:]
    with view.sync_imports():
        import wave  # noqa: F401
        from json import dumps, loads  # noqa: F401
    assert capsys.readouterr().out.splitlines() == [
        "importing wave on engine(s)",
        "importing dumps,loads from json on engine(s)",
    ]
    assert view["dumps([])"] == ["[]"] * 4
    with view.sync_imports(quiet=True):
        import colorsys as renamed  # noqa: F401
    assert capsys.readouterr().out == ""
    assert (
        view["'colorsys' in globals(), 'renamed' in globals()"] == [(True, False)] * 4
    )


def test_ways_to_pickle_are_switched_here_and_there(cluster: Client) -> None:
    view, usual = cluster[:].set_flags(block=True), way()
    try:
        for name in ("use_dill", "use_cloudpickle", "use_pickle"):
            before = way()
            getattr(view, name)()
            assert way() != before
            assert view.apply(way) == [way()] * 4
            assert view.apply(add, 1) == [2] * 4
    finally:
        view.use_pickle()
    assert way() == usual


def way() -> str:
    return switches.way().__name__


# Balanced


def test_options_of_a_balanced_map(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    ar = lview.map(fsquare, range(5), block=False, chunksize=2, label="l")
    assert ar.get() == [0, 1, 4, 9, 16]
    assert len(ar.msg_ids) == 3
    assert set(ar.label) == {"l"}
    assert lview.map(fsquare, [2], block=True) == [4]
    assert lview.map_sync(add, [1, 2, 3], [4, 5]) == [5, 7]
    assert sorted(lview.map_async(fsquare, range(4), ordered=False)) == [0, 1, 4, 9]
    failed = lview.map_sync(divmod, [1, 1], [0, 1], return_exceptions=True)
    assert isinstance(failed[0], RemoteError)
    assert failed[1] == (1, 0)
    with pytest.raises(ValueError, match="chunksize"):
        lview.map(fsquare, [1], chunksize=0)
    for most in ("auto", 0, 1):
        found = lview.imap(fsquare, range(3), ordered=False, max_outstanding=most)
        assert sorted(found) == [0, 1, 4]


def test_targets_restrict(cluster: Client) -> None:
    pids = cluster[[1, 2]].apply_sync(os.getpid)
    lview = cluster.load_balanced_view([1, 2])
    assert set(lview.map_sync(lambda _: os.getpid(), range(8), chunksize=1)) <= {*pids}


def test_without_terms_nothing_is_asked(cluster: Client) -> None:
    ar = cluster.load_balanced_view().apply_async(add, 1)
    assert ar.get() == 2
    assert not ar.metadata.after
    assert not ar.metadata.follow


# Extras


def test_negative_priorities_go_last(cluster: Client, gate: Path) -> None:
    lview = cluster.load_balanced_view([0])
    runs = lview.apply_async(wait_for, str(gate))
    order: list[str] = []
    with lview.temp_flags(priority=-1):
        late = lview.apply_async(time.time)
    soon = lview.apply_async(time.time)
    with lview.temp_flags(priority=2.5):
        first = lview.apply_async(time.time)
    for name, ar in (("late", late), ("soon", soon), ("first", first)):
        ar.add_done_callback(lambda _, name=name: order.append(name))
    gate.touch()
    runs.get()
    assert first.get() <= soon.get() <= late.get()


def test_a_setup_is_made_again_under_its_name(cluster: Client) -> None:
    assert cluster[:].setup(add, 1).get() == [2] * 4
    assert cluster.load_balanced_view().setup(add, 2, y=3).get() == [5] * 4


# Dependencies


def test_dependencies_in_functions(cluster: Client) -> None:
    lview = cluster.load_balanced_view()

    @ipp.depend(lambda a, b: a == b, 1, b=1)
    def met() -> int:
        return 1

    @ipp.depend(lambda: None)  # neither False nor an exception
    def met_too() -> int:
        return 2

    assert (lview.apply_sync(met), lview.apply_sync(met_too)) == (1, 2)
    unmet = ipp.dependent(add, bool)
    with lview.temp_flags(targets=[0, 1]), pytest.raises(ipp.ImpossibleDependency):
        lview.apply_sync(unmet, 1)
    with lview.temp_flags(timeout=0.1), pytest.raises(ipp.TaskTimeout):
        lview.apply_sync(unmet, 1)
    with lview.temp_flags(targets=[0]), pytest.raises(ipp.ImpossibleDependency):
        lview.apply_sync(ipp.require("no_such_module")(add), 1)
    with pytest.raises(TypeError, match="require takes"):
        ipp.require(3)
