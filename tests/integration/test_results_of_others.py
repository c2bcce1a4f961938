"""Results that the controller is asked for do all that results do."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError
from pathlib import Path
from typing import Any

import pytest

import parallel as ipp
from tests.integration.tasks import add, begin_and_wait_for, divide, wait_for
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[ipp.Client]:
    """Start two engines that the tests of this module share."""
    with ipp.Cluster(n=2) as client:
        yield client


@pytest.fixture
def other(cluster: ipp.Client) -> Iterator[ipp.Client]:
    """Give a second client of the cluster."""
    with ipp.Client(cluster._connection._info) as client:
        yield client


def asked_for(other: ipp.Client, cluster: ipp.Client, *results: Any) -> Any:
    """Return results as another client has them, once the controller knows them."""
    ids = [msg_id for ar in results for msg_id in ar.msg_ids]
    cluster.result_status(ids)
    return other.get_result(ids)


def test_while_it_is_pending(
    cluster: ipp.Client, other: ipp.Client, gate: Path
) -> None:
    slow = cluster[0].apply_async(wait_for, str(gate))
    quick = cluster[1].apply_async(add, 1)
    found = asked_for(other, cluster, slow, quick)
    assert isinstance(found, ipp.AsyncHubResult)
    done, pending = found.wait(10, return_when=FIRST_COMPLETED)
    assert [part.msg_ids for part in done] == [quick.msg_ids]
    assert [part.msg_ids for part in pending] == [slow.msg_ids]
    assert (found.ready(), found.wait(0), len(found), found.progress) == (
        False, False, 2, 1,
    )  # fmt: skip
    assert repr(found) == "<AsyncHubResult(2 tasks): pending>"
    for untimely in (found.get, found.exception, found.get_dict):
        with pytest.raises(TimeoutError):
            untimely(0)
    with pytest.raises(TimeoutError):
        _ = found[0]
    with pytest.raises(RuntimeError, match="has not finished"):
        found.successful()
    (part,) = pending
    assert 0 <= part.elapsed < 600
    gate.touch()
    assert part.get(10) == slow.get(10)
    took = (part.received - part.submitted).total_seconds()
    assert part.wall_time == pytest.approx(took, abs=1e-4)
    assert found.wait(10)


def test_who_looks_for_it_again_and_again_asks_once(
    cluster: ipp.Client, other: ipp.Client, gate: Path
) -> None:
    (msg_id,) = other[0].apply_async(wait_for, str(gate)).msg_ids
    results = {cluster.get_result(msg_id, owner=False) for _ in range(100)}
    results |= {cluster.get_result([msg_id], owner=False) for _ in range(100)}
    assert not any(result.ready() for result in results)
    asked = len(cluster._connection.questions._open)
    gate.touch()
    assert [result.wait(30) for result in results] == [True, True]
    assert asked == 2
    assert cluster.get_result(msg_id) not in results, "what has come may be purged"


def test_asked_for_before_the_submission_has_arrived(
    cluster: ipp.Client, other: ipp.Client
) -> None:
    for i in range(200):
        ar = cluster[i % 2].apply_async(add, i)
        assert other.get_result(ar.msg_ids[0]).get(10) == i + 1


def test_when_it_has_come(cluster: ipp.Client, other: ipp.Client) -> None:
    ar = cluster[:].apply_async(add, 1)
    found = asked_for(other, cluster, ar)
    assert list(found) == found.get(10) == found.r == found[:] == [2, 2]
    assert found.get_dict() == found.result_dict == {0: 2, 1: 2}
    assert found.msg_ids == ar.msg_ids
    assert found.engine_id == [0, 1]
    assert [facts.engine_id for facts in found.metadata] == [0, 1]
    assert (found.successful(), found.exception(), found.progress) == (True, None, 2)
    took = (max(found.received) - min(found.submitted)).total_seconds()
    assert found.wall_time == pytest.approx(took, abs=1e-4)
    assert found.serial_time >= 0
    first, second = found.split()
    joined = ipp.AsyncResult.join(second, first)
    assert joined.msg_ids == [*second.msg_ids, *first.msg_ids] == ar.msg_ids[::-1]
    assert joined.get(10) == [2, 2]
    assert repr(found) == "<AsyncHubResult(2 tasks): finished>"


def test_when_it_failed(cluster: ipp.Client, other: ipp.Client) -> None:
    good, bad = cluster[0].apply_async(add, 1), cluster[1].apply_async(divide, 1, 0)
    found = asked_for(other, cluster, good, bad)
    with pytest.raises(ipp.CompositeError):
        found.get(10)
    assert found.successful() is False
    assert found.get(return_exceptions=True)[0] == 2
    values = iter(found)
    assert next(values) == 2
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_by_the_functions_of_the_standard_library(
    cluster: ipp.Client, other: ipp.Client
) -> None:
    found = asked_for(other, cluster, cluster[:].apply_async(add, 1))
    assert concurrent.futures.wait([found], 10).done == {found}
    assert list(concurrent.futures.as_completed([found], 10)) == [found]

    async def run() -> list[Any]:
        again = other.get_result(found.msg_ids)
        values = [value async for value in other.get_result(found.msg_ids)]
        parts = [part.get() async for part in ipp.as_completed(again)]
        return [await other.get_result(found.msg_ids), values, parts]

    assert asyncio.run(run()) == [[2, 2]] * 3


@pytest.mark.parametrize("of", ["the whole", "a part", "what was joined"])
def test_its_tasks_are_cancelled(
    cluster: ipp.Client, other: ipp.Client, gate: Path, begun: Path, of: str
) -> None:
    running = cluster[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(begun.exists, 20, "start of the task")
    found = asked_for(other, cluster, running, cluster[1].apply_async(add, 1))
    taken = {
        "the whole": found,
        "a part": found.split()[0],
        "what was joined": ipp.AsyncResult.join(*found.split()),
    }[of]
    assert taken.cancel()
    with pytest.raises(CancelledError):
        taken.get(0)
    with pytest.raises(ipp.TaskAborted, match="cancelled"):
        running.get(20)
    assert cluster[0].apply_async(add, 1).get(20) == 2  # nobody opens the gate


@pytest.mark.parametrize("of", ["the whole", "a part"])
def test_its_tasks_are_aborted(
    cluster: ipp.Client, other: ipp.Client, gate: Path, begun: Path, of: str
) -> None:
    running = cluster[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(begun.exists, 20, "start of the task")
    waits = cluster[0].apply_async(add, 1)
    found = asked_for(other, cluster, waits, running)
    if of == "the whole":
        found.abort()
    else:
        for part in found.split():
            part.abort()
    with pytest.raises(ipp.TaskAborted):
        waits.get(20)
    assert not found.wait(0)
    gate.touch()
    assert found.get(20, return_exceptions=True)[1] == running.get(20)


def test_results_are_made_by_the_client_only(cluster: ipp.Client) -> None:
    ids = cluster[:].apply_async(add, 1).msg_ids
    makers: list[Any] = [ipp.AsyncResult, ipp.AsyncMapResult, ipp.AsyncHubResult]
    for made_by_hand in makers:
        with pytest.raises(TypeError):
            made_by_hand(cluster, ids)
    with pytest.raises(TypeError):
        makers[1](cluster, ids, None, "f", True, False, {})
    assert cluster.get_result(ids).get(20) == [2, 2]
