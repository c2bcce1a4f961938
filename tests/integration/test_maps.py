"""Maps give what the built-in `map` gives, wherever and in what pieces they ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parallel import AsyncMapResult, Client, CompositeError, DirectView, RemoteError
from parallel.client.views.balanced import LoadBalancedView
from tests.integration.tasks import (
    add,
    begin_and_wait_for,
    divide,
    fsquare,
    notes,
    simulator,
    wait_for,
)
from tests.waiting import wait_until


@pytest.fixture(params=["direct", "balanced"])
def view(request: pytest.FixtureRequest, cluster: Client) -> Any:
    """Return a view of all engines, of each kind."""
    return cluster[:] if request.param == "direct" else cluster.load_balanced_view()


@pytest.fixture
def lview(cluster: Client) -> LoadBalancedView:
    """Return the view of any engine."""
    return cluster.load_balanced_view()


View = DirectView | LoadBalancedView


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 100])
def test_in_the_order_of_the_elements(view: View, n: int) -> None:
    assert view.map_sync(fsquare, range(n)) == [x**2 for x in range(n)]


def test_several_sequences_end_with_the_shortest(view: View) -> None:
    assert view.map_sync(add, range(100), [10, 20, 30]) == [10, 21, 32]


def test_generators_and_other_iterables(view: View) -> None:
    def generator() -> Iterator[int]:
        yield from range(10)

    assert view.map_sync(add, generator(), iter(range(50))) == [*range(0, 20, 2)]
    assert view.map_sync(ord, "abc") == [97, 98, 99]
    assert view.map_sync(str.upper, {"a": 1, "b": 2}) == ["A", "B"]
    assert sorted(view.map_sync(fsquare, {1, 2, 3})) == [1, 4, 9]


def test_of_nothing_is_an_empty_list(view: View) -> None:
    assert view.map_sync(fsquare, []) == []
    assert view.map_async(fsquare, []) == []
    assert view.map_sync(add, [1], []) == []
    with pytest.raises(AssertionError, match="at least one sequence"):
        view.map_sync(fsquare)


def test_by_whether_the_view_blocks(view: View) -> None:
    ar = view.map(fsquare, range(3))
    assert isinstance(ar, AsyncMapResult)
    assert ar.get() == view.map(fsquare, range(3), block=True) == [0, 1, 4]
    with view.temp_flags(block=True):
        assert view.map(fsquare, range(3)) == [0, 1, 4]
    for call in (view.map_sync, view.map_async):
        with pytest.raises(TypeError, match="takes no block="):
            call(fsquare, range(3), block=True)


def test_lengths_and_progress_count_elements(view: View) -> None:
    ar = view.map_async(simulator, range(50))
    assert len(ar) == 50
    assert list(ar) == [2 * x for x in range(50)]
    assert ar.progress == 50
    assert ar[10:12] == [20, 22]
    assert repr(ar) == "<AsyncMapResult(simulator): finished>"


def test_one_part_for_each_engine(cluster: Client) -> None:
    with pytest.warns(UserWarning, match="chunksize is ignored"):
        ar = cluster[:].map_async(fsquare, range(10), chunksize=2)
    assert ar.get() == [x**2 for x in range(10)]
    assert ar.engine_id == [0, 1, 2, 3]
    assert len(cluster[:].map_async(fsquare, range(2)).msg_ids) == 2


@pytest.mark.parametrize("chunksize", [1, 3, 100, 1000])
def test_chunks_of_a_given_size(lview: LoadBalancedView, chunksize: int) -> None:
    ar = lview.map_async(fsquare, range(100), chunksize=chunksize)
    assert ar.get() == [x**2 for x in range(100)]
    assert len(ar.msg_ids) == -(-100 // chunksize)


def test_chunks_grow_while_calls_are_short(lview: LoadBalancedView) -> None:
    ar = lview.map_async(fsquare, range(20_000))
    assert ar.get() == [x**2 for x in range(20_000)]
    assert len(ar.msg_ids) < 2000


@pytest.mark.parametrize("chunksize", [0, -1])
def test_an_impossible_chunksize(lview: LoadBalancedView, chunksize: int) -> None:
    with pytest.raises(ValueError, match=f"chunksize is at least 1, not {chunksize}"):
        lview.map_sync(fsquare, range(3), chunksize=chunksize)


def test_taken_as_they_come(lview: LoadBalancedView, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    paths = [str(gate), "/", "/", "/"]
    ar = lview.map_async(wait_for, paths, chunksize=1, ordered=False)
    values = iter(ar)
    first = [next(values) for _ in range(3)]
    assert not ar.ready()
    gate.touch()
    # The whole is in the order of the elements all the same.
    assert ar.get()[:1] == list(values)
    assert sorted(ar.get()[1:]) == sorted(first)


def test_taken_in_order_as_they_come(lview: LoadBalancedView, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    ar = lview.map_async(wait_for, ["/", "/", str(gate), "/"], chunksize=1)
    values = iter(ar)
    first = [next(values), next(values)]
    wait_until(lambda: ar.progress == 3, what="result behind the slow one")
    gate.touch()
    assert ar.get() == [*first, *values]


def test_a_failure_is_raised(view: View) -> None:
    ar = view.map_async(divide, [1, 2, 3, 4], [1, 0, 1, 1])
    with pytest.raises(CompositeError, match="ZeroDivisionError: division by zero"):
        ar.get()
    assert not ar.successful()
    values = iter(ar)
    assert next(values) == 1
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_failures_in_the_place_of_results(lview: LoadBalancedView) -> None:
    options: dict[str, Any] = {"chunksize": 1, "return_exceptions": True}
    one, error, three = lview.map_sync(divide, [1, 2, 3], [1, 0, 1], **options)
    assert (one, three) == (1, 3)
    assert isinstance(error, RemoteError)
    assert isinstance(error, ZeroDivisionError)
    ar = lview.map_async(divide, [1, 2, 3], [1, 0, 1], **options)
    assert [type(value).__name__ for value in ar] == [
        "float", "ZeroDivisionError", "float",
    ]  # fmt: skip


def test_arrays_in_and_out(view: View) -> None:
    whole = np.arange(20_000.0).reshape(-1, 2)
    rows = view.map_sync(np.sum, whole)
    np.testing.assert_array_equal(np.array(rows), whole.sum(axis=1))
    halves = view.map_sync(np.copy, [whole[:5000], whole[5000:]])
    np.testing.assert_array_equal(np.concatenate(halves), whole)


def test_many_maps_at_the_same_time(cluster: Client, view: View) -> None:
    ars = [view.map_async(add, range(50), [i] * 50) for i in range(40)]
    for i, ar in enumerate(ars):
        assert ar.get() == [x + i for x in range(50)]


def test_each_call_is_made_once(lview: LoadBalancedView, tmp_path: Path) -> None:
    files = [str(tmp_path / str(i)) for i in range(500)]
    lview.map_sync(begin_and_wait_for, files, ["/"] * 500)
    assert [len(notes(file)) for file in files] == [1] * 500
