"""A cluster works the same over ipc and over TCP, and keeps strangers out."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from parallel import (
    Client,
    Cluster,
    ConnectionRefused,
    ControllerUnreachable,
    EngineError,
    LauncherError,
)
from parallel.protocol import pieces, wire
from tests.integration.soon import SOON, said_soon
from tests.integration.tasks import add, divide, fsquare


@pytest.fixture(scope="module", params=["ipc", "tcp"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Start two engines, over each of the transports."""
    with Cluster(n=2, transport=request.param, profile="x", cluster_id="") as client:
        yield client


def connection(client: Client, role: str = "client") -> dict[str, Any]:
    """Return what the connection file of a cluster says."""
    cluster = client.cluster
    file = f"{cluster.profile_dir}/security/ipcontroller-{role}.json"
    found: dict[str, Any] = json.loads(Path(file).read_text())
    return found


def is_tcp(client: Client) -> bool:
    return bool(client.cluster.transport == "tcp")


def test_what_is_too_large_for_a_frame_goes_in_pieces(
    cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGEST", 1 << 20)
    monkeypatch.setattr(pieces, "PIECE", 1 << 18)
    monkeypatch.setattr(wire, "LARGEST", 1 << 20)
    array = np.arange(1 << 18)
    text = bytes(range(256)) * 8192
    cluster[:].push({"array": array, "text": text, "small": b"small"}, block=True)
    monkeypatch.undo()
    assert all((found == array).all() for found in cluster[:]["array"])
    assert cluster[:]["text"] == [text] * 2
    cluster[0].execute("array += 1", block=True)  # what was joined can be written to
    assert cluster[0]["array"][0] == 1


def test_the_work_is_the_same(cluster: Client) -> None:
    dview, lview = cluster[:], cluster.load_balanced_view()
    assert dview.apply_sync(add, 1) == [2, 2]
    assert lview.map_sync(fsquare, range(1000)) == [x**2 for x in range(1000)]
    ars = [lview.apply_async(add, i) for i in range(2000)]
    assert [ar.get() for ar in ars] == list(range(1, 2001))
    with pytest.raises(ZeroDivisionError):
        lview.apply_sync(divide, 1, 0)
    ar = dview.execute("print('said')", block=True)
    assert ar.stdout == ["said\n"] * 2


def test_large_arrays(cluster: Client) -> None:
    whole = np.random.default_rng(1).random(2_000_000)
    dview = cluster[:]
    dview.push({"whole": whole}, block=True)
    for back in dview["whole * 2"]:
        np.testing.assert_array_equal(back, whole * 2)
    dview.scatter("part", whole, block=True)
    np.testing.assert_array_equal(dview.gather("part").get(), whole)


def test_a_dead_engine_is_replaced(cluster: Client) -> None:
    victim = cluster.ids[-1]
    pid = cluster[victim].apply_sync(os.getpid)
    with said_soon(EngineError, "SIGKILL"):
        cluster[victim].apply_sync(os.kill, pid, signal.SIGKILL)
    cluster.wait_for_engines(2, timeout=SOON)
    assert cluster[:].apply_sync(add, 1) == [2, 2]


def test_what_the_files_tell_and_who_may_read_them(cluster: Client) -> None:
    for role in ("client", "engine"):
        told = connection(cluster, role)
        assert told["role"] == role
        assert told["urls"][0].startswith(
            "tcp://127.0.0.1:" if is_tcp(cluster) else "ipc:"
        )
        assert (told["curve"] is not None) == is_tcp(cluster)
    for file in Path(cluster.cluster.profile_dir, "security").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    folder = Path(cluster.cluster.record.runtime_dir)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_client_knows_the_keys_of_its_connection(cluster: Client) -> None:
    keys = cluster.curve_serverkey, cluster.curve_publickey, cluster.curve_secretkey
    told = connection(cluster)["curve"] or dict.fromkeys(("server", "public", "secret"))
    assert keys == tuple(each and each.encode() for each in told.values())
    assert (None not in keys) == is_tcp(cluster)


def test_two_roles_have_nothing_in_common(cluster: Client) -> None:
    client, engine = connection(cluster), connection(cluster, "engine")
    assert client["secret"] != engine["secret"]
    if is_tcp(cluster):
        assert client["curve"]["secret"] != engine["curve"]["secret"]
    with said_soon(ConnectionRefused, "its key is for the role 'engine'"):
        Client(engine)
    mixed = {**engine, "secret": client["secret"]}
    if is_tcp(cluster):  # the line proves the one role, the greeting the other
        with said_soon(ConnectionRefused, "its key is not of this cluster"):
            Client(mixed)


@pytest.mark.slow
def test_the_keys_of_another_cluster(cluster: Client) -> None:
    with Cluster(n=1, transport=cluster.cluster.transport) as other:
        folder = Path(other.cluster.profile_dir, "security")
        (file,) = folder.glob(f"*{other.cluster.cluster_id}-client.json")
        foreign = json.loads(file.read_text())
    ours = connection(cluster)
    if not is_tcp(cluster):
        with said_soon(ConnectionRefused, "its key is not of this cluster"):
            Client({**ours, "secret": foreign["secret"]})
        return
    for curve in (
        foreign["curve"],
        {**ours["curve"], "server": foreign["curve"]["server"]},
        {**foreign["curve"], "server": ours["curve"]["server"]},
        None,
    ):
        with said_soon(ControllerUnreachable, "keys may be those of another cluster"):
            Client({**ours, "curve": curve}, timeout=0.5)


def test_what_makes_no_sense_is_dropped(cluster: Client) -> None:
    url = connection(cluster)["urls"][0]
    if is_tcp(cluster):
        host, port = url.removeprefix("tcp://").split(":")
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 1000, b""):
            with socket.create_connection((host, int(port))) as stranger:
                stranger.sendall(noise)
    else:
        with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
            stranger.linger = 100
            stranger.connect(url)
            for noise in (
                b"",
                b"x",
                b"\0" * 16,
                b"\0" * 16 + b"\xc1",
                b"\xff" * 10_000,
            ):
                stranger.send_multipart([noise, noise])
    assert cluster[:].apply_sync(add, 1) == [2, 2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.slow
def test_a_port_of_choice_can_be_had_again_at_once() -> None:
    port = free_port()
    for _ in range(3):
        with Cluster(n=1, port=port) as client:
            assert client.cluster.record.urls == [f"tcp://127.0.0.1:{port}"]
            assert client[0].apply_sync(add, 1) == 2


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with said_soon(
            LauncherError, f"cannot listen on tcp://127.0.0.1:{port}",
            "Address already in use", "--port=0 takes a free one",
        ):  # fmt: skip
            Cluster(n=1, port=port).start_cluster_sync()


def test_an_address_of_another_host() -> None:
    with said_soon(
        LauncherError, "cannot listen on tcp://192.0.2.1:", "not of this host"
    ):
        Cluster(n=1, ip="192.0.2.1").start_cluster_sync()
