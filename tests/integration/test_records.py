"""What clients ask of the record: results of others, queries, resubmission, purges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import parallel as ipp
from parallel import AsyncResult, Client
from parallel.client.hubresults import AsyncHubResult
from tests.integration.tasks import begin_and_wait_for, wait_for
from tests.waiting import wait_until


@pytest.fixture
def other(cluster: Client) -> Iterator[Client]:
    """Give a second client of the cluster."""
    with Client(cluster._connection._info) as client:
        yield client


def submitted(cluster: Client, ar: AsyncResult) -> list[str]:
    """Return the ids of tasks, once the controller knows them."""
    cluster.result_status(ar)
    return ar.msg_ids


def test_a_result_of_another_client(cluster: Client, other: Client) -> None:
    ar = cluster[0].apply_async(lambda: print("said") or 42)
    found = other.get_result(submitted(cluster, ar)[0])
    assert isinstance(found, AsyncHubResult)
    assert found.get(10) == 42
    assert ar.get() == 42
    assert found.msg_ids == ar.msg_ids
    assert found.engine_id == ar.engine_id == 0
    assert found.engine_uuid == ar.engine_uuid
    assert found.stdout == "said\n"
    assert found.status == "ok"
    assert found.started == ar.started
    assert found.completed == ar.completed
    assert found.submitted <= found.started <= found.completed <= found.received
    assert found.wall_time >= found.serial_time
    assert found.successful()
    assert "AsyncHubResult" in repr(found)


def test_a_large_answer_comes_whole_and_in_order(cluster: Client) -> None:
    ars = [cluster[0].apply_async(pow, 2, number) for number in range(300)]
    cluster.wait(ars)
    ids = [ar.msg_ids[0] for ar in ars]
    found = cluster.db_query({"msg_id": {"$in": ids}})
    assert [record["msg_id"] for record in found] == ids
    assert {record["status"] for record in found} == {"ok"}


def test_several_results_and_errors(cluster: Client, other: Client) -> None:
    ar = cluster[:].apply_async(pow, 2, 3)
    assert other.get_result(submitted(cluster, ar)).get(10) == [8] * 4
    assert list(other.get_result(ar.msg_ids)) == [8] * 4
    failed = cluster[:].apply_async(lambda: 1 / 0)
    with pytest.raises(ipp.CompositeError):
        other.get_result(submitted(cluster, failed)).get(10)
    with pytest.raises(ZeroDivisionError):
        other.get_result(failed.msg_ids[0]).get(10)
    assert other.get_result(failed.msg_ids[1], block=True).status == "error"
    assert other.get_result([]).get(10) == []


def test_a_result_that_is_still_to_come(
    cluster: Client, other: Client, gate: Path
) -> None:
    ar = cluster[1].apply_async(wait_for, str(gate))
    found = other.get_result(submitted(cluster, ar)[0])
    called = []
    found.add_done_callback(called.append)
    assert not found.ready()
    assert not found.wait(0.05)
    assert found.submitted is None
    with pytest.raises(TimeoutError):
        found.get(0)
    gate.touch()
    assert found.wait(10)
    wait_until(lambda: called == [found])
    assert found.get() == ar.get(10)


def test_what_was_not_recorded_hides_no_others(cluster: Client, other: Client) -> None:
    small, large = cluster[0].apply_async(int), cluster[1].apply_async(bytes, 17 << 20)
    assert len(large.get(20)) == 17 << 20
    ids = [small.get(10) or small.msg_id, large.msg_id]
    cluster.hub_history()  # all is written then
    found = other.get_result(ids[1], block=True)
    assert (found.status, found.engine_id) == ("ok", 1)
    with pytest.raises(ValueError, match="could not be recorded, only its facts"):
        found.get(10)
    first, second = other.get_result(ids).get(10, return_exceptions=True)
    assert first == 0
    assert isinstance(second, ValueError)
    status = other.result_status(ids, status_only=False)
    assert status["completed"] == ids
    assert status[ids[0]] == 0
    with pytest.raises(ipp.CompositeError, match="could not be recorded"):
        other.get_result(ids).get(10)


def test_to_await_a_result_from_the_hub(cluster: Client, other: Client) -> None:
    async def ask() -> int:
        ar = cluster[0].apply_async(pow, 2, 5)
        return await other.get_result(submitted(cluster, ar)[0])

    assert asyncio.run(ask()) == 32


def test_the_latest_and_places_in_the_history(cluster: Client, gate: Path) -> None:
    view = cluster.load_balanced_view()
    first, second = view.apply_async(pow, 2, 1), view.apply_async(pow, 2, 2)
    assert [first.get(10), second.get(10)] == [2, 4]
    assert cluster.get_result().get(10) == 4
    assert cluster.get_result(-2).get(10) == 2
    assert cluster.get_result([-1, -2], block=True).get(0) == [4, 2]
    assert cluster.get_result(first).get(10) == 2
    assert cluster.get_result([first, second.msg_ids[0]]).get(10) == [2, 4]
    waiting = view.apply_async(wait_for, str(gate))
    assert cluster.get_result() is waiting
    assert cluster.get_result([-1]) is not waiting  # that has a list of values
    gate.touch()
    waiting.get(10)
    with pytest.raises(IndexError):
        cluster.get_result(10**6)


def test_unknown_tasks(cluster: Client) -> None:
    ar = cluster.get_result("0" * 32 + "_7")
    with pytest.raises(KeyError, match=r"no record of 0000.*hub_history\(\) lists"):
        ar.get(10)
    with pytest.raises(KeyError):
        cluster.resubmit("nonsense")
    with pytest.raises(KeyError):
        cluster.result_status(["nonsense"])
    with pytest.raises(KeyError):
        cluster.purge_hub_results(["nonsense"])


def test_code_that_was_executed(cluster: Client, other: Client) -> None:
    ar = cluster[0].execute("a = 5\na * 2", silent=False)
    ar.get(10)
    reply = other.get_result(ar.msg_ids[0]).get(10)
    assert type(reply) is type(ar.get())
    assert repr(reply) == repr(ar.get())
    (record,) = other.db_query({"msg_id": ar.msg_ids[0]})
    assert record["execute_input"] == record["content"]["code"] == "a = 5\na * 2"
    assert record["execute_result"]["data"] == {"text/plain": "10"}
    assert record["header"]["msg_type"] == "execute_request"


def test_status_of_results(cluster: Client, gate: Path) -> None:
    view = cluster.load_balanced_view()
    done = view.apply_async(pow, 2, 3)
    failed = view.apply_async(lambda: 1 / 0)
    done.wait(10), failed.wait(10)
    waiting = view.apply_async(wait_for, str(gate))
    status = cluster.result_status([done, failed.msg_ids[0], waiting])
    assert status == {
        "status": "ok", "pending": waiting.msg_ids,
        "completed": done.msg_ids + failed.msg_ids,
    }  # fmt: skip
    status = cluster.result_status([done, failed], status_only=False)
    assert status[done.msg_ids[0]] == 8
    assert isinstance(status[failed.msg_ids[0]], ZeroDivisionError)
    gate.touch()
    waiting.get(10)


def test_history_of_all_clients(cluster: Client, other: Client) -> None:
    first = cluster[0].apply_async(int)
    first.get(10)
    second = other[0].apply_async(int)
    second.get(10)
    assert cluster.hub_history()[-2:] == first.msg_ids + second.msg_ids
    assert other.hub_history() == cluster.hub_history()


def test_queries(cluster: Client) -> None:
    before = datetime.now(timezone.utc)
    ar = cluster[:2].apply_async(lambda: print("x" * 3))
    ar.get(10)
    since = {"$gte": before}
    found = cluster.db_query({"submitted": since, "completed": {"$ne": None}})
    assert [record["msg_id"] for record in found] == ar.msg_ids
    assert {record["engine_uuid"] for record in found} == set(ar.engine_uuid)
    for record in found:
        assert before <= record["submitted"] <= record["started"] < record["received"]
        assert record["queue"] == "mux"
        assert record["stdout"] == "xxx\n"
        assert "buffers" not in record
        assert isinstance(record["header"]["date"], datetime)
    (record,) = cluster.db_query({"msg_id": ar.msg_ids[0]}, keys="submitted")
    assert set(record) == {"msg_id", "submitted"}
    (record,) = cluster.db_query({"msg_id": ar.msg_ids[0]}, keys=["result_buffers"])
    assert all(isinstance(each, bytes) for each in record["result_buffers"])
    later = datetime.now() + timedelta(hours=1)  # a naive one: local time
    assert cluster.db_query({"submitted": {"$gt": later}}) == []
    assert (
        cluster.db_query({"msg_id": {"$in": ar.msg_ids}, "label": {"$ne": None}}) == []
    )
    with pytest.raises(ValueError, match="no key 'colour'"):
        cluster.db_query({"colour": 1})
    with pytest.raises(ValueError, match="unknown operator"):
        cluster.db_query({"submitted": {"$about": 1}})
    with pytest.raises(ValueError, match="no key"):
        cluster.db_query({}, keys=["colour"])


def test_labels_and_errors_are_recorded(cluster: Client) -> None:
    view = cluster.load_balanced_view()
    with view.temp_flags(label="sweep-7"):
        ar = view.apply_async(lambda: 1 / 0)
    ar.wait(10)
    (record,) = cluster.db_query({"label": {"$glob": "sweep-*"}})
    assert record["msg_id"] == ar.msg_ids[0]
    assert record["queue"] == "task"
    assert cluster.get_result(ar.msg_ids[0], block=True).label == "sweep-7"
    assert "ZeroDivisionError" in record["error"]
    assert record["result_content"]["status"] == "error"


def test_tasks_run_once_more(cluster: Client, other: Client, gate: Path) -> None:
    import numpy as np

    direct = cluster[2].apply_async(lambda a: (a.sum(), __import__("os").getpid()),
                                    np.ones(100_000))  # fmt: skip
    total, pid = direct.get(10)
    again = other.resubmit(direct.msg_ids[0])
    assert isinstance(again, AsyncHubResult)
    assert again.get(10) == (total, pid)
    assert not set(again.msg_ids) & set(direct.msg_ids)
    (record,) = other.db_query({"msg_id": direct.msg_ids[0]}, "resubmitted")
    assert record["resubmitted"] == again.msg_ids[0]
    under_way = cluster.load_balanced_view().apply_async(wait_for, str(gate))
    twice = cluster.resubmit(under_way)
    assert not twice.ready()
    gate.touch()
    assert twice.get(10) > 0 < under_way.get(10)
    failed = cluster.load_balanced_view().apply_async(lambda: 1 / 0)
    failed.wait(10)
    with pytest.raises(ZeroDivisionError):
        cluster.resubmit(failed, block=True).get(0)
    assert (
        cluster.resubmit(cluster[:].push({"a": 1}, block=False)).get(10) == [None] * 4
    )


def test_an_aborted_task_can_be_resubmitted(cluster: Client, gate: Path) -> None:
    blocking = cluster[0].apply_async(wait_for, str(gate))
    ar = cluster[0].apply_async(pow, 2, 4)
    ar.abort()
    ar.wait(10)
    assert cluster.get_result(ar.msg_ids[0], block=True).status == "aborted"
    gate.touch()
    blocking.get(10)
    assert cluster.resubmit(ar).get(10) == 16


def test_results_of_others_can_be_given_up(
    cluster: Client, other: Client, gate: Path, begun: Path
) -> None:
    running = cluster[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    queued = cluster[0].apply_async(pow, 2, 3)
    submitted(cluster, queued)
    found = other.get_result(queued.msg_ids[0])
    found.abort()
    with pytest.raises(ipp.TaskAborted):
        found.get(10)
    with pytest.raises(ipp.TaskAborted):
        queued.get(10)
    with pytest.raises(RuntimeError):
        found.abort()
    wait_until(begun.exists)
    again = other.resubmit(running.msg_ids[0])
    again.abort()
    with pytest.raises(ipp.TaskAborted):
        again.get(10)
    found = other.get_result(running.msg_ids[0])
    assert found.cancel()
    with pytest.raises(CancelledError):
        found.get(10)
    with pytest.raises(ipp.TaskAborted):
        running.get(10)
    assert cluster[0].apply_async(pow, 2, 2).get(10) == 4


def test_purging(cluster: Client, gate: Path) -> None:
    view = cluster.load_balanced_view()
    first, second = view.apply_async(int), view.apply_async(int)
    first.get(10), second.get(10)
    waiting = view.apply_async(wait_for, str(gate))
    with pytest.raises(RuntimeError, match="still to come"):
        cluster.purge_results(waiting)
    with pytest.raises(RuntimeError):
        cluster.purge_local_results("all")
    with pytest.raises(IndexError, match="not finished"):
        cluster.purge_hub_results(waiting.msg_ids)
    cluster.purge_results(first)
    with pytest.raises(KeyError):
        cluster.get_result(first.msg_ids[0]).get(10)
    assert cluster.get_result(second.msg_ids[0]).get(10) == 0
    gate.touch()
    waiting.get(10)
    on_engines = cluster[:].apply_async(int)
    on_engines.get(10)
    cluster.purge_hub_results(targets=1)
    left = cluster.db_query({"msg_id": {"$in": on_engines.msg_ids}}, "engine_id")
    assert {record["engine_id"] for record in left} == {0, 2, 3}
    for method in (
        cluster.purge_results, cluster.purge_hub_results, cluster.purge_local_results
    ):  # fmt: skip
        with pytest.raises(ValueError, match="which results"):
            method()
    cluster.purge_everything()
    assert cluster.hub_history() == []
    assert list(cluster.history) == []
    assert view.apply_async(int).get(10) == 0


def test_what_a_broken_connection_means(cluster: Client, gate: Path) -> None:
    waiting = cluster[3].apply_async(wait_for, str(gate))
    other = Client(cluster._connection._info)
    found = other.get_result(submitted(cluster, waiting)[0])
    other.close()
    with pytest.raises(
        ipp.ParallelError if hasattr(ipp, "ParallelError") else Exception
    ):
        found.get(1)
    gate.touch()
    waiting.get(10)
