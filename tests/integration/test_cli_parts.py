"""`ipcontroller` and `ipengine`, each by itself: they find one another by a file."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from parallel import Client
from tests.commands import run, running, security
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def speak(word: str) -> int:
    print(word)
    print(word.upper(), file=sys.stderr)
    return os.getpid()


def connection_file(role: str) -> Path:
    folder = Path(os.environ["IPYTHONDIR"]) / "profile_default/security"
    return folder / f"ipcontroller-{role}.json"


@pytest.mark.parametrize("options", ["", "--ip=127.0.0.1", "--transport=tcp"])
def test_a_cluster_by_hand(options: str) -> None:
    with (
        running("ipengine") as one,
        running("ipengine") as two,
        running(f"ipcontroller {options}") as controller,
    ):
        controller.wait_for("listening")
        info = json.loads(connection_file("engine").read_text())
        assert info["urls"][0].startswith("tcp://127.0.0.1:" if options else "ipc://")
        assert bool(info["curve"]) == bool(options)
        with Client() as client:
            client.wait_for_engines(2, timeout=10)
            result = client[:].apply_async(speak, "hello")
            pids = {one.process.pid, two.process.pid}
            assert set(result.get(10)) == pids
            assert result.stdout == ["hello\n"] * 2
            assert result.stderr == ["HELLO\n"] * 2
        said = controller.end()
        assert f"connection files: {connection_file('client')}" in said
        assert said.splitlines()[-1].endswith("stopped")
        for engine in (one, two):
            said = engine.wait()
            assert re.search(r"engine \d ends: the con", said)
            assert "hello" not in said.lower()
    assert security() == []


def test_status_tells_of_a_controller_that_was_started_by_hand() -> None:
    options = "--cluster-id=x"
    run(f"ipcluster status {options}", status=11)
    with (
        running(f"ipcontroller {options}") as controller,
        running(f"ipengine {options}"),
    ):
        controller.wait_for("listening")
        with Client(cluster_id="x") as client:
            client.wait_for_engines(1, timeout=20)
        for words in ("", " x", f" {options}"):
            said, _ = run(f"ipcluster status{words}")
            pid = controller.process.pid
            assert f"cluster 'x': ipcontroller (pid {pid}) at ipc:" in said
            row, engine = said.splitlines()[2], said.splitlines()[-1]
            assert row.split() == ["''", "-", "-", "0", "1", "1", "0"]
            assert engine.split()[:3] == ["0", "''", "registered"]
        (told,) = json.loads(run("ipcluster status -o json")[0])
        assert (told["launcher"], told["sets"][0]["asked"]) == ("ipcontroller", None)
        assert f"`kill {pid}`" in run("ipcluster stop x", status=11)[1]
        controller.end()
    run("ipcluster status x", status=11)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_controller_ends_by_a_signal(signum: signal.Signals) -> None:
    with running("ipcontroller") as controller:
        controller.wait_for("listening")
        assert "ipcontroller-client.json" in security()
        controller.end(signum)
    assert security() == []


def test_an_engine_ends_by_sigterm_not_by_sigint() -> None:
    with running("ipcontroller") as controller, running("ipengine") as engine:
        with Client() as client:
            client.wait_for_engines(1, timeout=10)
            engine.process.send_signal(signal.SIGINT)
            engine.wait_for("SIGINT while idle is ignored")
            assert client[0].apply_sync(speak, "here") == engine.process.pid
            assert "got SIGTERM" in engine.end(signal.SIGTERM)
            wait_until(lambda: client.ids == [], what="news that the engine left")
        controller.end()


def test_an_engine_begins_with_a_script_and_a_command(tmp_path: Path) -> None:
    script = tmp_path / "begin.py"
    script.write_text("print('it begins')\ndef double(x):\n    return 2 * x\n")
    begin = f"ipengine -s {script} -c 'import math; y = double(math.floor(3.5))'"
    with running("ipcontroller") as controller, running(begin) as engine:
        with Client() as client:
            client.wait_for_engines(1, timeout=10)
            assert client[0]["y"] == 6
            ar = client[0].execute("double(None)")
            with pytest.raises(TypeError) as told:
                ar.get(10)
            assert "return 2 * x" in "\n".join(told.value.render_traceback())
            engine.wait_for("it begins")
        controller.end()


def test_an_engine_whose_command_fails_ends_and_says_why() -> None:
    with running("ipcontroller") as controller:
        said = run("ipengine -c 'x = 1\n1 / 0'", status=1)[1]
        assert "what <startup_command> has the engine do at its start failed" in said
        assert "line 2" in said
        assert said.rstrip().endswith("ZeroDivisionError: division by zero")
        controller.end()


def test_a_script_that_is_not_there() -> None:
    with running("ipcontroller") as controller:
        said = run("ipengine -s /no/such/script.py", status=1)[1]
        assert "No such file or directory: '/no/such/script.py'" in said
        controller.end()


def test_an_engine_ends_by_sighup() -> None:
    with running("ipcontroller") as controller, running("ipengine") as engine:
        controller.wait_for("joined")
        assert "got SIGHUP" in engine.end(signal.SIGHUP)
        controller.end()


def test_an_engine_ends_whatever_its_users_left_running() -> None:
    with running("ipcontroller") as controller, running("ipengine") as engine:
        with Client() as client:
            client.wait_for_engines(1, timeout=10)
            client[0].execute("from threading import Thread").get(10)
            client[0].execute("from time import sleep").get(10)
            client[0].execute("Thread(target=sleep, args=[60]).start()").get(10)
        engine.end()
        controller.end()


def test_a_controller_whose_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run(f"ipcontroller --port={port}", status=1)[1]
    assert len(said.splitlines()) == 1
    assert f"cannot listen on tcp://127.0.0.1:{port}: Address already in use" in said
    assert security() == []


def test_a_controller_that_others_reach_by_its_location() -> None:
    command = "ipcontroller --ip=0.0.0.0 --location=localhost"
    with running(command) as controller, running("ipengine"):
        controller.wait_for("joined")
        info = json.loads(connection_file("client").read_text())
        assert info["urls"][0].startswith("tcp://localhost:")
        assert info["location"] == "localhost"
        with Client() as client:
            assert client[0].apply_sync(speak, "here")
        told = run("ipcluster status")[0]
        assert f"(pid {controller.process.pid}) at tcp://localhost:" in told
        assert "0.0.0.0" not in told
        controller.end()


def test_an_engine_whose_file_never_comes(tmp_path: Path) -> None:
    out, said = run("ipengine --timeout=1.1", status=1)
    assert out == ""
    assert f"Waiting for connection file: {connection_file('engine')}" in said
    assert f"no connection file {connection_file('engine')} after 1.1 s" in said
    said = run(
        f"ipengine --IPEngine.wait_for_url_file=0 --file={tmp_path}/x", status=1
    )[1]
    assert len(said.splitlines()) == 1
    assert f"no connection file {tmp_path}/x" in said


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"url": "tcp://127.0.0.1:9"}'])
def test_an_engine_whose_file_is_corrupt(tmp_path: Path, text: str) -> None:
    file = tmp_path / "engine.json"
    file.write_text(text)
    said = run(f"ipengine --file={file}", status=1)[1]
    assert len(said.splitlines()) == 1
    assert f"{file} is not a connection file of this package" in said


@pytest.mark.parametrize("command", ["ipengine", "ipcluster engines -n 1"])
def test_what_the_file_says_may_be_in_a_variable_which_nobody_inherits(
    command: str, tmp_path: Path
) -> None:
    name = "IPP_CONNECTION_INFO"
    with running("ipcontroller") as controller:
        controller.wait_for("listening")
        text = connection_file("engine").read_text()
        elsewhere = f"{command} --profile-dir={tmp_path}/other"
        with running(elsewhere, {name: text}), Client() as client:
            client.wait_for_engines(1, timeout=30)
            assert client[0].apply_sync(os.getenv, name) is None
        said = run(elsewhere, status=1, env={name: "{"})[1]
        assert f"what ${name} says" in said
        controller.end()


def test_an_engine_with_the_file_of_others(tmp_path: Path) -> None:
    file = tmp_path / "engine.json"
    file.touch(0o600)
    with running("ipcontroller --ip=127.0.0.1") as controller:
        controller.wait_for("listening")
        said = run(f"ipengine --file={connection_file('client')}", status=1)[1]
        assert "is for a client: an engine needs the file" in said
        info = json.loads(connection_file("engine").read_text())

        file.write_text(json.dumps({**info, "secret": "0" * 32}))
        said = run(f"ipengine --file={file}", status=255)[1]
        assert "its key is not of this cluster" in said.splitlines()[-1]

        # Of an earlier cluster at the same address: CURVE lets nothing through.
        keys = {**info["curve"], "server": info["curve"]["public"]}
        file.write_text(json.dumps({**info, "curve": keys}))
        said = run(f"ipengine --file={file} --timeout=0.5", status=255)[1]
        assert f"no controller answered at {info['urls'][0]} within" in said
        controller.end()


def test_an_engine_whose_controller_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "engine.json"
    file.touch(0o600)
    with running("ipcontroller") as controller:
        controller.wait_for("listening")
        file.write_text(connection_file("engine").read_text())
        controller.end()
    said = run(f"ipengine --file={file} --timeout=0.5", status=255)[1]
    assert "no controller answered at ipc://" in said
    assert "Traceback" not in said


def test_an_engine_that_waits_can_be_interrupted() -> None:
    with running("ipengine") as engine:
        engine.wait_for("Waiting for connection file")
        said = engine.end(signal.SIGINT, status=128 + signal.SIGINT)
        assert "Traceback" not in said


def test_a_controller_that_is_told_to_end_before_it_serves_leaves_nothing() -> None:
    script = (
        "import os, signal\n"
        "from parallel.cluster.lastrun import LastRun\n"
        "from parallel.cli.controller import main\n"
        "LastRun.write = lambda self: os.kill(os.getpid(), signal.SIGTERM)\n"
        "main([])"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "got SIGTERM" in ended.stderr
    assert security() == []
