"""Clients and engines reach a controller by one ssh tunnel, made anew if it breaks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import (
    Client,
    Cluster,
    ControllerUnreachable,
    EngineError,
    NotAvailable,
)
from parallel.transport.locations import connection_file, profile_dir
from parallel.transport.privatefiles import write_private
from tests.commands import Running, running
from tests.integration.tasks import add
from tests.system.sshd import Sshd, sshd
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.system]


@pytest.fixture(scope="module")
def head() -> Iterator[Sshd]:
    with sshd() as head:
        yield head


@pytest.fixture(autouse=True)
def _know_it(head: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLEL_SSH", " ".join(head.command))
    wait_until(lambda: not head.sessions(), what="the end of earlier tunnels")


@pytest.fixture(params=["tcp", "ipc"])
def rc(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Start an engine whose controller listens on one port, or on a socket."""
    with Cluster(n=1, cluster_id="c", transport=request.param) as client:
        yield client


def file_of(client: Client, role: str = "client") -> Path:
    return connection_file(Path(client.cluster.profile_dir), "c", role)


def children(pid: int) -> set[int]:
    said = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True
    )
    return set(map(int, said.stdout.split()))


def end_sessions(head: Sshd) -> None:
    for pid in head.sessions():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_client_goes_through_it(rc: Client) -> None:
    with Client(file_of(rc), sshserver="testbed") as far:
        assert far[0].apply_sync(add, 1) == 2


def test_the_address_and_key_of_the_server_can_be_given(
    rc: Client, head: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = head.folder / "sshd" / "known_hosts"
    monkeypatch.setenv("PARALLEL_SSH", f"ssh -F none -o UserKnownHostsFile={known}")
    key = head.folder / "sshd" / "key"
    server = f"root@127.0.0.1:{head.port}"
    with Client(file_of(rc), sshserver=server, sshkey=str(key)) as far:
        assert far[0].apply_sync(add, 1) == 2


def test_one_that_breaks_is_made_anew_and_nothing_is_lost(
    rc: Client, head: Sshd, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(file_of(rc), sshserver="testbed") as far:
        results = far.load_balanced_view().map_async(add, range(2000), chunksize=1)
        end_sessions(head)
        assert results.get(timeout=60) == [i + 1 for i in range(2000)]
        wait_until(lambda: "making it anew" in caplog.text, what="words of it")
        assert far[0].apply_sync(add, 1) == 2


def test_it_ends_with_its_client(rc: Client, head: Sshd) -> None:
    with Client(file_of(rc), sshserver="testbed") as far:
        assert far.ids == [0]
        assert head.sessions()
    wait_until(lambda: not head.sessions(), what="its end")


def test_the_connection_file_can_name_the_server(rc: Client, tmp_path: Path) -> None:
    far = {"ssh": "testbed", "host": "elsewhere", "location": "elsewhere"}
    said = {**json.loads(file_of(rc).read_text()), **far}
    with Client(said) as client:
        assert client[0].apply_sync(add, 1) == 2


def test_an_engine_goes_through_it(rc: Client) -> None:
    with running(f"ipengine --file={file_of(rc, 'engine')} --ssh=testbed") as engine:
        rc.wait_for_engines(2, timeout=60)
        assert rc[1].apply_sync(add, 1) == 2
        engine.end()


def test_an_engine_works_on_when_it_breaks(rc: Client, head: Sshd) -> None:
    with running(f"ipengine --file={file_of(rc, 'engine')} --ssh=testbed") as engine:
        rc.wait_for_engines(2, timeout=60)
        rc[1].push({"x": 1}, block=True)
        end_sessions(head)
        engine.wait_for("making it anew")
        assert rc[1].pull("x", block=True) == 1
        engine.end()


@contextlib.contextmanager
def agent_of(rc: Client) -> Iterator[Running]:
    """Run an agent of two engines that go through a tunnel while the block lasts."""
    file = file_of(rc, "engine")
    with running(f"ipcluster engines -n 2 --file={file} --ssh=testbed") as agent:
        rc.wait_for_engines(3, timeout=60)
        yield agent


def test_all_engines_of_an_agent_go_through_one(rc: Client, head: Sshd) -> None:
    with agent_of(rc) as agent:
        assert rc[:].apply_sync(add, 1) == [2] * 3
        assert len(head.sessions()) == 1
        with pytest.raises(EngineError, match="was killed by SIGKILL"):
            rc[2].apply_sync(os.kill, int(rc[2].apply_sync(os.getpid)), signal.SIGKILL)
        rc.wait_for_engines(3, timeout=60)
        assert rc[:].apply_sync(add, 1) == [2] * 3
        agent.end()
    wait_until(lambda: not head.sessions(), what="the tunnel's end")


def test_what_carries_it_for_an_agent_may_be_killed(rc: Client, head: Sshd) -> None:
    with agent_of(rc) as agent:
        engines = rc.ids
        rc[:].push({"x": 1}, block=True)
        (courier,) = children(agent.process.pid) - set(rc[:].apply_sync(os.getpid))
        os.kill(courier, signal.SIGKILL)
        agent.wait_for("another one takes its place")
        assert rc[:].pull("x", block=True) == [1] * 3
        assert rc.ids == engines
        agent.end()


def test_engines_go_on_through_it_when_their_agent_is_killed(
    rc: Client, head: Sshd
) -> None:
    with agent_of(rc) as agent:
        rc[:].push({"x": 1}, block=True)
        agent.process.kill()
        agent.process.wait()
        assert rc[:].pull("x", block=True) == [1] * 3
        assert head.sessions()
        rc.shutdown([1, 2], block=True)
    wait_until(lambda: not head.sessions(), what="the tunnel's end")


def test_the_engines_file_can_name_the_server(rc: Client, tmp_path: Path) -> None:
    far = {"ssh": "testbed", "host": "elsewhere", "location": "elsewhere"}
    said = {**json.loads(file_of(rc, "engine").read_text()), **far}
    file = tmp_path / "engine.json"
    write_private(file, json.dumps(said).encode())
    with running(f"ipcluster engines -n 1 --file={file}") as agent:
        rc.wait_for_engines(2, timeout=60)
        assert rc[1].apply_sync(add, 1) == 2
        agent.end()


def test_a_controller_writes_the_servers_into_its_files() -> None:
    with running("ipcontroller --cluster-id=own --ssh=head --enginessh=login") as own:
        own.wait_for("listening")
        folder = profile_dir()
        files = [connection_file(folder, "own", role) for role in ("client", "engine")]
        assert [json.loads(f.read_text())["ssh"] for f in files] == ["head", "login"]
        own.end()


# What cannot be


def said(error: type[Exception], **options: Any) -> str:
    with pytest.raises(error) as caught:
        Client(**options)
    return str(caught.value)


def test_a_server_that_does_not_let_us_in(rc: Client) -> None:
    why = said(
        ControllerUnreachable, connection_info=file_of(rc), sshserver="nobody@testbed"
    )
    assert "by ssh to nobody@testbed: ssh ended with status 255" in why
    assert "Permission denied (publickey)" in why


def test_a_server_that_is_none(rc: Client) -> None:
    why = said(
        ControllerUnreachable, connection_info=file_of(rc), sshserver="far.invalid"
    )
    assert "Could not resolve hostname far.invalid" in why


def test_a_controller_that_is_not_where_the_tunnel_looks(
    rc: Client, tmp_path: Path
) -> None:
    info = {**json.loads(file_of(rc).read_text()), "urls": ["tcp://127.0.0.1:9"]}
    file = tmp_path / "client.json"
    write_private(file, json.dumps(info).encode())
    why = said(ControllerUnreachable, connection_info=file, sshserver="testbed")
    assert "no controller answered at tcp://127.0.0.1:9 through ssh to testbed" in why
    assert "can testbed reach that?" in why
    assert "ssh said: open failed: connect failed: Connection refused" in why
    assert "ipc:" not in why


def test_several_addresses_that_lead_nowhere_from_there(rc: Client) -> None:
    urls = ["tcp://127.0.0.1:9", "tcp://127.0.0.1:7"]
    far = {**json.loads(file_of(rc).read_text()), "urls": urls}
    why = said(
        ControllerUnreachable, connection_info=far, sshserver="testbed", timeout=2
    )
    assert f"at {urls[0]} or {urls[1]} through ssh to testbed" in why
    assert "connect failed: Connection refused" in why
    assert "ipc:" not in why


def test_an_engine_is_told_so_too(rc: Client) -> None:
    file = file_of(rc, "engine")
    with running(f"ipengine --file={file} --ssh=nobody@testbed") as engine:
        assert "Permission denied (publickey)" in engine.wait(status=255)


def test_an_agent_is_told_so_too(rc: Client) -> None:
    file = file_of(rc, "engine")
    with running(f"ipcluster engines --file={file} --ssh=nobody@testbed") as agent:
        said = agent.wait(status=255)
        assert "by ssh to nobody@testbed: ssh ended with status 255" in said
        assert "Permission denied (publickey)" in said


def test_a_password_is_nothing_for_it(rc: Client) -> None:
    options = {"connection_info": file_of(rc), "sshserver": "testbed"}
    assert "ssh-keygen" in said(NotAvailable, password="secret", **options)
