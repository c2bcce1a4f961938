"""`ipcluster` starts, stops and lists real clusters, and leaves nothing behind.

That no process and no temporary file is left, each test's own sandbox sees to: see
`tests.leaks`. What clusters write to a profile's folder is looked at here.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.transport.locations import connection_file, profile_dir
from tests.commands import broken_engines, run, running, security, words
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

BROKEN = "raise ImportError('libbroken.so.1: cannot open shared object file')"
HANGING = "import time; print('hanging', flush=True); time.sleep(60)"


def forty_two() -> int:
    return 42


@contextlib.contextmanager
def daemonized(options: str = "-n 1") -> Iterator[str]:
    """Leave a cluster running for the block; give what its start wrote to stderr."""
    said = run(f"ipcluster start --daemonize {options}")[1]
    try:
        yield said
    finally:
        for profile in Path(os.environ["IPYTHONDIR"]).glob("profile_*"):
            run(f"ipcluster stop --all --profile-dir={profile}")


def client_now(profile: str = "default", cluster_id: str = "") -> Client:
    """Connect to a cluster whose connection file is there already."""
    file = connection_file(profile_dir(profile), cluster_id, "client")
    assert file.exists()
    # Its controller may be slow to answer, where much else runs.
    return Client(profile=profile, cluster_id=cluster_id, timeout=60)


# Starting in the background


def test_daemonize_returns_when_the_engines_are_there() -> None:
    with daemonized("-n 3") as said:
        with client_now() as client:
            assert client.ids == [0, 1, 2]
            assert client[:].apply_sync(forty_two) == [42, 42, 42]
        file = Path(said.splitlines()[-1])
        assert file.name == "cluster-.json"
        pid = json.loads(file.read_text())["pid"]
        assert os.getsid(pid) == pid  # no terminal can end it
        run("ipcluster stop")
    assert security() == []


def test_options_of_engines_and_of_the_controller_can_be_given() -> None:
    engines = "--resources gpu=1 --resources disk=2 --labels big"
    with daemonized(f"-n 1 {engines} -- --nodb"), client_now() as client:
        lview = client.load_balanced_view()
        with lview.temp_flags(resources={"gpu": 1, "disk": 2}, labels=["big"]):
            result = lview.apply_async(forty_two)
        assert result.get(timeout=10) == 42
        with pytest.raises(ValueError, match="keeps no record"):
            client.db_query({"msg_id": result.msg_ids[0]})


def test_files_are_for_their_owner_only() -> None:
    before = os.umask(0)
    try:
        with daemonized("-n 1"):
            folder = Path(os.environ["IPYTHONDIR"]) / "profile_default/security"
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
            assert modes == {0o600}
            assert len(security()) == 3
    finally:
        os.umask(before)


def test_clusters_stand_side_by_side() -> None:
    with (
        daemonized("-n 1"),
        daemonized("-n 2 --cluster-id=two"),
        daemonized("-n 1 --profile=other"),
    ):
        with client_now() as client:
            assert len(client) == 1
        with client_now(cluster_id="two") as client:
            assert len(client) == 2
        with client_now("other") as client:
            assert len(client) == 1
        rows = [line.split() for line in run("ipcluster list")[0].splitlines()]
        assert rows == [
            ["PROFILE", "CLUSTER-ID", "RUNNING", "ENGINES", "LAUNCHER"],
            ["default", "''", "True", "1", "Local"],
            ["default", "two", "True", "2", "Local"],
            ["other", "''", "True", "1", "Local"],
        ]
        found = json.loads(run("ipcluster list --profile=other -o json")[0])
        assert [(each["profile"], each["n"]) for each in found] == [("other", 1)]
        run("ipcluster stop two")
        assert len(run("ipcluster list --profile=default")[0].splitlines()) == 2
        run("ipcluster stop --profile=other")
        with client_now() as client:
            assert client[0].apply_sync(forty_two) == 42


def test_a_cluster_by_tcp() -> None:
    with daemonized("-n 1 --ip=127.0.0.1") as said:
        (file,) = re.findall(r"connection file is (\S+)", said)
        info = json.loads(Path(file).read_text())
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", info["urls"][0])
        assert info["curve"]
        with Client(file) as client:
            assert client[0].apply_sync(forty_two) == 42


def test_the_environment_names_the_cluster(tmp_path: Path) -> None:
    env = {"IPP_CLUSTER_ID": "mine", "IPP_PROFILE_DIR": str(tmp_path / "folder")}
    said = run("ipcluster start -n 1 --daemonize", env=env)[1]
    file = tmp_path / "folder/security/cluster-mine.json"
    assert Path(said.splitlines()[-1]) == file
    assert "cluster_id='mine'" in said
    listed = run("ipcluster list", env=env)[0].splitlines()[1].split()
    assert listed[:2] == [str(tmp_path / "folder"), "mine"]
    run("ipcluster stop", env=env)
    assert not file.exists()


def test_configuration_files_are_read_and_the_command_line_wins() -> None:
    profile = Path(os.environ["IPYTHONDIR"]) / "profile_x"
    profile.mkdir()
    profile.joinpath("ipcluster_config.py").write_text(
        "c.Cluster.n = 2\nc.Cluster.environment = {'PLANET': 'Mars'}\n"
    )
    with daemonized("--profile=x"), client_now("x") as client:
        assert client[:].apply_sync(os.getenv, "PLANET") == ["Mars", "Mars"]
    with daemonized("--profile=x -n 1"), client_now("x") as client:
        assert len(client) == 1


def test_engines_work_in_the_folder_that_is_given(tmp_path: Path) -> None:
    tmp_path.joinpath("mine.py").write_text("answer = 42\n")
    with daemonized(f"-n 1 --work-dir={tmp_path}"), client_now() as client:
        assert client[0].apply_sync(os.getcwd) == str(tmp_path)
        client[0].execute("import mine").get()
        assert client[0]["mine.answer"] == 42


def test_files_in_the_folder_do_not_stand_in_for_ours(tmp_path: Path) -> None:
    for name in ("parallel.py", "zmq.py", "selectors.py"):
        tmp_path.joinpath(name).write_text("raise ImportError('not this one')\n")
    with daemonized(f"-n 1 --work-dir={tmp_path}"), client_now() as client:
        assert client[0].apply_sync(forty_two) == 42


# What goes wrong


def test_a_second_one_is_refused() -> None:
    with daemonized("-n 1"):
        said = run("ipcluster start -n 1 --daemonize", status=10)[1]
        assert "is running" in said
        run("ipcluster start -n 1", status=10)
        said = run("ipcontroller", status=10)[1]
        assert "is running" in said
        with client_now() as client:  # unharmed
            assert client[0].apply_sync(forty_two) == 42


def test_of_two_at_once_one_is_refused() -> None:
    with running("ipcluster start -n 1") as one, running("ipcluster start -n 1") as two:
        both = [one, two]
        wait_until(lambda: any(each.process.poll() is not None for each in both), 30)
        (loser,) = [each for each in both if each.process.poll() is not None]
        (winner,) = [each for each in both if each is not loser]
        assert "is running" in loser.wait(10)
        winner.wait_for("to stop")
        with client_now() as client:
            assert client[0].apply_sync(forty_two) == 42
        winner.end()
    assert security() == []


def test_there_is_nothing_to_stop() -> None:
    said = run("ipcluster stop", status=11)[1]
    assert "no cluster ''" in said
    assert "none is, of any profile" in said
    assert "no cluster 'x'" in run("ipcluster stop x", status=11)[1]
    run("ipcluster stop --all")
    run("ipcluster stop --all --profile=none")
    with daemonized("-n 1 --cluster-id=here"):
        said = run("ipcluster status --profile=other", status=11)[1]
        assert "profile 'other' is running; running are 'here'" in said
        said = run("ipcluster stop gone here", status=11)[1]
        assert "no cluster 'gone'" in said
        assert "running are 'here' of profile 'default'" in said
        assert "stopped cluster 'here'" in said
    assert security() == []


def test_the_file_of_a_dead_cluster_does_not_count() -> None:
    with daemonized("-n 1") as said:
        file = Path(said.splitlines()[-1])
        text = file.read_text()
    file.write_text(text)
    assert len(run("ipcluster list")[0].splitlines()) == 1
    assert not file.exists()
    file.write_text(text)
    run("ipcluster stop", status=11)
    file.write_text(text[:20])
    with daemonized("-n 1"):
        assert len(run("ipcluster list")[0].splitlines()) == 2


def test_a_cluster_whose_agent_was_killed_goes_on_and_is_found_and_stopped() -> None:
    with daemonized("-n 2") as said:
        record = json.loads(Path(said.splitlines()[-1]).read_text())
        os.kill(record["pid"], signal.SIGKILL)
        with client_now() as client:
            assert client[:].apply_sync(forty_two) == [42, 42]
        assert " True " in run("ipcluster list")[0].splitlines()[1]
        with client_now() as client:
            assert client[:].apply_sync(forty_two) == [42, 42]
        assert "is running" in run("ipcluster start -n 1", status=10)[1]
        assert "stopped cluster" in run("ipcluster stop")[1]
        assert not Path(record["runtime_dir"]).exists()
    assert security() == []


def test_a_client_ends_a_cluster_whose_agent_was_killed() -> None:
    with daemonized("-n 2") as said:
        record = json.loads(Path(said.splitlines()[-1]).read_text())
        os.kill(record["pid"], signal.SIGKILL)
        with client_now() as client:
            assert client[:].apply_sync(forty_two) == [42, 42]
            client.shutdown(hub=True)
        wait_until(lambda: security() == [], what="an empty folder")
        wait_until(lambda: not Path(record["runtime_dir"]).exists())


def test_what_a_wholly_killed_cluster_left_is_removed() -> None:
    with daemonized("-n 1") as said:
        record = json.loads(Path(said.splitlines()[-1]).read_text())
        for which in ("pid", "controller"):
            os.kill(record[which], signal.SIGKILL)
        assert Path(record["runtime_dir"]).is_dir()
        wait_until(lambda: len(run("ipcluster list")[0].splitlines()) == 1)
        assert not Path(record["runtime_dir"]).exists()
        assert [name for name in security() if name.startswith("cluster")] == []
        with daemonized("-n 1"), client_now() as client:
            assert client[0].apply_sync(forty_two) == 42
    assert security() == []


def test_a_cluster_whose_controller_is_started_again_is_listed_as_such() -> None:
    with daemonized("-n 1") as said:
        file = Path(said.splitlines()[-1])
        first = json.loads(file.read_text())
        os.kill(first["pid"], signal.SIGSTOP)  # it cannot start one yet
        os.kill(first["controller"], signal.SIGKILL)
        wait_until(lambda: "restarting" in run("ipcluster list")[0].splitlines()[1])
        assert json.loads(run("ipcluster list -o json")[0])[0]["restarting"]
        os.kill(first["pid"], signal.SIGCONT)
        wait_until(lambda: " True " in run("ipcluster list")[0].splitlines()[1])
        second = json.loads(file.read_text())
        assert (first["epoch"], second["epoch"]) == (1, 2)
        assert second["urls"] == first["urls"]
        assert second["controller"] != first["controller"]
        with Client() as client:
            client.wait_for_engines(1, timeout=20)
            assert client[0:1].apply_sync(forty_two) == [42]
    assert security() == []


@pytest.mark.parametrize("seen", [False, True])
def test_a_cluster_is_stopped_while_it_has_no_controller(seen: bool) -> None:
    with daemonized("-n 2") as said:
        record = json.loads(Path(said.splitlines()[-1]).read_text())
        os.kill(record["controller"], signal.SIGKILL)
        if seen:
            wait_until(lambda: '"epoch": 2' in run("ipcluster list -o json")[0])
        assert "stopped cluster" in run("ipcluster stop")[1]
    assert security() == []


def test_a_cluster_of_another_host_is_left_alone() -> None:
    with daemonized("-n 1") as said:
        file = Path(said.splitlines()[-1])
        text = file.read_text()
        other = {**json.loads(text), "host": "elsewhere.example"}
        file.write_text(json.dumps(other))
        assert "elsewhere.example" in run("ipcluster stop", status=1)[1]
        file.write_text(text)
        with client_now() as client:
            assert client[0].apply_sync(forty_two) == 42


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("how", ["", "--daemonize"])
def test_engines_that_cannot_start(tmp_path: Path, method: str, how: str) -> None:
    command = f"ipcluster start -n 2 {how} --Cluster.start_method={method}"
    said = run(command, status=1, env=broken_engines(tmp_path, BROKEN))[1]
    assert re.search(r"engine \d of 2 did not stay up", said)
    assert re.search(
        rf"exited with status 1 \(pid \d+ on {socket.gethostname()}\)", said
    )
    assert "last lines of" in said
    assert "libbroken.so.1: cannot open shared object file" in said
    assert security() == []


def test_engines_that_never_register(tmp_path: Path) -> None:
    command = "ipcluster start -n 2 --daemonize --Cluster.engine_timeout=0.5"
    said = run(command, status=1, env=broken_engines(tmp_path, HANGING))[1]
    assert "0 of 2 engines registered within 0.5 s; their logs are in" in said
    assert security() == []


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run(f"ipcluster start -n 1 --daemonize --port={port}", status=1)[1]
    assert f"tcp://127.0.0.1:{port}: Address already in use" in said
    assert security() == []


def test_an_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    env = broken_engines(tmp_path, HANGING)
    log = Path(os.environ["IPYTHONDIR"]) / "profile_default/log/ipengine-1.log"
    with running("ipcluster start -n 2 --daemonize", env=env) as start:
        wait_until(lambda: log.exists() and "hanging" in log.read_text(), 30)
        assert len(run("ipcluster list")[0].splitlines()) == 2
        said = start.end(signal.SIGTERM, status=128 + signal.SIGTERM)
    assert "SIGTERM" in said
    assert security() == []


# In the foreground


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_foreground_ends_by_a_signal(signum: signal.Signals) -> None:
    with running("ipcluster start -n 2 --profile=it --cluster-id=is") as start:
        said = start.wait_for("to stop: Ctrl-C here, or ")
        assert "2 engines are running; the connection file is" in said
        assert "parallel.Client(profile='it', cluster_id='is')" in said
        assert "ipcluster stop --profile=it is" in start.wait_for("stop --profile")
        with client_now("it", "is") as client:
            assert client[:].apply_sync(forty_two) == [42, 42]
        said = start.end(signum)
        assert f"got {signum.name}: stopping" in said
        assert said.splitlines()[-1].endswith("stopped")
    assert security("it") == []


def test_log_lines_tell_time_level_and_name() -> None:
    with running("ipcluster start -n 1") as start:
        start.wait_for("to stop")
        lines = start.end().splitlines()
    form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO parallel\.ipcluster \S.*"
    assert [line for line in lines if not re.fullmatch(form, line)] == []


def test_a_killed_foreground_leaves_nothing() -> None:
    with running("ipcluster start -n 2") as start:
        start.wait_for("to stop")
        start.end(signal.SIGKILL, status=-signal.SIGKILL)
        wait_until(lambda: security() == [], 5, "removal of the cluster's files")


def test_nohup_is_heeded() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running("ipcluster start -n 1") as start:
            start.wait_for("to stop")
            start.process.send_signal(signal.SIGHUP)
            with client_now() as client:
                assert client[0].apply_sync(forty_two) == 42
            assert "got SIGINT" in start.end(signal.SIGINT)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_somebody_else_stops_it() -> None:
    with running("ipcluster start -n 1") as start:
        start.wait_for("to stop")
        run("ipcluster stop")
        assert "stopped by somebody else" in start.wait()
    with running("ipcluster start -n 1") as start:
        start.wait_for("to stop")
        with client_now() as client:
            client.shutdown(hub=True)
        assert "stopped by somebody else" in start.wait()
    assert security() == []


def test_it_tells_how_it_ended_by_itself() -> None:
    with running("ipcluster start -n 2") as start:
        start.wait_for("to stop")
        cluster = Cluster.from_file()
        assert cluster.record is not None
        os.kill(cluster.record.pid, signal.SIGKILL)
        said = start.wait(1)
        assert f"(pid {cluster.record.pid} on {socket.gethostname()})" in said
        assert "was killed by SIGKILL" in said
    assert security() == []


# On a terminal


@contextlib.contextmanager
def on_a_terminal(command: str) -> Iterator[tuple[int, int]]:
    """Run a command on a terminal of its own; give its pid and our end of that."""
    pid, terminal = pty.fork()
    if pid == 0:  # nothing but exec: this process has threads
        line = words(command)
        os.execv(line[0], line)
    try:
        yield pid, terminal
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            os.close(terminal)


def read_until(terminal: int, text: str) -> str:
    """Return what came from a terminal, up to some text."""
    said = b""
    while text.encode() not in said:
        said += os.read(terminal, 4096)
    return said.decode()


def test_control_c_on_a_terminal() -> None:
    with on_a_terminal("ipcluster start -n 2") as (pid, terminal):
        read_until(terminal, "to stop")
        os.write(terminal, b"\x03")
        read_until(terminal, "stopped")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert security() == []


def test_a_closed_terminal() -> None:
    with on_a_terminal("ipcluster start -n 2") as (pid, terminal):
        read_until(terminal, "to stop")
        os.close(terminal)
        os.waitpid(pid, 0)
    assert security() == []


def test_a_daemonized_cluster_outlives_its_terminal() -> None:
    with on_a_terminal("ipcluster start -n 1 --daemonize") as (pid, terminal):
        read_until(terminal, "cluster-.json")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        os.close(terminal)
    with client_now() as client:
        assert client[0].apply_sync(forty_two) == 42
    run("ipcluster stop")


# How it is called


def test_the_scripts_are_the_modules() -> None:
    for name in ("ipcluster", "ipcontroller", "ipengine"):
        script = Path(words(name)[0]).with_name(name)
        done = subprocess.run(
            [script, "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout == run(f"{name} --version")[0]


def test_the_package_says_what_there_is() -> None:
    line = [words("ipcluster")[0], "-m", "parallel"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "ipcluster " in said
