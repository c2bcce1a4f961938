"""An `AsyncResult` tells what came, when and from where; and it is a future."""

from __future__ import annotations

import asyncio
import concurrent.futures
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, CompositeError, RemoteError
from tests.integration.tasks import add, divide, wait_for
from tests.waiting import wait_until


def test_before_it_has_come(cluster: Client, gate: Path) -> None:
    ar = cluster[0].apply_async(wait_for, str(gate))
    assert not ar.ready()
    assert not ar.done()
    assert not ar.wait(0)
    assert not ar.wait(0.01)
    assert ar.progress == 0
    assert repr(ar) == "<AsyncResult(wait_for): pending>"
    assert ar.metadata.status is None
    with pytest.raises(TimeoutError, match=r"wait_for: 1 of 1 .* 4 engines are there"):
        ar.get(timeout=0)
    with pytest.raises(RuntimeError, match="has not finished"):
        ar.successful()
    with pytest.raises(TimeoutError, match="has not finished"):
        _ = ar.wall_time
    with pytest.raises(TimeoutError, match="has not finished"):
        _ = ar[0]
    gate.touch()
    assert ar.wait(10)


def test_after_it_has_come(cluster: Client) -> None:
    ar = cluster[:].apply_async(add, 1)
    assert ar.get() == ar.result() == ar.r == [2] * 4
    assert ar.get(timeout=0) == [2] * 4
    assert ar.ready()
    assert ar.successful()
    assert ar.exception() is None
    assert (ar.progress, len(ar)) == (4, 4)
    assert (ar[0], ar[-1], ar[1:3]) == (2, 2, [2, 2])
    assert repr(ar) == "<AsyncResult(add): finished>"


def test_a_failed_one(cluster: Client) -> None:
    ar = cluster[0].apply_async(divide, 1, 0)
    assert ar.wait(10)
    assert not ar.successful()
    assert isinstance(ar.exception(), ZeroDivisionError)
    assert ar.metadata.status == "error"
    assert isinstance(ar.error, ZeroDivisionError)
    assert repr(ar) == "<AsyncResult(divide): failed>"
    for _ in range(2):
        with pytest.raises(RemoteError, match=r"\[0:apply\] ZeroDivisionError"):
            ar.get()


def test_several_failures_are_told_together(cluster: Client) -> None:
    ar = cluster[:].apply_async(divide, 1, 0)
    with pytest.raises(CompositeError, match="one or more exceptions raised") as told:
        ar.get()
    assert [failure.engine_info["engine_id"] for failure in told.value.elist] == [
        0, 1, 2, 3,
    ]  # fmt: skip
    with pytest.raises(RemoteError, match=r"\[3:apply\]"):
        told.value.raise_exception(3)


def test_results_are_iterated_as_they_arrive(
    cluster: Client, tmp_path: Path, gate: Path
) -> None:
    # Engine 2 is held up by what it has to do before.
    cluster[2].apply_async(wait_for, str(gate))
    ar = cluster[:].apply_async(add, 1)
    values = iter(ar)
    assert [next(values), next(values)] == [2, 2]
    wait_until(lambda: ar.progress == 3, what="result of engine 3")
    assert not ar.ready()
    gate.touch()
    assert list(values) == [2, 2]


def test_a_single_result_is_not_iterated(cluster: Client) -> None:
    with pytest.raises(TypeError, match=r"single result: use get\(\)"):
        iter(cluster[0].apply_async(add, 1)).__next__()


def test_metadata(cluster: Client) -> None:
    ar = cluster[2].apply_async(add, 1)
    ar.get()
    facts = ar.metadata
    times = [facts.submitted, facts.started, facts.completed, facts.received]
    assert times == sorted(times)
    assert times[-1] - times[0] < timedelta(seconds=10)
    assert abs(datetime.now(timezone.utc) - times[-1]) < timedelta(seconds=10)
    assert (facts.engine_id, facts["status"], facts.stdout) == (2, "ok", "")
    assert facts.msg_id == ar.msg_ids[0]
    assert ar.engine_id == ar["engine_id"] == 2
    assert len(ar.engine_uuid) == 32
    assert {"engine_id", "stdout"} <= set(dir(ar))
    with pytest.raises(KeyError):
        facts["colour"] = "red"


def test_metadata_of_several(cluster: Client) -> None:
    ar = cluster[[3, 1]].apply_async(add, 1)
    ar.get()
    assert ar.engine_id == ar["engine_id"] == [3, 1]
    assert [facts.status for facts in ar.metadata] == ["ok", "ok"]
    assert len(set(ar.msg_ids)) == 2


@pytest.mark.parametrize("wait", [False, True])
def test_an_unknown_key(cluster: Client, gate: Path, wait: bool) -> None:
    ar = cluster[0].apply_async(wait_for, str(gate))
    if wait:
        gate.touch()
        ar.get()
    with pytest.raises(KeyError, match="colour"):
        _ = ar["colour"]
    with pytest.raises(AttributeError, match="colour"):
        _ = ar.colour
    gate.touch()
    ar.get()


def test_times(cluster: Client, gate: Path) -> None:
    ar = cluster[:].apply_async(wait_for, str(gate))
    assert ar.elapsed < ar.elapsed
    gate.touch()
    ar.get()
    assert ar.elapsed == ar.wall_time
    assert 0 < ar.serial_time <= 4 * ar.wall_time
    each = ar.timedelta(ar.started, ar.completed)
    assert each == pytest.approx(
        (max(ar.completed) - min(ar.started)).total_seconds(), abs=1e-6
    )
    assert ar.timedelta(ar.submitted[0], ar.received) <= ar.wall_time + 0.001


def test_callbacks(cluster: Client, gate: Path) -> None:
    ar = cluster[0].apply_async(wait_for, str(gate))
    called: list[object] = []
    ar.add_done_callback(called.append)
    assert not called
    gate.touch()
    wait_until(lambda: called == [ar], what="call")  # though nobody waits for it
    ar.add_done_callback(called.append)
    assert called == [ar, ar]


def test_concurrent_futures_wait_for_them(cluster: Client, gate: Path) -> None:
    quick = [cluster[0].apply_async(add, i) for i in range(5)]
    slow = cluster[1].apply_async(wait_for, str(gate))
    done, pending = concurrent.futures.wait(
        [*quick, slow], timeout=10, return_when=concurrent.futures.FIRST_COMPLETED
    )
    assert slow in pending
    done, pending = concurrent.futures.wait(quick, timeout=10)
    assert (done, pending) == (set(quick), set())
    gate.touch()
    came = list(concurrent.futures.as_completed([*quick, slow], timeout=10))
    assert set(came) == {*quick, slow}


def test_a_plain_future_can_be_waited_for_too(cluster: Client) -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    assert not cluster.wait([future], timeout=0.01)
    future.set_result(1)
    assert cluster.wait([future, cluster[0].apply_async(add, 1)], timeout=10)
    with pytest.raises(TypeError, match=r"a job is a result.* not 5\.5"):
        cluster.wait([5.5])


def test_asyncio_awaits_them(cluster: Client) -> None:
    lview = cluster.load_balanced_view()

    async def ask() -> list[Any]:
        first = await lview.apply_async(add, 1)
        second = await asyncio.wrap_future(lview.apply_async(add, 2))
        more = [value async for value in lview.map_async(add, range(5))]
        both = await asyncio.gather(*[lview.apply_async(add, i) for i in range(50)])
        return [first, second, more, sum(both)]

    assert asyncio.run(ask()) == [2, 3, [1, 2, 3, 4, 5], sum(range(1, 51))]


def test_what_awaits_gets_the_exception(cluster: Client) -> None:
    async def ask() -> None:
        await cluster.load_balanced_view().apply_async(divide, 1, 0)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask())


def test_what_is_cancelled_is_given_up_here(cluster: Client, gate: Path) -> None:
    lview = cluster.load_balanced_view()
    ar = lview.apply_async(wait_for, str(gate))
    several = lview.map_async(wait_for, [str(gate)] * 3)
    for each in (ar, several):
        assert each.cancel()
        assert each.cancelled()
        assert each.cancel()
        with pytest.raises(concurrent.futures.CancelledError, match="wait_for was"):
            each.get()
    gate.touch()
    assert cluster.wait(timeout=10)
    with pytest.raises(concurrent.futures.CancelledError):
        ar.get()
    done = lview.apply_async(add, 1)
    assert done.get() == 2
    assert not done.cancel()
    assert done.get() == 2


def test_a_timeout_in_a_loop_cancels(cluster: Client, gate: Path) -> None:
    ar = cluster[0].apply_async(wait_for, str(gate))

    async def give_up() -> None:
        await asyncio.wait_for(ar, 0.02)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(give_up())
    assert ar.cancelled()
    gate.touch()
    assert cluster[0].apply_sync(add, 1) == 2


def test_it_does_not_travel(cluster: Client) -> None:
    ar = cluster[0].apply_async(add, 1)
    with pytest.raises(TypeError, match=r"argument 0 of add .*AsyncResult.*get\(\)"):
        cluster[1].apply_async(add, ar)
