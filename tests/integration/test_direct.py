"""A direct view asks engines by number, and each of them answers in its place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parallel import (
    AsyncResult,
    Client,
    Cluster,
    ConnectionClosed,
    DirectView,
    NoEnginesRegistered,
    RemoteError,
)
from tests.integration.tasks import add, wait_for
from tests.waiting import wait_until


def blocking(view: DirectView) -> DirectView:
    """Return the view, with its calls waiting for their results."""
    return view.set_flags(block=True)


def test_a_list_of_engines_gives_a_list(cluster: Client) -> None:
    assert cluster[:].apply_sync(add, 1, y=2) == [3, 3, 3, 3]
    assert cluster[[3]].apply_sync(add, 1) == [2]


def test_one_engine_gives_a_bare_value(cluster: Client) -> None:
    assert cluster[3].apply_sync(add, 1) == 2


def test_results_stand_in_the_order_of_the_targets(cluster: Client) -> None:
    pids = cluster[:].apply_sync(os.getpid)
    assert cluster[[2, 0, 3]].apply_sync(os.getpid) == [pids[2], pids[0], pids[3]]
    assert [view.apply_sync(os.getpid) for view in cluster] == pids


def test_engines_are_chosen_as_from_a_list(cluster: Client) -> None:
    assert cluster[-1].targets == 3
    assert cluster[1:3].targets == [1, 2]
    assert cluster[::-2].targets == [3, 1]
    assert cluster[range(2)].targets == [0, 1]
    assert [len(cluster[key]) for key in (0, slice(None), (1, 2))] == [1, 4, 2]


def test_keyword_arguments_of_any_name_travel(cluster: Client) -> None:
    names = {"f": 1, "self": 2, "targets": 3, "block": 4}
    assert cluster[0].apply_sync(dict, **names) == names


def test_block_decides_what_a_call_returns(cluster: Client) -> None:
    view = cluster[0]
    assert isinstance(view.apply(add, 1), AsyncResult)
    with view.temp_flags(block=True):
        assert view.apply(add, 1) == 2
    assert not view.block
    with pytest.raises(KeyError, match="colour"):
        view.set_flags(colour="red")


def test_execute_returns_a_result_also_when_it_blocks(cluster: Client) -> None:
    ar = blocking(cluster[:]).execute("import math")
    assert isinstance(ar, AsyncResult)
    assert [reply.execute_result for reply in ar.get()] == [None] * 4


def test_names_are_pushed_and_expressions_pulled(cluster: Client) -> None:
    view = blocking(cluster[:])
    assert view.push({"a": [1, 2], "b": {"c": 3}}) == [None] * 4
    assert view.pull("a[1]") == [2] * 4
    assert view.pull(["a", "b['c']"]) == [[[1, 2], 3]] * 4
    assert view.get("len(a)") == [2] * 4
    assert blocking(cluster[2]).pull(("a", "b")) == [[1, 2], {"c": 3}]
    view.update({"a": 5})
    assert view["a"] == [5] * 4


def test_a_dotted_name_is_an_assignment(cluster: Client) -> None:
    view = blocking(cluster[:2])
    view.execute("class Thing: pass\nthing = Thing()")
    view["thing.size"] = 7
    assert view["thing.size"] == [7, 7]


def test_targets_can_be_given_with_a_call(cluster: Client) -> None:
    view = blocking(cluster[:])
    view.push({"where": "everywhere"})
    view.push({"where": "here"}, targets=1)
    view.execute("where *= 2", targets=[1, 3])
    assert view["where"] == ["everywhere", "herehere", "everywhere", "everywhere" * 2]
    assert view.pull("where", targets=1) == "herehere"


def test_an_engine_works_in_the_order_of_the_calls(cluster: Client) -> None:
    view = cluster[0]
    view.execute("order = []")
    for i in range(200):
        view.execute(f"order.append({i})")
    assert view["order"] == list(range(200))


def test_scatter_gives_the_first_engines_the_rest(cluster: Client) -> None:
    view = blocking(cluster[:])
    view.scatter("part", range(10))
    assert view["part"] == [range(3), range(3, 6), range(6, 8), range(8, 10)]
    assert view.gather("part") == list(range(10))


def test_scatter_in_turns(cluster: Client) -> None:
    view = blocking(cluster[:])
    view.scatter("part", list("abcdef"), dist="r")
    assert view["part"] == [["a", "e"], ["b", "f"], ["c"], ["d"]]
    assert view.gather("part", dist="r") == list("abcdef")


def test_parts_of_a_string_are_gathered_whole(cluster: Client) -> None:
    view = blocking(cluster[:])
    view.scatter("part", "abcdef", dist="r")
    assert view["part"] == view.gather("part", dist="r") == ["ae", "bf", "c", "d"]


def test_scatter_flat(cluster: Client) -> None:
    view = blocking(cluster[:])
    view.scatter("rank", range(4), flatten=True)
    assert view["rank"] == [0, 1, 2, 3]


def test_scattered_arrays_stay_arrays(cluster: Client) -> None:
    view = blocking(cluster[:])
    whole = np.arange(40_000.0).reshape(-1, 2)
    view.scatter("part", whole)
    assert view["part.shape"] == [(5000, 2)] * 4
    np.testing.assert_array_equal(view.gather("part"), whole)
    view.scatter("part", whole, dist="r")
    np.testing.assert_array_equal(view.gather("part", dist="r"), whole)


def test_a_file_is_run_in_the_namespace(cluster: Client, tmp_path: Path) -> None:
    script = tmp_path / "setup.py"
    script.write_text("answer = 6 * 7\ndef ask():\n    return answer")
    view = blocking(cluster[:])
    view.run(str(script))
    assert view.pull("ask()") == [42] * 4


def test_imports_are_announced_unless_quiet(
    cluster: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster[:].sync_imports():
        import json
        from math import cos, sin
    assert capsys.readouterr().out == (
        "importing json on engine(s)\nimporting cos,sin from math on engine(s)\n"
    )
    with cluster[:].sync_imports(quiet=True):
        import colorsys
    assert capsys.readouterr().out == ""
    assert cluster[0]["colorsys.__name__"] == colorsys.__name__
    assert (
        cluster[:].apply_sync(lambda: json.dumps([sin(0), cos(0)]))
        == ["[0.0, 1.0]"] * 4
    )


def test_a_view_of_all_sees_who_comes_and_one_of_some_does_not() -> None:
    with Cluster(n=2) as rc:
        all_of_them, some = rc.direct_view(), rc[:]
        rc.shutdown(targets=0)
        wait_until(lambda: rc.ids == [1], what="departure of engine 0")
        assert all_of_them.apply_sync(add, 1) == [2]
        with pytest.raises(
            IndexError, match=r"no engine 0 any more; engines are \[1\]. It was stopped"
        ):
            some.apply_sync(add, 1)
        rc.shutdown(targets=1)
        wait_until(lambda: not rc.ids, what="departure of engine 1")
        with pytest.raises(NoEnginesRegistered):
            rc[:]
        with pytest.raises(NoEnginesRegistered):
            all_of_them.apply(add, 1)
        rc.close()  # now there is more to say than that
        for ask in (lambda: rc[:], lambda: all_of_them.apply(add, 1)):
            with pytest.raises(ConnectionClosed):
                ask()


@pytest.mark.parametrize(
    "ask",
    [
        lambda view: view.apply(add, 1),
        lambda view: view.map(add, [1]),
        lambda view: view.execute("a = 1"),
        lambda view: view.scatter("a", [1]),
        lambda view: view.gather("a"),
        lambda view: view.parallel()(len)([1]),
    ],
)
def test_a_view_of_no_engines_says_so(
    cluster: Client, ask: Callable[[DirectView], object]
) -> None:
    nobody = cluster[4:]
    assert len(nobody) == 0
    with pytest.raises(NoEnginesRegistered, match=r"<DirectView \[\]> has no engines"):
        ask(nobody)


def test_what_an_engine_raises_comes_with_its_place(cluster: Client) -> None:
    with pytest.raises(RemoteError, match=r"\[2:execute\] KeyError") as told:
        blocking(cluster[2]).execute("{}['a']")
    assert told.value.engine_info["engine_id"] == 2
    assert told.value.engine_id == 2


def test_queue_status_counts_what_engines_have_to_do(
    cluster: Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    before = cluster.queue_status()
    assert sorted(map(str, before)) == ["0", "1", "2", "3", "unassigned"]
    ars = [cluster[1].apply_async(wait_for, str(gate)) for _ in range(3)]
    wait_until(lambda: cluster.queue_status(1)["queue"] == 3, what="three tasks")
    assert cluster.queue_status([1], verbose=True)[1]["queue"] == [
        ar.msg_ids[0] for ar in ars
    ]
    gate.touch()
    assert cluster.wait(ars, timeout=10)
    after = cluster.queue_status(1)
    assert after == {
        "queue": 0, "tasks": 0, "completed": before[1]["completed"] + 3,
    }  # fmt: skip
