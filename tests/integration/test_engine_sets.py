"""Several sets of engines, started, stopped and restarted through launchers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.cluster.agentengines import AgentEngines
from parallel.cluster.launchers.local import LocalLauncher
from parallel.cluster.members import ids_of
from parallel.cluster.prologue import FAILED
from parallel.cluster.records import read_record
from parallel.cluster.status import status_of
from parallel.errors import (
    ClusterRunning,
    ControllerUnreachable,
    EngineError,
    LauncherError,
    RemoteError,
)
from tests.commands import security
from tests.integration.launchers import (
    FailingLauncher,
    HouseLauncher,
    StubbornLauncher,
)
from tests.integration.tasks import begin_and_wait_for
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def made() -> Iterator[Cluster]:
    """Return a cluster that is not started yet."""
    cluster = Cluster(cluster_id="sets", engine_timeout=120)
    yield cluster
    cluster.stop_cluster_sync()


def test_who_asks_one_that_does_not_run_is_told_so_at_once(
    made: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    for call in (
        made.connect_client_sync,
        lambda: made.signal_engines_sync(signal.SIGINT),
    ):
        with pytest.raises(ControllerUnreachable, match="'sets' does not run"):
            call()
    assert not capsys.readouterr().out, "nothing is waited for"
    with pytest.raises(ControllerUnreachable, match="no connection file"):
        made.connect_client_sync(timeout=0.01)


def wait_for_ids(client: Client, count: int) -> list[int]:
    wait_until(lambda: len(client.ids) == count, 90, f"{count} engines")
    return client.ids


def test_a_cluster_can_be_built_part_by_part(made: Cluster) -> None:
    with pytest.raises(LauncherError, match="engines need a controller"):
        made.start_engines_sync(1)
    made.start_controller_sync()
    with pytest.raises(ClusterRunning, match=r"'sets' of profile .* is running"):
        made.start_controller_sync()
    first = made.start_engines_sync(2)
    assert first.isdigit()
    second = made.start_engines_sync(1, "more", environment={"COLOUR": "red"})
    assert list(made.engines) == [first, second]
    assert made.engine_set is made.engines[first]
    with made.connect_client_sync() as client:
        ids = wait_for_ids(client, 3)
        (red,) = ids_of(client, "more")
        assert client[red].apply_sync(os.getenv, "COLOUR") == "red"
        assert len(ids_of(client, first)) == 2
        made.stop_engines_sync("more")
        wait_until(lambda: client.ids == sorted(set(ids) - {red}), 60, "its end")
        made.stop_engines_sync()
        assert made.engines == {}
        wait_for_ids(client, 0)
    made.stop_controller_sync()
    made.stop_controller_sync()
    assert made.controller is None


def test_the_first_engines_are_a_set_like_others(made: Cluster) -> None:
    with made.start_and_connect_sync(2) as client:
        (set_id,) = made.engines
        assert isinstance(made.engines[set_id], AgentEngines)
        assert ids_of(client, set_id) == [0, 1]
        pids = set(client[:].apply_sync(os.getpid))
        made.restart_engines_sync()
        assert list(made.engines) == [set_id]
        assert wait_for_ids(client, 2) == ids_of(client, set_id) == [2, 3]
        assert pids.isdisjoint(client[:].apply_sync(os.getpid))
        made.start_engines_sync(1, "more")
        wait_for_ids(client, 3)


def test_each_engine_of_a_host_has_its_own_share_of_variables_and_resources() -> None:
    shared = {"GPU": "[0,1]", "THREADS": 1}
    cluster = Cluster(n=2, environment=shared, resources=[{"gpu": 1}, {}])
    with cluster as client:
        assert client[:].apply_sync(os.getenv, "GPU") == ["0", "1"]
        cluster.start_engines_sync(2)
        wait_for_ids(client, 4)
        assert sorted(client[2, 3].apply_sync(os.getenv, "GPU")) == ["0", "1"]
        assert client[2:].apply_sync(os.getenv, "THREADS") == ["1", "1"]
        engines = client._connection.engines.values()
        assert [each.resources for each in engines].count({"gpu": 1}) == 2


def test_an_unknown_set_is_told_which_there_are(made: Cluster) -> None:
    made.start_cluster_sync(1)
    (set_id,) = made.engines
    for call in (made.stop_engines_sync, made.restart_engines_sync):
        with pytest.raises(KeyError, match=f"no set of .* 'x'; there are '{set_id}'"):
            call("x")
    with pytest.raises(KeyError, match="no set of engines 'x'"):
        made.signal_engines_sync(signal.SIGINT, "x")
    with pytest.raises(LauncherError, match=r"can be called .*: it is there already"):
        made.start_engines_sync(1, set_id)


def test_a_signal_reaches_the_engines_of_a_set(
    made: Cluster, begun: Path, gate: Path
) -> None:
    with made.start_and_connect_sync(1) as client:
        made.start_engines_sync(1, "more")
        wait_for_ids(client, 2)
        (more,) = ids_of(client, "more")
        others = client[0].apply_async(time.sleep, 1)
        asleep = client[more].apply_async(begin_and_wait_for, str(begun), str(gate))
        wait_until(begun.exists, 60, "its start")
        made.signal_engines_sync(signal.SIGINT, "more")
        with pytest.raises(RemoteError, match="KeyboardInterrupt"):
            asleep.get(60)
        others.get(60)


def test_another_process_finds_all_sets_and_can_change_them(made: Cluster) -> None:
    with made.start_and_connect_sync(1) as client:
        made.start_engines_sync(1, "more")
        wait_for_ids(client, 2)
        found = Cluster.from_file(cluster_id="sets")
        assert list(found.engines) == list(made.engines)
        assert found.n == 2
        found.restart_engines_sync("more")
        wait_until(lambda: client.ids == [0, 2], 90, "the new one")
        found.stop_engines_sync("more")
        assert wait_for_ids(client, 1) == [0]
        (left,) = Cluster.from_file(cluster_id="sets").engines
        assert left != "more"
        found.stop_cluster_sync()
        assert "stopped" in repr(found)
    with pytest.raises(FileNotFoundError):
        Cluster.from_file(cluster_id="sets")


def test_what_another_process_has_restarted_is_stopped_by_the_first(
    made: Cluster,
) -> None:
    with made.start_and_connect_sync(1) as client:
        made.start_engines_sync(1, "more")
        wait_for_ids(client, 2)
        found = Cluster.from_file(cluster_id="sets")
        found.restart_engines_sync("more")
        wait_until(lambda: client.ids == [0, 2], 90, "the new one")
        made.stop_engines_sync("more")
        assert not found.engines["more"].running
        assert wait_for_ids(client, 1) == [0]


def test_a_cluster_travels_as_a_dict(made: Cluster) -> None:
    made.start_cluster_sync(1)
    told = json.loads(json.dumps(made.to_dict()))
    (set_id,) = made.engines
    assert told["cluster"]["cluster_id"] == "sets"
    assert told["controller"]["class"] == "local"
    assert told["engines"]["sets"][set_id]["class"] == "local"
    again = Cluster.from_dict(told)
    assert list(again.engines) == [set_id]
    assert not again.shutdown_atexit
    with again.connect_client_sync() as client:
        wait_for_ids(client, 1)
    again.stop_cluster_sync()
    gone = Cluster.from_dict(told)
    assert gone.controller is None
    assert gone.engines == {}


def test_controller_and_engines_run_through_a_launcher_of_ones_own() -> None:
    cluster = Cluster(
        controller=HouseLauncher,
        engines="tests.integration.launchers.HouseLauncher",
        ip="127.0.0.1",
        queue="long",
        prologue=["export SHAPE=round"],
        cluster_id="house",
    )
    with cluster as client:
        assert cluster.transport == "tcp"
        assert isinstance(cluster.controller, HouseLauncher)
        assert isinstance(cluster.engine_set, HouseLauncher)
        assert cluster.engine_set.queue == cluster.controller.queue == "long"
        wait_for_ids(client, cluster.n or 0)
        assert client[0].apply_sync(os.getenv, "SHAPE") == "round"
        found = Cluster.from_file(cluster_id="house")
        assert isinstance(found.controller, HouseLauncher)
        assert found.engine_set is not None
        assert found.engine_set.running
    assert not found.engine_set.running


def test_users_are_told_which_line_of_a_prologue_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Cluster(n=1) as client:
        cluster = client.cluster
        assert isinstance(cluster, Cluster)
        cluster.start_engines_sync(
            1, prologue=["module() { return 3; }", "module load typo"]
        )
        client.wait_for_engines(2, timeout=60)
        assert client[-1].apply_sync(os.getenv, FAILED) is None
        told = "of the prologue failed `module load typo` with status 3"
        wait_until(lambda: told in caplog.text)
        assert told in status_of(cluster).troubles[0]


def test_users_are_told_which_line_of_the_controllers_prologue_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Cluster(
        controller=HouseLauncher, prologue=["module() { return 3; }", "module load x"]
    )
    cluster.start_controller_sync()
    try:
        with cluster.connect_client_sync():
            told = "where the controller runs: of the prologue failed `module load x`"
            wait_until(lambda: told in caplog.text)
            (trouble,) = status_of(cluster).troubles
            assert trouble.endswith(f"{told} with status 3, and the rest was run")
            assert trouble.startswith("on ")
    finally:
        cluster.stop_cluster_sync()


def test_engines_whose_agent_was_killed_are_shown_and_stopped_nevertheless(
    made: Cluster,
) -> None:
    made.n = 1
    with made as rc:
        made.start_engines_sync(2, "more")
        rc.wait_for_engines(3, timeout=60)
        launcher, record = made.engines["more"], made.record
        assert isinstance(launcher, LocalLauncher)
        assert launcher.pid
        assert record is not None
        os.kill(launcher.pid, signal.SIGKILL)
        wait_until(lambda: not launcher.running)
        more = status_of(made).sets[1]
        assert (more.running, more.registered, more.failed) == (2, 2, 0)
        found = Cluster.from_file(profile_dir=made.profile_dir, cluster_id="sets")
        assert "more" not in found.engines
        more = status_of(found).sets[1]
        assert (more.set_id, more.asked, more.registered) == ("more", None, 2)
        os.kill(rc[-1].apply_sync(os.getpid), signal.SIGKILL)
        wait_until(lambda: len(rc) == 2, 60, "one engine less")
        more = status_of(made).sets[1]
        assert (more.running, more.registered, more.failed) == (1, 1, 1)
        os.kill(record.pid, signal.SIGKILL)
        wait_until(lambda: not record.has_agent())
        own = status_of(made).sets[0]
        assert f"its agent (pid {record.pid}) was killed" in own.jobs[0].reason
        assert own.jobs[0].name == str(made.record and made.record.controller)
        made.stop_engines_sync("more")
        assert len(rc) == 1


def test_another_process_stops_a_set_alone_whose_agent_was_killed(
    made: Cluster,
) -> None:
    made.n = 1
    with made as rc:
        made.start_engines_sync(2, "more")
        rc.wait_for_engines(3, timeout=60)
        launcher = made.engines["more"]
        assert isinstance(launcher, LocalLauncher)
        assert launcher.pid
        os.kill(launcher.pid, signal.SIGKILL)
        wait_until(lambda: not launcher.running)
        found = Cluster.from_file(cluster_id="sets")
        with pytest.raises(KeyError, match="no set of engines 'typo'; there are"):
            found.stop_engines_sync("typo")
        found.stop_engines_sync("more")
        assert wait_for_ids(rc, 1) == [0]
        record = read_record(Path(made.cluster_file))
        assert record is not None
        assert "more" not in record.sets


def test_who_waits_after_a_restart_waits_for_new_engines(made: Cluster) -> None:
    made.n = 2
    with made as rc:
        old = rc.ids
        made.restart_engines_sync()  # of which the client has read nothing yet
        rc.wait_for_engines(2, timeout=60)
        assert not set(old) & set(rc.ids)
        assert rc[:].apply_sync(abs, -1) == [1, 1]


def test_another_process_signals_and_restarts_a_set_whose_agent_was_killed(
    made: Cluster, begun: Path, gate: Path
) -> None:
    made.n = 1
    with made as rc:
        made.start_engines_sync(1, "more", environment={"COLOUR": "red"})
        rc.wait_for_engines(2, timeout=60)
        launcher = made.engines["more"]
        assert isinstance(launcher, LocalLauncher)
        assert launcher.pid
        os.kill(launcher.pid, signal.SIGKILL)
        wait_until(lambda: not launcher.running)
        found = Cluster.from_file(cluster_id="sets")
        assert "more" not in found.engines
        with pytest.raises(KeyError, match="no set of engines 'typo'; there are"):
            found.restart_engines_sync("typo")
        (old,) = ids_of(rc, "more")
        asleep = rc[old].apply_async(begin_and_wait_for, str(begun), str(gate))
        wait_until(begun.exists, 60, "its start")
        found.signal_engines_sync(signal.SIGINT, "more")
        with pytest.raises(RemoteError, match="KeyboardInterrupt"):
            asleep.get(60)
        found.restart_engines_sync("more")
        wait_until(lambda: ids_of(rc, "more") not in ([], [old]), 90, "the new one")
        assert len(ids_of(rc, "more")) == 1
        assert rc[-1].apply_sync(os.getenv, "COLOUR") == "red"
        assert found.engines["more"].running
        found.stop_engines_sync("more")
        assert wait_for_ids(rc, 1) == [0]


def test_engines_that_end_early_are_told_with_their_last_lines() -> None:
    cluster = Cluster(engines=FailingLauncher, ip="127.0.0.1", cluster_id="failing")
    with pytest.raises(EngineError, match="0 of 1 engines registered") as raised:
        cluster.start_and_connect_sync(1)
    said = str(raised.value)
    assert "FailingLauncher" in said
    assert "exited with status 1 (pid" in said
    assert "there is no option --bogus" in said
    assert cluster.engines == {}
    assert cluster.controller is None


def test_a_controller_that_ends_early_is_told_with_its_last_lines() -> None:
    cluster = Cluster(controller=FailingLauncher, cluster_id="failing")
    with pytest.raises(LauncherError, match="controller did not come up") as raised:
        cluster.start_cluster_sync(1)
    assert "there is no option --bogus" in str(raised.value)
    assert not Path(cluster.profile_dir, "security", "cluster-failing.json").exists()


def test_a_controller_that_is_stopped_takes_its_engines_along(made: Cluster) -> None:
    made.start_cluster_sync(1)
    made.start_engines_sync(1, "more")
    more = made.engines["more"]
    with made.connect_client_sync() as client:
        wait_for_ids(client, 2)
    made.stop_controller_sync()
    assert list(made.engines) == ["more"]  # to be stopped, or seen to have ended
    wait_until(lambda: not more.running, 60, "their end")
    made.stop_engines_sync()
    assert security() == []
    made.start_cluster_sync(1)
    made.stop_cluster_sync()
    assert security() == []


def test_what_could_not_be_stopped_is_found_again_and_stopped_then() -> None:
    cluster = Cluster(engines=StubbornLauncher, ip="127.0.0.1", cluster_id="left")
    cluster.start_cluster_sync(1)
    with pytest.raises(LauncherError, match="the queue does not answer"):
        cluster.stop_cluster_sync()
    assert security() == ["cluster-left.json"]
    with pytest.raises(ClusterRunning):
        Cluster(cluster_id="left", n=1).start_cluster_sync()
    found = Cluster.from_file(cluster_id="left")
    assert found.controller is None
    assert [launcher.running for launcher in found.engines.values()] == [True]
    found.stop_cluster_sync()
    assert security() == []
    cluster.stop_cluster_sync()  # it is this process that has to wait for its child
    assert cluster.engines == {}


def test_engines_that_stay_away_are_told_and_nothing_is_left() -> None:
    cluster = Cluster(engines=StubbornLauncher, ip="127.0.0.1", engine_timeout=1)
    with pytest.raises((TimeoutError, LauncherError)) as raised:
        cluster.start_and_connect_sync(1)
    told = raised.value.__context__ or raised.value
    assert "0 of 1 engines registered within 1 s" in f"{told} {raised.value}"
    cluster.stop_cluster_sync()
    assert security() == []
