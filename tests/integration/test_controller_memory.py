"""What the next controller knows of the one that was killed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.controller.limits import Limits
from parallel.controller.store.database import Database
from tests.integration.processes import controller_of, wait_until_gone
from tests.integration.tasks import add, begin_and_wait_for, notes
from tests.integration.test_controller_restart import another, kill_controller
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_no_engine_id_is_given_twice(rc: Client) -> None:
    before = dict(zip(rc.ids, rc[:].apply_sync(os.getpid), strict=True))
    kill_controller(rc)
    with another(rc) as client:
        after = dict(zip(client.ids, client[:].apply_sync(os.getpid), strict=True))
    for engine_id in before.keys() & after.keys():
        assert before[engine_id] == after[engine_id], "another engine has this id"


@pytest.mark.parametrize("kept", [0, 20])
def test_a_damaged_roster_is_told_and_the_start_goes_on(
    rc: Client, caplog: pytest.LogCaptureFixture, kept: int
) -> None:
    roster = Path(rc.cluster.record.runtime_dir) / "roster.json"
    wait_until(lambda: roster.read_text().count(os.uname().nodename) == 2)
    assert roster.stat().st_mode & 0o777 == 0o600
    # The controller is held while its file is cut, so that it does not write it anew.
    pid = controller_of(rc)
    os.kill(pid, signal.SIGSTOP)
    roster.write_bytes(roster.read_bytes()[:kept])
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
    with another(rc) as client:
        wait_until(lambda: f"{roster} cannot be read" in caplog.text, what="the news")
        assert client[:].apply_sync(add, 1) == [2, 2]


def written(file: Path, copies: Path) -> dict[str, bool]:
    """Return which tasks are in a record's file by now, and which have ended there."""
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir()
    for each in file.parent.glob(f"{file.name}*"):
        shutil.copy(each, copies)
    database = Database(str(copies / file.name), Limits(), inherits=True)
    ended = {entry.msg_id: True for entry in database.select([], frames=False)}
    begun = {entry.msg_id: False for entry in database.inherited}
    database.close()
    return {**begun, **ended}


def record_of(client: Client) -> Path:
    """Return the file of a cluster's record."""
    cluster = client.cluster
    if cluster.cluster_id == "recorded":
        return Path(cluster.profile_dir) / "tasks-recorded.db"
    return Path(cluster.record.runtime_dir) / "tasks.db"


@pytest.mark.parametrize("name", [{"cluster_id": "recorded"}, {}], ids=str)
def test_the_record_goes_on_in_the_same_file(
    tmp_path: Path, name: dict[str, str]
) -> None:
    with Cluster(n=2, **name) as rc:
        file = record_of(rc)
        ars = [rc[0].apply_async(add, i) for i in range(10)]
        ids, values = [ar.msg_ids[0] for ar in ars], [ar.get(timeout=20) for ar in ars]
        ended = dict.fromkeys(ids, True)
        wait_until(lambda: written(file, tmp_path / "copies") == ended)
        for _ in range(3):
            kill_controller(rc)
            with another(rc) as client:
                assert client.get_result(ids).get(timeout=10) == values
                assert client.hub_history() == ids
    assert file.exists() == bool(name)


def test_what_a_killed_controller_left_unfinished_is_not_lost_at_once(
    begun: Path, gate: Path, tmp_path: Path
) -> None:
    with Cluster(n=2, cluster_id="recorded") as rc:
        file = record_of(rc)
        lview = rc.load_balanced_view()
        ar = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
        unfinished = {ar.msg_ids[0]: False}
        wait_until(lambda: notes(begun), what="begin of the task")
        wait_until(lambda: written(file, tmp_path / "copies") == unfinished)
        kill_controller(rc)
        with another(rc) as client:
            status = client.result_status(ar.msg_ids)
            assert status["pending"] == ar.msg_ids
        gate.touch()
