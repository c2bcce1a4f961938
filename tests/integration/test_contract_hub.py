"""What users of ipyparallel rely on in schedulers and the record of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import parallel as ipp
from tests.integration.tasks import add, divide, wait_for

KEYS = {
    "msg_id", "header", "metadata", "content", "submitted", "client_uuid",
    "engine_uuid", "started", "completed", "resubmitted", "received",
    "result_header", "result_metadata", "result_content", "queue", "execute_input",
    "execute_result", "error", "stdout", "stderr", "label",
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[ipp.Client]:
    """Start two engines that the tests of this module share."""
    with ipp.Cluster(n=2) as client:
        yield client


def ids_that_meet(cluster: ipp.Client, **query: Any) -> list[str]:
    """Return the ids of the tasks that meet a query."""
    return [record["msg_id"] for record in cluster.db_query(query)]


def test_a_record_has_all_its_keys(cluster: ipp.Client) -> None:
    ar = cluster[0].apply_async(add, 1)
    ar.get(10)
    (record,) = cluster.db_query({"msg_id": ar.msg_id})
    assert set(record) >= KEYS
    assert not {"buffers", "result_buffers"} & set(record)
    (whole,) = cluster.db_query(
        {"msg_id": ar.msg_id}, keys=["buffers", "result_buffers", "queue"]
    )
    assert set(whole) == {"msg_id", "buffers", "result_buffers", "queue"}
    assert (record["queue"], record["engine_uuid"]) == ("mux", ar.engine_uuid)
    times = [record[k] for k in ("submitted", "started", "completed", "received")]
    assert all(isinstance(t, datetime) and t.tzinfo for t in times)
    task = cluster.load_balanced_view().apply_async(add, 1)
    task.get(10)
    (record,) = cluster.db_query({"msg_id": task.msg_id}, "queue")
    assert record["queue"] == "task"
    (record,) = cluster.db_query({"msg_id": task.msg_id}, keys="label")
    assert set(record) == {"msg_id", "label"}


def test_operators(cluster: ipp.Client) -> None:
    first = cluster[0].execute("1", label="one-a")
    second = cluster[0].execute("2", label="two-a")
    other = cluster[0].apply_async(add, 1)
    for ar in (first, second, other):
        ar.get(10)
    one, two, none = first.msg_id, second.msg_id, other.msg_id
    three = {one, two, none}

    def meet(**query: Any) -> set[str]:
        return set(ids_that_meet(cluster, **query)) & three

    assert meet(msg_id={"$in": [one, two]}) == {one, two}
    assert meet(msg_id={"$nin": [one, two]}) == {none}
    assert meet(label={"$eq": "one-a"}) == meet(label="one-a") == {one}
    assert meet(label={"$ne": "one-a"}) >= {two}
    assert meet(label={"$glob": "*-a"}) == {one, two}
    assert meet(label={"$glob": "[ot]??-a"}) == {one, two}
    assert meet(label=None) == {none}
    assert meet(label={"$exists": True}) >= {one, two}
    hour = timedelta(hours=1)
    now = datetime.now(timezone.utc)
    for ago, later in (("$gt", "$lt"), ("$gte", "$lte")):
        assert meet(completed={ago: now - hour, later: now + hour}) == three
        assert meet(completed={later: now - hour}) == set()
    assert meet(msg_id={"$all": [one]}) == {one}
    assert meet(completed={"$mod": [1_000_000_000_000, 5]}) == set()
    assert meet(msg_id={"$in": cluster.history}) == three
    assert meet(msg_id={"$in": frozenset([one]), "$exists": True}) == {one}
    assert meet(engine_id={"$in": range(1), "$nin": ()}) == three
    assert meet(completed={"$gt": now.date() - timedelta(days=2)}) == three
    assert meet(completed={"$gt": now.date() + timedelta(days=2)}) == set()
    with pytest.raises(ValueError, match=r"\$like"):
        cluster.db_query({"label": {"$like": "a"}})
    with pytest.raises(ValueError, match="colour"):
        cluster.db_query({"colour": 1})


def test_history_and_status(cluster: ipp.Client, gate: Path) -> None:
    done = cluster[0].apply_async(add, 1)
    done.get(10)
    bad = cluster[0].apply_async(divide, 1, 0)
    bad.wait(10)
    open_ = cluster[1].apply_async(wait_for, str(gate))
    ids = [done.msg_id, bad.msg_id, open_.msg_id]
    assert cluster.hub_history()[-3:] == ids
    status = cluster.result_status(ids)
    assert (set(status["pending"]), set(status["completed"])) == (
        {open_.msg_id}, {done.msg_id, bad.msg_id},
    )  # fmt: skip
    assert set(status) == {"status", "pending", "completed"}
    told = cluster.result_status(ids, status_only=False)
    assert told[done.msg_id] == 2
    assert isinstance(told[bad.msg_id], ipp.RemoteError)
    with pytest.raises(IndexError):
        cluster.purge_hub_results(open_.msg_id)
    with pytest.raises(RuntimeError):
        cluster.purge_results(open_.msg_id)
    gate.touch()
    open_.get(10)
    cluster.purge_results([done, bad, open_])
    assert not set(ids) & set(cluster.hub_history())
    with pytest.raises(KeyError):
        cluster.get_result(done.msg_id).get(10)
    with pytest.raises(ValueError, match="which results"):
        cluster.purge_results()


def test_results_of_others(cluster: ipp.Client, gate: Path) -> None:
    done, bad = cluster[0].apply_async(add, 1), cluster[0].apply_async(divide, 1, 0)
    open_ = cluster[1].apply_async(wait_for, str(gate))
    several = cluster[0].map_async(add, [1, 2])
    bad.wait(10)
    with cluster.cluster.connect_client_sync() as other:
        hub = other.get_result(done.msg_id)
        assert isinstance(hub, ipp.AsyncHubResult)
        assert isinstance(hub, ipp.AsyncResult)
        assert (hub.get(10), hub.engine_id, hub.status) == (2, 0, "ok")
        assert hub.metadata.msg_id == hub.msg_ids[0] == done.msg_id
        with pytest.raises(ZeroDivisionError):
            other.get_result(bad.msg_id).get(10)
        slow = other.get_result(open_.msg_id)
        assert not slow.ready()
        with pytest.raises(TimeoutError):
            slow.get(0.01)
        gate.touch()
        assert slow.get(10) == open_.get(10)
        assert other.get_result([done.msg_id, open_.msg_id]).get(10)[0] == 2
        with pytest.raises(KeyError):
            other.get_result("nobody_1").get(10)
        again = other.resubmit(done.msg_id)
        assert again.get(10) == 2
        assert again.msg_id != done.msg_id
        assert several.get(10) == [2, 3]
        assert other.queue_status() is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheme", ["leastload", "lru", "plainrandom", "twobin", "weighted", "pure"]
)
def test_any_scheme_does_the_work(scheme: str) -> None:
    with ipp.Cluster(n=2, scheme=scheme, hwm=1) as rc:
        view = rc.load_balanced_view()
        ars = [view.apply_async(add, i) for i in range(20)]
        assert [ar.get(10) for ar in ars] == [i + 1 for i in range(20)]
