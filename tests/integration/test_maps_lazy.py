"""Maps over what has no length are maps, too."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED
from typing import Any

import pytest

from parallel import Client, LoadBalancedView
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
