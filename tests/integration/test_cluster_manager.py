"""All clusters at once, what they leave, and how their engines fare."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets import TraitError

from parallel import Client, Cluster, ClusterManager, EngineError
from parallel.cluster.cluster import clean_cluster_files
from parallel.transport.locations import profile_dir
from parallel.transport.pids import is_alive
from tests import ROOT
from tests.commands import run, running, security
from tests.integration.launchers import FailingLauncher
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Where the commands find the launchers of the tests.
HERE = {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def started() -> Iterator[Cluster]:
    cluster = Cluster(cluster_id="one", n=1).start_cluster_sync()
    yield cluster
    cluster.stop_cluster_sync()


def test_a_cluster_stops_whose_folder_is_gone(tmp_path: Path) -> None:
    cluster = Cluster(profile_dir=str(tmp_path / "gone"), n=1).start_cluster_sync()
    shutil.rmtree(tmp_path / "gone")
    cluster.stop_cluster_sync()
    assert not (tmp_path / "gone").exists()


def test_a_manager_finds_what_runs_and_forgets_what_has_stopped(
    started: Cluster,
) -> None:
    manager = ClusterManager()
    assert list(manager.load_clusters()) == ["default:one"]
    (told,) = json.loads(run("ipcluster list -o json")[0])
    assert told["running"]
    assert Cluster.from_dict(told).controller is not None
    found = manager.get_cluster("default:one")
    with found.connect_client_sync() as client:
        wait_until(lambda: client.ids == [0], 60, "its engine")
    key, other = manager.new_cluster(profile="x", cluster_id="two")
    assert key == "x:two"
    assert manager.get_cluster(key) is other
    with pytest.raises(KeyError, match="'x:two' already"):
        manager.new_cluster(profile="x", cluster_id="two")
    assert list(manager.load_clusters(profile="x")) == ["default:one", key]
    found.stop_cluster_sync()
    assert list(manager.load_clusters()) == [key]
    manager.remove_cluster(key)
    for call in (manager.get_cluster, manager.remove_cluster):
        with pytest.raises(KeyError, match="no cluster 'x:two'; there are none"):
            call(key)


def test_a_manager_may_have_the_cluster_without_an_id_of_each_profile() -> None:
    profile_dir("x").mkdir(parents=True)
    found = ClusterManager().load_clusters(init_default_clusters=True)
    assert list(found) == ["x:"]
    assert found["x:"].cluster_id == ""


def test_what_runs_is_not_cleaned_away_but_by_force(started: Cluster) -> None:
    folder = Path(started.profile_dir)
    with pytest.raises(ValueError, match="cluster 'one' of profile_default still run"):
        clean_cluster_files()
    _, said = run("ipcluster clean", status=1)
    assert "stop them first" in said
    assert len(security()) == 3
    started.stop_cluster_sync()
    left = folder / "security" / "ipcontroller-old-client.json"
    left.write_text("{}")
    run("ipcluster clean --all")
    assert security() == []
    assert list((folder / "log").iterdir()) == []
    clean_cluster_files(folder)  # once more, and nothing happens


def test_status_tells_of_each_set_and_engine() -> None:
    run("ipcluster start -n 2 --daemonize --cluster-id=x")
    try:
        said, _ = run("ipcluster status x")
        assert "cluster 'x': local controller at ipc:" in said
        (row,) = [line.split() for line in said.splitlines() if " local " in line][1:]
        assert row[1:] == ["local", "2", "0", "2", "2", "0"]
        told = json.loads(run("ipcluster status -o json")[0])
        (found,) = told[0]["sets"]
        assert (found["asked"], found["registered"]) == (2, 2)
        with Client(cluster_id="x") as client:
            pids = client[:].apply_sync(os.getpid)
            assert [engine["pid"] for engine in found["engines"]] == pids
            assert {engine["state"] for engine in found["engines"]} == {"registered"}
            with pytest.raises(EngineError):
                client[0].apply_sync(os._exit, 3)
            client.wait_for_engines(2, timeout=60)
            client.shutdown(1, block=True)
        said, _ = run("ipcluster status x")
        dead, left, more = said.splitlines()[-1], *said.splitlines()[-5:-3]
        assert re.match(r"0 +exited with status 3 \(pid \d+ on ", dead)
        assert left.split()[0::2][:2] == ["2", "registered"]
        assert re.match(r"1 more +\d+ +running .*not registered", more)
    finally:
        run("ipcluster stop x")
    run("ipcluster status x", status=11)
    run("ipcluster status", status=11)


def test_a_profile_of_the_package_is_copied_and_used() -> None:
    assert "slurm" in run("ipcluster profile list")[0].split()
    said, _ = run("ipcluster profile create mine --from=local")
    assert Path(said.strip()) == profile_dir("mine") / "ipcluster_config.py"
    _, again = run("ipcluster profile create mine --from=local", status=1)
    assert "is there already" in again
    _, wrong = run("ipcluster profile create x --from=nope", status=1)
    assert "no profile 'nope' to begin with; there are htcondor, local" in wrong
    _, wrong = run("ipcluster profile create a/b", status=1)
    assert "a profile's name is part of its folder's: no 'a/b'" in wrong
    assert "no 'a/b'" in run("ipcluster list --profile=a/b", status=1)[1]
    assert "`create NAME`, or `list`" in run("ipcluster profile make x", status=1)[1]


def test_a_profile_of_the_package_needs_no_files_of_its_own() -> None:
    assert Cluster(profile="slurm").engine_launcher_class == "slurm"
    assert Cluster(profile="slurm", engines="local").transport == "ipc"
    said, _ = run("ipcluster start --profile=mpi --show-config")
    assert "engine_launcher_class = 'mpi'" in said


def test_a_cluster_can_be_stopped_whatever_its_profile_says_by_now() -> None:
    run("ipcluster start -n 1 --daemonize")
    wrong = "get_config().Cluster.engine_timeout = 'long'"
    (profile_dir() / "ipcluster_config.py").write_text(wrong)
    assert "1 " in run("ipcluster status")[0]
    assert list(ClusterManager().load_clusters()) == ["default:"]
    with pytest.raises(TraitError, match=r"ipcluster_config.py: The 'engine_timeout'"):
        Cluster.from_file()
    run("ipcluster stop")
    assert "engine_timeout" in run("ipcluster start -n 1", status=1)[1]


def test_an_option_that_makes_no_sense_is_told_with_the_file_that_has_it() -> None:
    folder = profile_dir()
    folder.mkdir(parents=True)
    (folder / "ipcluster_config.py").write_text("c.Cluster.hwm = 'much'")
    _, said = run("ipcluster start -n 1", status=1)
    assert f"{folder}/ipcluster_config.py: The 'hwm' trait" in said
    _, said = run("ipcluster start -n 1 --hwm=more", status=1)
    assert "'hwm' trait" in said
    assert "ipcluster_config" not in said
    (folder / "ipcluster_config.py").write_text(
        "c.Cluster.python = 'python3'\nc.LocalEngineSetLauncher.stop_timeout = 'long'"
    )
    _, said = run("ipcluster start -n 1", status=1)
    assert "ipcluster_config.py: LocalEngineSetLauncher: The 'stop_timeout'" in said
    assert security() == []


def test_start_uses_the_launchers_that_it_is_told_of() -> None:
    path = f"{FailingLauncher.__module__}.FailingLauncher"
    line = f"ipcluster start -n 1 --engines={path} --ip=127.0.0.1 --daemonize"
    _, said = run(line, status=1, env=HERE)
    assert "0 of 1 engines registered" in said
    assert "there is no option --bogus" in said
    assert security() == []
    _, said = run("ipcluster start --engines=slrum", status=1)
    assert "there is no launcher 'slrum' for engines; there are local" in said
    _, said = run("ipcluster start --queue=long", status=1)
    assert "the launcher 'local' has no use for queue" in said
    _, said = run("ipcluster start --SlurmLauncher.qso=x", status=1)
    assert "did you mean --SlurmLauncher.qos?" in said


def test_the_foreground_tells_of_engines_that_end_and_stops() -> None:
    path = "tests.integration.launchers.HouseLauncher"
    line = f"ipcluster start -n 1 --engines={path} --ip=127.0.0.1"
    with running(line, HERE) as command:
        command.wait_for("to stop:")
        (set_,) = json.loads(run("ipcluster status -o json", env=HERE)[0])[0]["sets"]
        assert (set_["launcher"], set_["registered"]) == (path, 1)
        os.kill(int(set_["jobs"][0]["name"]), 9)
        said = command.wait(1)
        assert "the cluster ended" in said
        assert "was killed by SIGKILL" in said
    assert security() == []


def test_signals_for_users_are_passed_on_to_the_engines() -> None:
    with running("ipcluster start -n 2") as command:
        command.wait_for("to stop:")
        with Client() as client:
            client[:].execute(
                "import signal; got = []\n"
                "for each in (signal.SIGUSR1, signal.SIGUSR2):\n"
                "    signal.signal(each, lambda number, _: got.append(number))",
                block=True,
            )
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                command.process.send_signal(number)
            wanted = [[signal.SIGUSR1, signal.SIGUSR2]] * 2
            wait_until(lambda: list(map(sorted, client[:]["got"])) == wanted, 60)
        command.end()


def test_all_sets_end_with_a_process_that_is_killed() -> None:
    script = (
        "from parallel import Cluster\n"
        "c = Cluster(n=1, cluster_id='x')\n"
        "rc = c.start_and_connect_sync()\n"
        "c.start_engines_sync(1)\n"
        "rc.wait_for_engines(2)\n"
        "print(*rc[:].apply_sync(__import__('os').getpid), flush=True)\n"
        "input()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        owner.kill()
    wait_until(lambda: not any(map(is_alive, pids)), 60, "their end")
    wait_until(lambda: not ClusterManager().load_clusters(), 60, "the end of all")
    assert security() == []
