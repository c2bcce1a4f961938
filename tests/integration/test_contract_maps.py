"""Maps do what users of ipyparallel rely on, line by line."""

from __future__ import annotations

import inspect
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parallel as ipp
from tests.integration.tasks import add, divide, fsquare, wait_for


@pytest.fixture(scope="module")
def cluster() -> Iterator[ipp.Client]:
    """Start two engines that the tests of this module share."""
    with ipp.Cluster(n=2) as client:
        yield client


@pytest.fixture(params=["direct", "balanced", "broadcast"])
def view(request: pytest.FixtureRequest, cluster: ipp.Client) -> Any:
    """Return a view of all engines, of each kind."""
    if request.param == "direct":
        return cluster[:]
    if request.param == "balanced":
        return cluster.load_balanced_view()
    return cluster.broadcast_view()


def test_maps(view: Any) -> None:
    assert view.map(fsquare, [], block=False) == []
    assert view.map_async(fsquare, []) == []
    assert view.map_sync(fsquare, iter([])) == []
    assert view.map_sync(fsquare, (x for x in range(3))) == [0, 1, 4]
    assert view.map_sync(add, range(5), [1, 2]) == [1, 3]
    with pytest.raises(AssertionError):
        view.map(fsquare)
    for named in (view.map_sync, view.map_async):
        with pytest.raises(TypeError):
            named(fsquare, [1], block=True)
    ar = view.map_async(fsquare, range(7))
    assert isinstance(ar, ipp.AsyncMapResult)
    assert (ar.ordered, len(ar)) == (True, 7)
    assert list(ar) == ar.get(10) == [x**2 for x in range(7)]
    assert ar.progress == 7
    assert ar[2:4] == [4, 9]
    assert repr(ar) == "<AsyncMapResult(fsquare): finished>"
    assert list(view.imap(fsquare, range(5))) == [0, 1, 4, 9, 16]


def test_an_element_that_cannot_travel_is_named_by_its_place(view: Any) -> None:
    elements = [0, 1, 2, threading.Lock()]
    with pytest.raises(ipp.CannotPack, match=r"cannot send element 3 for fsquare"):
        view.map_sync(fsquare, elements)


def test_errors_take_the_places_of_results(view: Any) -> None:
    failed = view.map_async(divide, [1, 1, 1, 1], [1, 0, 1, 2], return_exceptions=True)
    got = failed.get(10)
    assert isinstance(got[1], ipp.RemoteError)
    assert [got[0], *got[2:]] == [1, 1, 0.5]
    assert [type(x).__name__ for x in failed] == [
        "float", "ZeroDivisionError", "float", "float",
    ]  # fmt: skip
    raised = view.map_async(divide, [1, 1, 1, 1], [1, 0, 1, 2])
    with pytest.raises(ipp.CompositeError, match="ZeroDivisionError"):
        raised.get(10)


@pytest.mark.parametrize("kind", ["direct", "broadcast"])
def test_one_task_for_each_engine(cluster: ipp.Client, kind: str) -> None:
    view = cluster[:] if kind == "direct" else cluster.broadcast_view()
    ar = view.map_async(lambda x: (os.getpid(), x), range(7))
    here, there = cluster[:].apply_sync(os.getpid)
    assert ar.get(10) == [(here, x) for x in range(4)] + [
        (there, 4),
        (there, 5),
        (there, 6),
    ]
    assert (len(ar.msg_ids), ar.engine_id) == (2, [0, 1])
    assert [part.get(10) for part in ar.split()] == [[ar[:4]], [ar[4:]]]
    assert len(view.map_async(fsquare, [1]).msg_ids) == 1


@pytest.mark.parametrize("kind", ["direct", "broadcast"])
def test_their_size_is_not_for_users_to_choose(cluster: ipp.Client, kind: str) -> None:
    view = cluster[:] if kind == "direct" else cluster.broadcast_view()
    with pytest.warns(UserWarning, match="chunksize"):
        ar = view.map_async(fsquare, range(7), chunksize=2)
    assert [len(part.get(10)[0]) for part in ar.split()] == [4, 3]


def test_balanced_tasks_are_as_large_as_asked_for(cluster: ipp.Client) -> None:
    balanced = cluster.load_balanced_view()
    for chunksize, count in ((1, 7), (3, 3), (7, 1), (100, 1)):
        ar = balanced.map_async(fsquare, range(7), chunksize=chunksize)
        assert ar.get(10) == [x**2 for x in range(7)]
        assert len(ar.msg_ids) == count


def test_references_in_maps(view: Any, cluster: ipp.Client) -> None:
    cluster[:].push({"f": fsquare, "five": 5}, block=True)
    five = ipp.Reference("five")
    assert view.map_sync(ipp.Reference("f"), [1, 2, 3]) == [1, 4, 9]
    assert view.map_sync(fsquare, [five, 2, five]) == [25, 4, 25]


def test_arrays_are_mapped_to_lists(view: Any) -> None:
    doubled = view.map_sync(lambda x: x * 2, np.arange(4))
    assert isinstance(doubled, list)
    assert (
        doubled == view.map_async(lambda x: x * 2, np.arange(4)).get(10) == [0, 2, 4, 6]
    )
    assert {type(x) for x in doubled} == {type(np.arange(1)[0])}
    rows = np.arange(12.0).reshape(6, 2)
    doubled = view.map_sync(lambda row: row * 2, rows)
    assert isinstance(doubled, list)
    np.testing.assert_array_equal(doubled, rows * 2)


def test_as_they_come(cluster: ipp.Client, gate: Path) -> None:
    view = cluster.load_balanced_view()
    ar = view.map_async(
        lambda path: path and bool(wait_for(path)), [str(gate), "", "", ""],
        chunksize=1, ordered=False,
    )  # fmt: skip
    assert ar.ordered is False
    came = iter(ar)
    assert list(itertools.islice(came, 3)) == ["", "", ""]
    gate.touch()
    assert list(came) == [True]
    assert ar.get() == [True, "", "", ""]


def test_lazy_maps(cluster: ipp.Client) -> None:
    view = cluster.load_balanced_view()
    parameters = inspect.signature(view.imap).parameters
    assert {
        name: parameters[name].default
        for name in ("ordered", "max_outstanding", "return_exceptions")
    } == {"ordered": True, "max_outstanding": "auto", "return_exceptions": False}
    endless = view.imap(fsquare, itertools.count())
    assert list(itertools.islice(endless, 4)) == [0, 1, 4, 9]
    endless.cancel()
    assert sorted(view.imap(fsquare, range(5), ordered=False)) == [0, 1, 4, 9, 16]
    assert list(view.imap(fsquare, range(5), max_outstanding=0)) == [0, 1, 4, 9, 16]

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    results = view.imap(fsquare, broken())
    assert next(results) == 1
    with pytest.raises(OSError, match="no more"):
        next(results)
    errors = list(view.imap(divide, [1, 1], [0, 1], return_exceptions=True))
    assert isinstance(errors[0], ipp.RemoteError)
    assert errors[1] == 1
