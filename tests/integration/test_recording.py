"""Where clusters keep what is known of tasks, and what outlives them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster, EngineError
from parallel.client.waiting import as_completed
from tests.integration.processes import controller_of
from tests.integration.tasks import wait_for
from tests.waiting import wait_until


def named(folder: Path, **options: Any) -> Cluster:
    """Return a cluster of a given id, whose record stays."""
    return Cluster(n=1, cluster_id="kept", profile_dir=str(folder), **options)


@pytest.mark.slow
def test_a_cluster_started_again_knows_what_was_done(tmp_path: Path) -> None:
    with named(tmp_path) as rc:
        view = rc.load_balanced_view()
        done = view.map_async(pow, range(20), range(20), chunksize=5)
        done.get(10)
        failed = view.apply_async(lambda: 1 / 0)
        failed.wait(10)
        waiting = view.apply_async(wait_for, str(tmp_path / "never"))
        rc.result_status(waiting)
    record = tmp_path / "tasks-kept.db"
    assert record.stat().st_mode & 0o777 == 0o600
    with named(tmp_path) as rc:
        history = rc.hub_history()
        assert history == done.msg_ids + failed.msg_ids + waiting.msg_ids
        assert rc.get_result(done.msg_ids[0]).get(10) == [n**n for n in range(5)]
        with pytest.raises(ZeroDivisionError):
            rc.get_result(failed.msg_ids[0]).get(10)
        lost = rc.get_result(waiting.msg_ids[0])
        lost.wait(10)
        assert isinstance(lost.exception(), EngineError)
        known = rc.get_result(done.msg_ids[0], block=True)
        assert known.engine_uuid == done.engine_uuid[0]
        assert rc.resubmit(done.msg_ids[1]).get(10) == [n**n for n in range(5, 10)]
        (found,) = rc.db_query({"msg_id": done.msg_ids[1]}, "resubmitted")
        assert found["resubmitted"] == rc.hub_history()[-1]


@pytest.mark.slow
def test_the_record_of_a_killed_controller(tmp_path: Path) -> None:
    with named(tmp_path) as rc:
        controller = controller_of(rc)  # by a task of its own
        ids = rc[:].apply_async(pow, 2, 10).msg_ids
        assert rc.get_result(ids[0]).get(10) == 1024
        first = rc.resubmit(ids[0])
        assert first.get(10) == 1024
        before = rc.hub_history()  # all is written then
        assert before == [*rc.history, first.msg_id]
        os.kill(controller, signal.SIGKILL)
        assert rc.hub_history() == before  # so says the next one
    with named(tmp_path) as rc:
        assert rc.hub_history() == before
        assert rc.get_result(ids[0]).get(10) == 1024
        (found,) = rc.db_query({"msg_id": ids[0]}, ["status", "engine_id"])
        assert found == {"msg_id": ids[0], "status": "ok", "engine_id": 0}
        again = rc.resubmit(ids[0])
        assert again.get(10) == 1024
        assert rc.hub_history() == [*before, again.msg_id]


@pytest.mark.slow
def test_the_engine_of_a_task_that_killed_it(rc: Client, gate: Path) -> None:
    first = rc[0].apply_async(int)
    first.get(10)
    direct = rc[0].apply_async(os._exit, 1)
    direct.wait(10)
    view = rc.load_balanced_view(engine_retries=0)
    balanced = view.apply_async(os._exit, 1)
    balanced.wait(10)
    found = rc.db_query({"engine_uuid": {"$ne": None}, "status": "error"})
    assert [r["msg_id"] for r in found] == [direct.msg_id, balanced.msg_id]
    assert found[0]["engine_uuid"] == first.engine_uuid
    rc.wait_for_engines(2, timeout=20)  # those that took their places
    on = rc.ids[0]
    rc.load_balanced_view(on, engine_retries=0).apply_async(die_behind, str(gate))
    never = rc.load_balanced_view(on).apply_async(int)  # its engine will be gone
    gate.touch()
    never.wait(10)
    (other,) = rc.db_query({"msg_id": never.msg_id}, ["status", "engine_uuid"])
    assert (other["status"], other["engine_uuid"]) == ("error", None)
    for record, ar in zip(found, (direct, balanced), strict=True):
        assert record["engine_uuid"] == ar.engine_uuid
        assert record["engine_id"] == ar.engine_id
        assert record["result_metadata"]["engine"] == ar.engine_uuid
        assert rc.get_result(ar.msg_id, block=True).engine_uuid == ar.engine_uuid


def die_behind(path: str) -> None:
    wait_for(path)
    os._exit(1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_nothing_stays_of_a_cluster_without_a_name(tmp_path: Path, kind: str) -> None:
    with Cluster(n=1, profile_dir=str(tmp_path), task_record=kind) as rc:
        ar = rc[0].apply_async(pow, 2, 3)
        assert rc.get_result(ar.msg_ids[0]).get(10) == 8
        assert rc.hub_history() == ar.msg_ids
        assert rc.resubmit(ar).get(10) == 8
    assert not list(tmp_path.rglob("*.db*"))


@pytest.mark.slow
def test_a_cluster_without_a_record(tmp_path: Path) -> None:
    with Cluster(n=1, profile_dir=str(tmp_path), task_record="none") as rc:
        ar = rc[0].apply_async(pow, 2, 3)
        assert ar.get(10) == 8
        for ask in (
            rc.hub_history,
            lambda: rc.db_query({}),
            lambda: rc.resubmit(ar),
            lambda: rc.result_status(ar),
            lambda: rc.purge_hub_results("all"),
            lambda: rc.get_result(ar.msg_ids[0]).get(10),
        ):
            with pytest.raises(ValueError, match="keeps no record"):
                ask()


@pytest.mark.slow
def test_the_record_is_bounded(tmp_path: Path) -> None:
    with named(tmp_path, task_records=50) as rc:
        results = [rc[0].apply_async(abs, n) for n in range(200)]
        assert sum(1 for _ in as_completed(results, timeout=30)) == 200
        history = rc.hub_history()
        assert 45 <= len(history) <= 50
        assert history == [ar.msg_ids[0] for ar in results[-len(history) :]]
        with pytest.raises(KeyError, match="dropped"):
            rc.get_result(results[0].msg_ids[0]).get(10)


@pytest.mark.slow
def test_work_goes_on_when_the_record_cannot_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "no" / "such" / "tasks.db"
    with named(tmp_path, task_record_file=str(missing)) as rc:
        ar = rc[0].apply_async(pow, 2, 3)
        assert ar.get(10) == 8
        assert rc.hub_history() == ar.msg_ids
        rc.wait_for_engines(1, timeout=10)
        wait_until(lambda: f"cannot be recorded in {missing}" in caplog.text)
