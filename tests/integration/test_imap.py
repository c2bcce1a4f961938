"""`imap` on a real cluster: endless input, failing input, early ends, loops."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, LoadBalancedView
from tests.integration.tasks import add, divide, fsquare, wait_for
from tests.waiting import wait_until


@pytest.fixture
def lview(cluster: Client) -> LoadBalancedView:
    return cluster.load_balanced_view()


def feeders() -> list[threading.Thread]:
    """Return the threads that take arguments."""
    return [each for each in threading.enumerate() if each.name == "parallel-imap"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not feeders(), what="end of the threads")


def test_endless_input(lview: LoadBalancedView) -> None:
    results = lview.imap(fsquare, itertools.count())
    assert list(itertools.islice(results, 100)) == [x**2 for x in range(100)]
    results.cancel()


@pytest.mark.parametrize("most", ["auto", 0, 1, 50])
@pytest.mark.parametrize("ordered", [True, False])
def test_all_of_it_once(lview: LoadBalancedView, most: Any, ordered: bool) -> None:
    numbers, tens = range(200), (10 * i for i in itertools.count())
    found = list(lview.imap(add, numbers, tens, max_outstanding=most, ordered=ordered))
    expected = [11 * i for i in numbers]
    assert found == expected if ordered else sorted(found) == expected


def test_nothing_is_taken_beyond_what_is_under_way(
    lview: LoadBalancedView, gate: Path
) -> None:
    taken: list[int] = []

    def paths() -> Iterator[str]:
        for i in itertools.count():
            taken.append(i)
            yield str(gate)

    results = lview.imap(wait_for, paths(), max_outstanding=3)
    wait_until(lambda: len(taken) == 3, what="three calls before anybody asks")
    assert cluster_is_idle_but_for(lview, 3)
    gate.touch()
    first = list(itertools.islice(results, 3))
    assert os.getpid() not in first
    results.cancel()
    assert os.getpid() not in list(results)  # what was under way still comes


def cluster_is_idle_but_for(lview: LoadBalancedView, count: int) -> bool:
    """Tell whether so many calls are outstanding."""
    return len(lview.outstanding) == count


def test_as_they_come(lview: LoadBalancedView, gate: Path) -> None:
    results = lview.imap(
        wait_for, [str(gate), "/", "/"], ordered=False, max_outstanding=0
    )
    assert len([next(results), next(results)]) == 2
    assert not lview.outstanding <= set()
    gate.touch()
    assert len(list(results)) == 1


def test_what_the_input_raises(lview: LoadBalancedView) -> None:
    def broken() -> Iterator[int]:
        yield from range(5)
        raise LookupError("the file ended too early")

    results = lview.imap(fsquare, broken())
    assert list(itertools.islice(results, 5)) == [0, 1, 4, 9, 16]
    with pytest.raises(LookupError, match="too early"):
        next(results)
    assert list(results) == []


def test_failures(lview: LoadBalancedView) -> None:
    results = lview.imap(divide, [1, 1, 1], [1, 0, 2])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert next(results) == 0.5
    kept = list(lview.imap(divide, [1, 1], [0, 1], return_exceptions=True))
    assert isinstance(kept[0], ZeroDivisionError)
    assert kept[1] == 1


def test_a_dropped_one_ends(lview: LoadBalancedView) -> None:
    results = lview.imap(fsquare, itertools.count())
    assert next(results) == 0
    assert feeders()
    del results
    gc.collect()
    wait_until(lambda: not feeders(), what="end of the thread")


def test_to_interrupt_it_frees_the_engines(
    cluster: Client, lview: LoadBalancedView, gate: Path
) -> None:
    results = lview.imap(wait_for, itertools.repeat(str(gate)))
    wait_until(lambda: len(lview.outstanding) == 4, what="busy engines")
    results.cancel(interrupt=True)
    assert list(results) == []
    assert cluster[:].apply_async(add, 1).get(20) == [2] * 4


def test_what_is_found_decides_what_is_asked(lview: LoadBalancedView) -> None:
    wanted = queue.SimpleQueue[int]()
    wanted.put(1)
    found = []
    for value in lview.imap(add, iter(wanted.get, -1)):
        found.append(value)
        wanted.put(int(value) if value < 10 else -1)
    assert found == list(range(2, 11))


def test_in_a_loop_that_runs_on(lview: LoadBalancedView) -> None:
    async def run() -> list[Any]:
        async def one(k: int) -> list[Any]:
            return [x async for x in lview.imap(add, range(20), itertools.repeat(k))]

        return await asyncio.gather(*[one(k) for k in range(10)])

    assert asyncio.run(run()) == [list(range(k, k + 20)) for k in range(10)]


def test_of_a_direct_view(cluster: Client) -> None:
    assert list(cluster[:].imap(fsquare, range(10))) == [x**2 for x in range(10)]


def test_several_threads_take_from_one(lview: LoadBalancedView) -> None:
    results, found = lview.imap(fsquare, range(300), max_outstanding=20), []

    def take() -> None:
        found.extend(results)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [x**2 for x in range(300)]


def test_flags_are_those_at_the_call(cluster: Client, lview: LoadBalancedView) -> None:
    with lview.temp_flags(targets=[2]):
        results = lview.imap(lambda _: os.getpid(), range(10))
    assert set(results) == {cluster[2].apply_sync(os.getpid)}
