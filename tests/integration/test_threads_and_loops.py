"""One client serves threads, callbacks and event loops at the same time."""

from __future__ import annotations

import asyncio
import os
import queue
import select
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster
from parallel.protocol.messages import Ping
from tests.integration.processes import controller_of
from tests.integration.tasks import add, fsquare, wait_for
from tests.waiting import wait_until


def in_threads(work: Callable[[int], object], n: int = 8) -> None:
    """Run something in some threads at once; raise what any of them raises."""
    with ThreadPoolExecutor(n) as threads:
        for done in [threads.submit(work, i) for i in range(n)]:
            done.result(timeout=50)


def test_threads_that_ask_the_controller_at_once(cluster: Client) -> None:
    def work(_: int) -> None:
        for _ in range(300):
            assert set(cluster.queue_status()) == {*cluster.ids, "unassigned"}

    in_threads(work)


def test_an_answer_is_read_though_what_is_sent_used_up_its_edge(
    cluster: Client,
) -> None:
    connection = cluster._connection
    control = connection._control
    with connection._pump.lock:  # nobody else reads
        os.kill(controller_of(cluster), signal.SIGSTOP)  # no answer while this is put
        try:
            _, answer = connection.questions._put("queue_status", {}, behind=False)
        finally:
            os.kill(controller_of(cluster), signal.SIGCONT)
        assert select.select([control.descriptor], [], [], 30)[0]
        assert not answer.done()
        control.outbox.append((Ping(), ()))
        connection._turn([])  # a thread that had looked for input just before
        assert answer.done()


def test_threads_that_call_and_wait(cluster: Client) -> None:
    lview, dview = cluster.load_balanced_view(), cluster[:]

    def work(k: int) -> None:
        for i in range(50):
            assert lview.apply_sync(add, i, k) == i + k
            assert dview.apply_sync(add, i, k) == [i + k] * 4
        assert lview.map_sync(add, range(300), [k] * 300) == [*range(k, 300 + k)]
        assert dview.map_sync(fsquare, range(30)) == [x**2 for x in range(30)]

    in_threads(work)


def test_threads_that_submit_first_and_wait_then(cluster: Client) -> None:
    lview = cluster.load_balanced_view()

    def work(k: int) -> None:
        ars = [lview.apply_async(add, i, k) for i in range(500)]
        assert [ar.get() for ar in ars] == [i + k for i in range(500)]

    in_threads(work)


def test_threads_with_clients_of_their_own(cluster: Client) -> None:
    where = {
        "profile_dir": cluster.cluster.profile_dir,
        "cluster_id": cluster.cluster.cluster_id,
    }

    def work(k: int) -> None:
        with Client(**where) as client:
            assert client.load_balanced_view().map_sync(add, range(99), [k] * 99) == [
                *range(k, 99 + k)
            ]

    in_threads(work)


def test_one_thread_waits_while_another_works(cluster: Client, tmp_path: Path) -> None:
    gate, lview = tmp_path / "gate", cluster.load_balanced_view()
    long = lview.apply_async(wait_for, str(gate))
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(long.get, 30) for _ in range(3)]
        assert lview.map_sync(fsquare, range(100)) == [x**2 for x in range(100)]
        assert not any(each.done() for each in waiting)
        gate.touch()
        assert {each.result(10) for each in waiting} == {long.get()}


def test_callbacks_that_call_and_wait(cluster: Client) -> None:
    lview, found = cluster.load_balanced_view(), queue.SimpleQueue[int]()

    def follow(done: Any) -> None:
        value = done.result()
        if value < 5:  # the next is submitted, and another waited for, meanwhile
            assert lview.apply_sync(add, value) == value + 1
            lview.apply_async(add, value).add_done_callback(follow)
        found.put(value)

    lview.apply_async(add, 0).add_done_callback(follow)
    assert sorted(found.get(timeout=10) for _ in range(5)) == [1, 2, 3, 4, 5]


def test_callbacks_of_many(cluster: Client) -> None:
    lview, found = cluster.load_balanced_view(), []
    for i in range(1000):
        lview.apply_async(add, i).add_done_callback(
            lambda ar: found.append(ar.result())
        )
    wait_until(lambda: len(found) == 1000, what="1000 callbacks")
    assert sorted(found) == list(range(1, 1001))


def test_a_blocking_call_in_a_running_loop(cluster: Client) -> None:
    async def ask() -> list[int]:
        found: list[int] = cluster[:].apply_sync(add, 1)
        return [*found, *cluster[:].map_sync(fsquare, [3])]

    assert asyncio.run(ask()) == [2, 2, 2, 2, 9]


def test_a_loop_runs_on_while_results_are_awaited(
    cluster: Client, tmp_path: Path
) -> None:
    lview, gate = cluster.load_balanced_view(), tmp_path / "gate"

    async def ask() -> list[Any]:
        slow = lview.apply_async(wait_for, str(gate))
        waiting = asyncio.gather(slow, *[lview.apply_async(add, i) for i in range(9)])
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        gate.touch()
        return await asyncio.wait_for(waiting, 10)

    pid, *values = asyncio.run(ask())
    assert pid != os.getpid()
    assert values == list(range(1, 10))


def test_results_of_a_map_are_iterated_in_a_loop(cluster: Client) -> None:
    async def ask(**options: Any) -> list[int]:
        lview = cluster.load_balanced_view()
        return [x async for x in lview.map_async(fsquare, range(50), **options)]

    assert asyncio.run(ask()) == [x**2 for x in range(50)]
    assert sorted(asyncio.run(ask(ordered=False))) == [x**2 for x in range(50)]


def test_a_wait_that_is_cancelled_leaves_the_task_alone(
    cluster: Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    ar = cluster[0].apply_async(wait_for, str(gate))

    async def give_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(ar)), 0.05)

    asyncio.run(give_up())
    gate.touch()
    assert ar.get(timeout=10) == cluster[0].apply_sync(os.getpid)


@pytest.mark.slow
def test_clusters_in_a_running_loop() -> None:
    async def start() -> list[int]:
        async with Cluster(n=1) as first:
            with Cluster(n=1) as second:
                pids = [
                    await each[0].apply_async(os.getpid) for each in (first, second)
                ]
        cluster = await Cluster(n=1).start_cluster()
        with await cluster.connect_client() as client:
            client.wait_for_engines(1, timeout=10)
            pids.append(await client[0].apply_async(os.getpid))
        await cluster.stop_cluster()
        return pids

    assert len(set(asyncio.run(start()))) == 3


def test_a_fork_leaves_the_client_to_its_parent(cluster: Client) -> None:
    assert cluster[0].apply_sync(add, 1) == 2
    pid = os.fork()
    if pid == 0:  # neither its threads nor its sockets are the child's
        status = 1
        try:
            cluster[0].apply_async(add, 1)
        except Exception as error:
            status = 0 if "forked" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert cluster[:].apply_sync(add, 1) == [2] * 4


@pytest.mark.parametrize("many", [1000, 5000])
def test_a_callback_may_want_a_lock_that_is_held_while_more_is_submitted(
    cluster: Client, many: int
) -> None:
    """So does who counts what is under way: also when it is held up."""
    view, lock = cluster.load_balanced_view(), threading.Lock()
    ended: list[object] = []

    def note(result: object) -> None:
        with lock:
            ended.append(result)

    for i in range(many):
        with lock:
            result = view.apply_async(add, i)
        result.add_done_callback(note)
    assert cluster.wait(timeout=60)
    wait_until(lambda: len(ended) == many, what="callbacks")
