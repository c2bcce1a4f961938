"""Maps over what has no length are maps, and the builtin one is the measure of all."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parallel import Client, CompositeError, LoadBalancedView, RemoteError
from parallel.client.results import FIRST_COMPLETED
from tests.integration.tasks import add, fsquare
from tests.waiting import wait_until


@pytest.fixture
def lview(cluster: Client) -> LoadBalancedView:
    return cluster.load_balanced_view()


@pytest.mark.parametrize("chunksize", [None, 1, 7, 10_000])
def test_a_generator(lview: LoadBalancedView, chunksize: int | None) -> None:
    ar = lview.map_async(fsquare, (x for x in range(3000)), chunksize=chunksize)
    assert list(ar) == ar.get() == [x**2 for x in range(3000)]
    assert (len(ar), ar.progress) == (3000, 3000)
    if chunksize is None:
        assert len(ar.msg_ids) < 1500


def test_files_are_read_line_by_line(lview: LoadBalancedView, tmp_path: Any) -> None:
    path = tmp_path / "lines"
    path.write_text("b\na\n")
    with path.open() as file:
        assert lview.map_sync(str.strip, file) == ["b", "a"]


def test_endless_input_until_there_is_enough(lview: LoadBalancedView) -> None:
    ar = lview.map_async(fsquare, itertools.count())
    assert list(itertools.islice(ar, 50)) == [x**2 for x in range(50)]
    assert ar.cancel()
    wait_until(
        lambda: all(each.name != "parallel-map" for each in threading.enumerate()),
        what="end of the thread",
    )


def test_aborted_on_the_way(lview: LoadBalancedView) -> None:
    ar = lview.map_async(fsquare, itertools.count())
    assert list(itertools.islice(ar, 2)) == [0, 1]
    ar.abort()
    assert ar.wait(20)
    with pytest.raises(Exception, match="square"):
        ar.get()
    found = ar.get(return_exceptions=True)
    assert found[:2] == [0, 1]


def test_results_feed_the_input(lview: LoadBalancedView) -> None:
    wanted = queue.SimpleQueue[int]()
    for i in range(3):
        wanted.put(i)
    ar = lview.map_async(add, iter(wanted.get, -1), ordered=False)
    found = set()
    for value in ar:  # a crawler: what is found tells what to look for
        if value not in found and value < 40:
            found.add(value)
            wanted.put(int(value))
            wanted.put(int(value) + 5)
        elif len(found) >= 30:
            wanted.put(-1)
    assert len(found) >= 30


def test_what_the_input_raises(lview: LoadBalancedView) -> None:
    def broken() -> Iterator[int]:
        yield from range(10)
        raise LookupError("too early")

    ar = lview.map_async(fsquare, broken())
    with pytest.raises(LookupError, match="too early"):
        ar.get(20)
    values = iter(ar)
    assert [next(values) for _ in range(10)] == [x**2 for x in range(10)]
    with pytest.raises(LookupError, match="too early"):
        next(values)


def test_in_a_loop(lview: LoadBalancedView) -> None:
    async def run() -> list[int]:
        return [x async for x in lview.map_async(fsquare, iter(range(500)))]

    assert asyncio.run(run()) == [x**2 for x in range(500)]


def test_the_first_chunk_of_a_map(lview: LoadBalancedView) -> None:
    ar = lview.map_async(fsquare, range(100), chunksize=10)
    done, pending = ar.wait(10, return_when=FIRST_COMPLETED)
    assert done
    assert len(done) + len(pending) == 10


def touchy(x: int, *more: int) -> int:
    """Return a sum, or fail."""
    if x == 0:
        raise ValueError("zero")
    return sum((x, *more))


COLUMNS = st.lists(st.lists(st.integers(0, 30), max_size=120), min_size=1, max_size=3)


def values_of(columns: list[list[int]]) -> list[Any]:
    """Return what a map gives: values, and None for each failure."""
    return [sum(row) if row[0] else None for row in zip(*columns, strict=False)]


@pytest.mark.slow
@settings(max_examples=60)
@given(
    columns=COLUMNS,
    lazy=st.sets(st.integers(0, 2)),
    chunksize=st.none() | st.integers(1, 150),
    ordered=st.booleans(),
    return_exceptions=st.booleans(),
    asked=st.sampled_from(["get", "iterate", "loop"]),
)
def test_any_map_is_as_the_builtin_one(
    cluster: Client,
    columns: list[list[int]],
    lazy: set[int],
    chunksize: int | None,
    ordered: bool,
    return_exceptions: bool,
    asked: str,
) -> None:
    given_ = [iter(c) if i in lazy else c for i, c in enumerate(columns)]
    ar = cluster.load_balanced_view().map_async(
        touchy,
        *given_,
        chunksize=chunksize,
        ordered=ordered,
        return_exceptions=return_exceptions,
    )
    total = min(map(len, columns))
    if not total:
        assert ar == []
        return
    assert ar.wait(20)
    assert len(ar) == ar.progress == total
    if chunksize is not None:
        assert len(ar.msg_ids) == -(-total // chunksize)
    in_order = values_of(columns)
    if None in in_order and not return_exceptions:
        with pytest.raises(CompositeError, match="ValueError: zero"):
            ar.get()
        return
    found = [None if isinstance(x, RemoteError) else x for x in taken(ar, asked)]
    if ordered or asked == "get":
        assert found == in_order
    else:
        assert sorted(found, key=repr) == sorted(in_order, key=repr)


def taken(ar: Any, asked: str) -> list[Any]:
    """Return a map's results, asked for in some way."""
    if asked == "get":
        return list(ar.get())
    if asked == "iterate":
        return list(ar)

    async def run() -> list[Any]:
        return [x async for x in ar]

    return asyncio.run(run())
