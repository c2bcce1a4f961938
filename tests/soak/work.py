"""The kinds of work of a soak: a round of each in turn, and each answer is judged."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import pytest

from parallel import Client, CompositeError, TaskTimeout
from tests.integration.tasks import add, divide
from tests.soak.calls import print_lines, sum_of_tasks

__all__ = ["ROUNDS", "Worker"]

#: Does a round of some work, the so-manieth; returns how many tasks that was.
Round: TypeAlias = Callable[[Client, int], int]
#: The bytes of a large argument, or result.
LARGE = 1_000_000
#: A round that takes longer than this hangs, seconds.
PATIENCE = 300.0


class Worker(threading.Thread):
    """Does rounds of work until it is stopped, or an answer is wrong.

    Parameters
    ----------
    first
        With which kind it begins.
    """

    def __init__(self, client: Client, first: int) -> None:
        super().__init__(name=f"worker-{first}", daemon=True)
        self._client = client
        self._first = first
        self._over = threading.Event()
        #: Tasks by kind of work, and how many rounds there were.
        self.done: Counter[str] = Counter()
        self.rounds = 0
        self.complaints: list[str] = []

    def stop(self) -> None:
        """Have it begin no further round, and wait for the one under way."""
        self._over.set()
        self.join(PATIENCE)
        if self.is_alive():
            self.complaints.append(f"{self.name} hangs: {self._client.explain()}")

    def run(self) -> None:
        """Work."""
        for number in itertools.count(self._first):
            if self._over.is_set():
                return
            kind = ROUNDS[number % len(ROUNDS)]
            try:
                self.done[kind.__name__] += kind(self._client, number)
            except Exception as error:
                words = f"{kind.__name__}, round {number}: {error!r:.1500}"
                self.complaints.append(words)
                return
            self.rounds += 1


def submits(client: Client, number: int) -> int:
    """Submit tasks one by one, and get them all."""
    view = client.load_balanced_view()
    ars = [view.apply_async(add, i) for i in range(2000)]
    assert [ar.get() for ar in ars] == list(range(1, 2001))
    return len(ars)


def drops(client: Client, number: int) -> int:
    """Submit tasks whose results nobody looks at."""
    view = client.load_balanced_view()
    jobs = [view.apply_async(add, i).msg_ids[0] for i in range(500)]
    assert client.wait(jobs, PATIENCE)
    return len(jobs)


def waits(client: Client, number: int) -> int:
    """Wait for each task before the next."""
    view = client.load_balanced_view()
    for i in range(100):
        assert view.apply_sync(add, i) == i + 1
    return 100


def maps(client: Client, number: int) -> int:
    """Map in chunks of one, of any size, and over what has no end yet."""
    view = client.load_balanced_view()
    assert view.map_sync(add, range(2000), chunksize=1) == list(range(1, 2001))
    assert view.map_sync(add, range(50_000)) == list(range(1, 50_001))
    assert list(view.imap(add, iter(range(500)))) == list(range(1, 501))
    return 2600


def direct(client: Client, number: int) -> int:
    """Call on all engines, and on each."""
    view = client[:]
    for i in range(30):
        assert view.apply_sync(add, i) == [i + 1] * len(view)
    ars = [client[i].apply_async(add, i) for i in view.targets for _ in range(30)]
    for ar in ars:
        ar.get()
    return 60 * len(view)


def names(client: Client, number: int) -> int:
    """Push, pull, scatter, gather and execute."""
    view, name = client[:], f"soaked_{threading.get_ident()}"
    view.push({name: number}, block=True)
    view.execute(f"{name} = {name} + {number}  # in round {number}", block=True)
    assert view.pull(name, block=True) == [2 * number] * len(view)
    view.scatter(name, range(1000), block=True)
    assert list(view.gather(name, block=True)) == list(range(1000))
    view.execute(f"del {name}", block=True)
    return 6 * len(view)


def output(client: Client, number: int) -> int:
    """Print, and read what was printed."""
    view = client.load_balanced_view()
    ars = [view.apply_async(print_lines, 100) for _ in range(50)]
    for ar in ars:
        assert ar.get() == 100
        assert len(ar.stdout.splitlines()) == 100
        assert len(ar.stderr.splitlines()) == 50
    return len(ars)


def errors(client: Client, number: int) -> int:
    """Raise, on one engine and on all."""
    view = client.load_balanced_view()
    for ar in [view.apply_async(divide, i, 0) for i in range(100)]:
        assert isinstance(ar.get(return_exceptions=True), ZeroDivisionError)
    with pytest.raises(CompositeError) as told:
        client[:].apply_sync(divide, 1, 0)
    assert len(told.value.elist) == len(client.ids)
    return 100 + len(client.ids)


def graphs(client: Client, number: int) -> int:
    """Have tasks wait for others, and go where they ran."""
    view = client.load_balanced_view()
    last = [view.apply_async(os.getpid)]
    for _ in range(10):
        with view.temp_flags(after=last, retries=1):
            last = [view.apply_async(os.getpid) for _ in range(5)]
        with view.temp_flags(follow=last[0], priority=2):
            assert view.apply_async(os.getpid).get() == last[0].get()
    return 61


def large(client: Client, number: int) -> int:
    """Send and fetch megabytes."""
    view = client.load_balanced_view()
    data = bytes([number % 256]) * LARGE
    sizes = [view.apply_async(len, data) for _ in range(10)]
    assert [ar.get() for ar in sizes] == [LARGE] * 10
    blobs = [view.apply_async(bytes, LARGE) for _ in range(10)]
    assert all(ar.get() == bytes(LARGE) for ar in blobs)
    name = f"large_{threading.get_ident()}"  # the other thread works, too
    client[:].push({name: data}, block=True)
    assert client[0].pull(name, block=True) == data
    return 21 + len(client.ids)


def functions(client: Client, number: int) -> int:
    """Call functions that were never seen before."""
    view = client.load_balanced_view()
    ars = [view.apply_async(lambda n=number, i=i: n + i) for i in range(30)]
    assert [ar.get() for ar in ars] == [number + i for i in range(30)]
    return len(ars)


def nested(client: Client, number: int) -> int:
    """Have tasks submit tasks and wait for them."""
    view = client.load_balanced_view()
    ars = [view.apply_async(sum_of_tasks, 10) for _ in range(8)]
    assert [ar.get() for ar in ars] == [55] * 8
    return 88


def given_up(client: Client, number: int) -> int:
    """Cancel tasks, and have others take too long."""
    view = client.load_balanced_view()
    naps = [view.apply_async(time.sleep, 600) for _ in range(20)]
    for ar in naps:
        assert ar.cancel()
    with view.temp_flags(time_limit=0.05):
        late = [view.apply_async(time.sleep, 600) for _ in range(4)]
    for ar in late:
        assert isinstance(ar.get(return_exceptions=True), TaskTimeout)
    return 24


def record(client: Client, number: int) -> int:
    """Ask for what was done, and have it forgotten."""
    view = client.load_balanced_view()
    ar = view.apply_async(add, number)
    assert ar.get() == number + 1
    (msg_id,) = ar.msg_ids
    (found,) = client.db_query({"msg_id": msg_id}, keys=["status"])
    assert found["status"] == "ok"
    assert client.get_result(msg_id, owner=False).get() == number + 1
    assert set(client.queue_status()) == {*client.ids, "unassigned"}
    client.purge_results(ar)
    return 1


def awaited(client: Client, number: int) -> int:
    """Await results, and use an executor."""
    view = client.load_balanced_view()

    async def gather() -> list[float]:
        return await asyncio.gather(*(view.apply_async(add, i) for i in range(100)))

    assert asyncio.run(gather()) == list(range(1, 101))
    futures = [client.executor().submit(add, i) for i in range(100)]
    assert [future.result(PATIENCE) for future in futures] == list(range(1, 101))
    return 200


ROUNDS: tuple[Round, ...] = (
    submits, waits, maps, direct, names, output, errors, graphs, large, functions,
    nested, given_up, record, awaited, drops,
)  # fmt: skip
