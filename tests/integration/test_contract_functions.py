"""Remote and parallel functions do what users of ipyparallel rely on, line by line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parallel as ipp
from parallel import AsyncMapResult, AsyncResult, Client, RemoteError
from parallel.client.remotefunction import ParallelFunction
from tests.integration.tasks import add, fsquare, wait_for


@pytest.fixture(params=["direct", "balanced"])
def view(request: pytest.FixtureRequest, cluster: Client) -> Any:
    """Return a view of all engines, of each kind."""
    return cluster[:] if request.param == "direct" else cluster.load_balanced_view()


# Remote functions


def test_a_remote_function_runs_elsewhere(cluster: Client) -> None:
    @ipp.remote(cluster[:], block=True)
    def pid(plus: int, more: int = 0) -> int:
        """Tell where."""
        return os.getpid() + plus + more

    assert pid.__name__ == "pid"
    assert pid.__doc__ == "RemoteFunction wrapping:\nTell where."
    assert list(pid.__signature__.parameters) == ["plus", "more"]
    here = pid.func(0)
    assert here == os.getpid()
    assert here not in pid(0)
    assert [there - 7 for there in pid(0, more=7)] == pid(0)
    pid.block = False
    assert isinstance(pid(0, more=1), AsyncResult)


@pytest.mark.parametrize("made", [None, False, True])
@pytest.mark.parametrize("views", [False, True])
def test_a_call_waits_as_it_was_made_or_as_the_view_does(
    view: Any, made: bool | None, views: bool
) -> None:
    view.block = views
    waits = views if made is None else made
    for remote in (ipp.remote(view, block=made), view.remote(made)):
        found = remote(add)(1)
        assert isinstance(found, AsyncResult) is not waits
    for parallel in (ipp.parallel(view, block=made), view.parallel(block=made)):
        function = parallel(list)
        assert isinstance(function(range(8)), list) is waits
        function.func = fsquare
        assert isinstance(function.map(range(8)), list) is waits
    assert view.block is views


def test_a_remote_function_can_be_changed(cluster: Client) -> None:
    made = ipp.remote(cluster[:])(add)
    assert isinstance(made(1), AsyncResult)
    made.block = True
    assert made(1) == [2] * 4
    made.view = cluster[0]
    assert made(1) == 2
    made.func = fsquare
    assert made(3) == 9


def test_flags_are_for_the_calls_of_the_function(view: Any) -> None:
    one = view.remote(block=False, label="mine")(add)(1)
    parts = view.parallel(block=False, label="mine")(list)(range(8))
    each = view.parallel(block=False, label="mine")(fsquare).map(range(8))
    for ar in (one, parts, each):
        ar.get()
        assert set(np.atleast_1d(ar.label)) == {"mine"}
    assert view.label is None


# Parallel functions


def test_a_parallel_function_tells_what_it_wraps(cluster: Client) -> None:
    @cluster[:].parallel(block=True)
    def products(a: list[int], b: list[int]) -> list[int]:
        """Multiply."""
        return [x * y for x, y in zip(a, b, strict=True)]

    assert products.__name__ == "products"
    assert products.__doc__ == "ParallelFunction wrapping:\nMultiply."
    assert list(products.__signature__.parameters) == ["a", "b"]
    assert products(range(6), range(6)) == [0, 1, 4, 9, 16, 25]


def parts(*columns: Any) -> list[list[Any]]:
    """Return what this was called with, as one element."""
    return [[list(column) for column in columns]]


def test_it_is_called_once_for_each_engine(view: Any) -> None:
    function = ipp.parallel(view, block=True)(parts)
    assert function(range(6)) == [[[0, 1]], [[2, 3]], [[4]], [[5]]]
    assert function(range(2), "ab") == [[[0], ["a"]], [[1], ["b"]]]
    assert function([]) == []
    ar = ipp.parallel(view, block=False)(parts)(range(6))
    assert isinstance(ar, AsyncMapResult)
    assert len(ar.msg_ids) == 4


def test_the_engines_of_a_direct_view_each_have_a_part(cluster: Client) -> None:
    ar = ipp.parallel(cluster[[2, 0]])(parts)(range(3))
    assert (ar.get(), ar.engine_id) == ([[[0, 1]], [[2]]], [2, 0])


def test_parts_by_turns(view: Any) -> None:
    turns = ipp.parallel(view, dist="r", block=True)
    assert turns(parts)(range(6)) == [[[0, 4]], [[1, 5]], [[2]], [[3]]]
    assert turns(sum)(range(8)) == [4, 6, 8, 10]
    assert turns(list)(range(6)) == [0, 1, 2, 3, 4, 5]
    assert view.parallel("r", True)(sum)(range(8)) == [4, 6, 8, 10]


def test_generators_are_split_too(view: Any) -> None:
    function = ipp.parallel(view, block=True)(parts)
    assert function((x for x in range(4)), iter("abcd")) == [
        [[0], ["a"]], [[1], ["b"]], [[2], ["c"]], [[3], ["d"]],
    ]  # fmt: skip


def test_sequences_have_one_length(view: Any) -> None:
    function = ipp.parallel(view, block=True)(parts)
    with pytest.raises(ValueError, match=r"one length, not \[6, 5\]"):
        function(range(6), range(5))
    with pytest.raises(TypeError, match="sequences only"):
        function(range(6), b=range(6))
    with pytest.raises(TypeError, match="at least one sequence"):
        function()


def test_map_calls_it_with_each_element(view: Any) -> None:
    each = ipp.parallel(view, block=True)(add)
    assert each.map(range(9)) == [x + 1 for x in range(9)]
    assert each.map(range(9), [10, 20]) == [10, 21]
    assert each.map([]) == []


def test_arrays_come_back_whole(view: Any) -> None:
    rows = np.arange(12.0).reshape(6, 2)
    for dist in "br":
        doubled = ipp.parallel(view, dist, block=True)(lambda part: part * 2)(rows)
        assert isinstance(doubled, np.ndarray)
        np.testing.assert_array_equal(doubled, rows * 2)
    assert ipp.parallel(view, block=True)(len)(rows) == [2, 2, 1, 1]


# What they are made with


def test_the_size_of_balanced_parts(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    sized = ipp.parallel(lview, block=True, chunksize=3)
    assert sized(len)(range(7)) == [3, 2, 2]
    assert sized(len)(x for x in range(7)) == [3, 2, 2]
    assert sized(fsquare).map(range(7)) == [x**2 for x in range(7)]
    one = ipp.parallel(lview, block=False, chunksize=3)(fsquare).map(range(7))
    assert len(one.msg_ids) == 3
    refused = ipp.parallel(lview, chunksize=-3)
    for call in (refused(len), refused(fsquare).map):
        with pytest.raises(ValueError, match="chunksize is at least 1, not -3"):
            call(range(7))


def test_direct_parts_have_no_size_to_choose(cluster: Client) -> None:
    sized = ipp.parallel(cluster[:], block=True, chunksize=3)
    with pytest.warns(UserWarning, match="chunksize is ignored"):
        assert sized(len)(range(7)) == [2, 2, 2, 1]
    with pytest.warns(UserWarning, match="chunksize is ignored"):
        assert sized(fsquare).map(range(7)) == [x**2 for x in range(7)]


def inverses(part: Any) -> list[float]:
    return [1 / x for x in part]


def test_failures_are_raised_or_take_the_places_of_results(view: Any) -> None:
    values = [1, 1, 0, 4, 2, 2, 8, 8]
    failed = ipp.parallel(view, block=False)(inverses)(values)
    with pytest.raises(ipp.CompositeError, match="ZeroDivisionError"):
        failed.get()
    assert failed.get(return_exceptions=True)[:2] == [1.0, 1.0]
    kept = ipp.parallel(view, block=True, return_exceptions=True)
    one, two, error, *rest = kept(inverses)(values)  # one for all of its part
    assert [one, two, *rest] == [1.0, 1.0, 0.5, 0.5, 0.125, 0.125]
    assert isinstance(error, RemoteError)
    assert isinstance(error, ZeroDivisionError)
    found = kept(lambda x: 1 / x).map(values)
    assert isinstance(found.pop(2), ZeroDivisionError)
    assert found == inverses([1, 1, 4, 2, 2, 8, 8])


def each_waited_for(part: Any) -> list[str]:
    return [path for path in part if wait_for(path)]


@pytest.mark.parametrize("with_parts", [True, False])
def test_results_as_they_come(view: Any, gate: Path, with_parts: bool) -> None:
    paths = [str(gate), "/", "/", "/"]
    later = ipp.parallel(view, ordered=False, block=False)
    if with_parts:
        ar = later(each_waited_for)(paths)
    else:
        ar = later(lambda path: path if wait_for(path) else None).map(paths)
    assert ar.ordered is False
    came = iter(ar)
    assert [next(came) for _ in range(3)] == paths[1:]
    assert not ar.ready()
    gate.touch()
    assert list(came) == paths[:1]
    assert ar.get() == paths  # the whole is in order


def test_results_in_order_unless_told_otherwise(view: Any) -> None:
    made = ipp.parallel(view, block=False)
    assert made(list)(range(8)).ordered is True
    assert made(fsquare).map(range(8)).ordered is True
    assert ParallelFunction(view, list, block=False)(range(8)).ordered is True
