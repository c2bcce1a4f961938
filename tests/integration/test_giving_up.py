"""What is given up ends all who wait for it, in whatever way they do."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError
from pathlib import Path
from typing import Any

import pytest

import parallel as ipp
from tests.integration.tasks import add, begin_and_wait_for, fsquare, wait_for
from tests.waiting import wait_until

#: How long each of them waits at most, seconds; the test does not wait so long.
LONG = 50
#: What they may get.
GIVEN_UP = ipp.TaskAborted, CancelledError, asyncio.CancelledError, ipp.CompositeError


@pytest.fixture(scope="module")
def cluster() -> Iterator[ipp.Client]:
    """Start two engines that the tests of this module share."""
    with ipp.Cluster(n=2) as client:
        yield client


def endless() -> Iterator[int]:
    """Yield a number, and no more until somebody has enough of it."""
    yield from itertools.count()


#: What is given up, as each kind of call makes it: none of it can start.
CALLS: dict[str, Callable[[ipp.Client], Any]] = {
    "a call": lambda rc: rc.load_balanced_view().apply_async(add, 1),
    "a direct call": lambda rc: rc[:].apply_async(add, 1),
    "code": lambda rc: rc[:].execute("1"),
    "a map": lambda rc: rc.load_balanced_view().map_async(fsquare, range(4)),
    "a direct map": lambda rc: rc[:].map_async(fsquare, range(4)),
    "a map in no order": lambda rc: rc.load_balanced_view().map_async(
        fsquare, range(4), ordered=False
    ),
    "a map without end": lambda rc: rc.load_balanced_view().map_async(
        fsquare, endless()
    ),
    "what was joined": lambda rc: ipp.AsyncResult.join(
        *rc[:].apply_async(add, 1).split()
    ),
    "a part": lambda rc: rc[:].apply_async(add, 1).split()[1],
    "a result of the record": lambda rc: recorded(rc[:].apply_async(add, 1)),
}


def recorded(ar: ipp.AsyncResult) -> ipp.AsyncHubResult:
    """Return a result as the controller is asked for it by its ids."""
    return ipp.AsyncHubResult(ar._connection, ar.msg_ids, single=False)


def ways_to_wait(rc: ipp.Client, ar: Any) -> dict[str, Callable[[], object]]:
    """Return all the ways in which a thread can wait for a result."""
    ways: dict[str, Callable[[], object]] = {
        "wait": lambda: ar.wait(LONG),
        "first completed": lambda: ar.wait(LONG, return_when=FIRST_COMPLETED),
        "first exception": lambda: ar.wait(LONG, return_when=FIRST_EXCEPTION),
        "wait_for_output": lambda: ar.wait_for_output(LONG),
        "wait_interactive": lambda: ar.wait_interactive(1, LONG),
        "get": lambda: ar.get(LONG),
        "exception": lambda: ar.exception(LONG),
        "client.wait": lambda: rc.wait([ar], LONG),
        "futures.wait": lambda: concurrent.futures.wait([ar], LONG),
        "futures.as_completed": lambda: [
            *concurrent.futures.as_completed([ar], LONG)
        ],
        "as_completed": lambda: [*ipp.as_completed([ar], LONG)],
        "await": lambda: asyncio.run(in_time(awaited(ar))),
        "async as_completed": lambda: asyncio.run(
            in_time(all_of(ipp.as_completed([ar])))
        ),
    }  # fmt: skip
    if not isinstance(ar.metadata, dict):
        ways["iteration"] = lambda: [*ar]
        ways["async for"] = lambda: asyncio.run(in_time(all_of(ar)))
    return ways


async def awaited(ar: Any) -> Any:
    """Return what a result gives to who awaits it; it is not cancelled with that."""
    return await asyncio.shield(asyncio.wrap_future(ar))


async def all_of(several: Any) -> list[Any]:
    """Return what an asynchronous iteration gives."""
    return [each async for each in several]


async def in_time(coroutine: Any) -> Any:
    """Return what a coroutine does; too late is an error of its own."""
    return await asyncio.wait_for(coroutine, LONG)


@pytest.mark.parametrize("end", ["cancel", "abort"])
@pytest.mark.parametrize("kind", CALLS)
def test_whoever_waits_hears_of_the_end(
    cluster: ipp.Client, gate: Path, kind: str, end: str
) -> None:
    held = cluster[:].apply_async(wait_for, str(gate))
    ar = CALLS[kind](cluster)
    ended: dict[str, object] = {}
    begun = threading.Semaphore(0)

    def follow(name: str, wait: Callable[[], object]) -> None:
        begun.release()
        try:
            ended[name] = wait()
        except GIVEN_UP as error:
            ended[name] = error

    ways = ways_to_wait(cluster, ar)
    threads = [
        threading.Thread(target=follow, args=way, daemon=True) for way in ways.items()
    ]
    for thread in threads:
        thread.start()
    assert all(begun.acquire(timeout=20) for _ in threads)
    getattr(ar, end)()
    try:
        wait_until(lambda: set(ended) == set(ways), 20, "end of all who wait")
    except AssertionError:
        raise AssertionError(f"{set(ways) - set(ended)} wait on") from None
    finally:
        gate.touch()
    for thread in threads:
        thread.join(10)
    assert ended["wait"] is True
    assert ended["client.wait"] is True
    assert ended["as_completed"] == ended["async as_completed"] == [ar]
    for name in {"get", "await", "iteration", "async for"} & set(ended):
        assert isinstance(ended[name], GIVEN_UP), name
    assert held.wait(20)


def test_to_abort_does_not_wait_for_what_runs(
    cluster: ipp.Client, gate: Path, begun: Path
) -> None:
    running = cluster[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(begun.exists, 20, "start of the task")
    waits = cluster[0].apply_async(add, 1)
    both = ipp.AsyncResult.join(running, waits)
    both.abort()
    assert waits.wait(20)
    assert not running.ready()
    assert not both.cancelled()
    gate.touch()
    pid, error = both.get(20, return_exceptions=True)
    assert isinstance(pid, int)
    assert isinstance(error, ipp.TaskAborted)
    with pytest.raises(RuntimeError, match="nothing is left to abort"):
        both.abort()


def test_to_cancel_does_not_wait_for_what_runs(
    cluster: ipp.Client, gate: Path, begun: Path
) -> None:
    def stubborn(begun: str, path: str) -> None:
        while True:
            try:
                begin_and_wait_for(begun, path)
                return
            except KeyboardInterrupt:
                continue

    ar = cluster[1].apply_async(stubborn, str(begun), str(gate))
    wait_until(begun.exists, 20, "start of the task")
    assert ar.cancel() is True
    assert (ar.cancelled(), ar.done(), ar.running()) == (True, True, False)
    assert ar.status is None  # what came of it comes later
    gate.touch()
    wait_until(lambda: ar.status is not None, 20, "end of the task")
    assert ar.cancel() is True


def test_an_aborted_map_gives_what_came_before(cluster: ipp.Client, gate: Path) -> None:
    ar = cluster.load_balanced_view().map_async(
        lambda path: path and wait_for(path), ["", *[str(gate)] * 99], chunksize=1
    )
    values = iter(ar)
    assert next(values) == ""
    ar.abort()
    gate.touch()
    assert ar.wait(20)
    with pytest.raises((ipp.TaskAborted, ipp.CompositeError)):
        list(values)
    found = ar.get(return_exceptions=True)
    assert found[0] == ""
    assert len(found) <= 100
