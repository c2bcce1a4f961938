"""Who cannot start a cluster, or connect to one, is told why, and what to do."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

from parallel import (
    Client,
    Cluster,
    ConnectionClosed,
    ConnectionRefused,
    ControllerUnreachable,
    LauncherError,
)
from parallel.client.connection import Connection
from tests.integration.soon import said_soon
from tests.integration.tasks import add, wait_for
from tests.relay import Relay
from tests.waiting import wait_until


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Client]:
    """Start a cluster that can be mistaken for another."""
    with Cluster(n=1, profile="bad", cluster_id="") as client:
        yield client


@pytest.mark.parametrize("n", [0, -1])
def test_a_cluster_of_nothing(n: int) -> None:
    with said_soon(TraitError, f"at least one engine, not n={n}"):
        Cluster(n=n)


def test_options_that_are_none() -> None:
    with said_soon(TypeError, "no option 'm'"):
        Cluster(m=3)
    with said_soon(LauncherError, "an ip and a port are for transport='tcp'"):
        Cluster(n=1, transport="ipc", port=5000).start_cluster_sync()


def test_a_second_cluster_of_the_same_name() -> None:
    with said_soon(LauncherError, "cluster '' of profile 'bad' is running"):
        Cluster(n=1, profile="bad", cluster_id="").start_cluster_sync()


def test_an_interrupt_while_it_connects_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_: Connection) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Connection, "_greeting_is_over", interrupt)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(KeyboardInterrupt):
        Client(profile="bad")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_missing_connection_file(tmp_path: Path) -> None:
    with said_soon(
        ControllerUnreachable, f"no connection file {tmp_path}", "ipcluster start",
    ):  # fmt: skip
        Client(profile_dir=tmp_path, timeout=0.1)
    assert issubclass(ControllerUnreachable, TimeoutError)
    assert issubclass(ControllerUnreachable, OSError)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"cluster_id": "x", "ur',
        "\0\1\2\xff",
        "[]",
        '{"ssh": "", "interface": "tcp://127.0.0.1", "registration": 4711}',
    ],
    ids=["empty", "cut", "bytes", "list", "foreign"],
)
def test_a_corrupt_connection_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "client.json"
    file.write_bytes(text.encode("latin-1"))
    with said_soon(ConnectionRefused, str(file), "not a connection file", "again"):
        Client(file)


def test_an_address_instead_of_a_file() -> None:
    with said_soon(ValueError, "is an address: a client needs a connection file"):
        Client("tcp://127.0.0.1:5000")


def connection(role: str = "client") -> dict[str, Any]:
    """Return what a connection file of the running cluster says."""
    folder = Path(os.environ["IPYTHONDIR"]) / "profile_bad/security"
    found: dict[str, Any] = json.loads(
        (folder / f"ipcontroller-{role}.json").read_text()
    )
    return found


def test_a_wrong_key() -> None:
    with said_soon(ConnectionRefused, "its key is not of this cluster"):
        Client({**connection(), "secret": "0" * 32})


def test_an_engines_key(cluster: Client) -> None:
    with said_soon(ConnectionRefused, "its key is for the role 'engine'"):
        Client(connection("engine"))


def test_nobody_at_the_address(tmp_path: Path) -> None:
    urls = [f"ipc://{tmp_path}/nobody"]
    with said_soon(ControllerUnreachable, "no controller answered at ipc", "0.5 s"):
        Client({**connection(), "urls": urls}, timeout=0.5)


@pytest.mark.slow
def test_who_hangs_up_on_a_new_client_is_waited_for_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with contextlib.closing(Relay(connection()["urls"][0])) as relay:
        relay.cut("closed")
        with ThreadPoolExecutor() as threads:
            found = threads.submit(
                Client, {**connection(), "urls": [relay.url]}, timeout=100
            )
            told = f"no controller has answered at {relay.url} for 2 s"
            wait_until(lambda: told in caplog.text, what="the words")
            assert "breaks the connection off" in caplog.text
            assert "Trying again; gives up after 100 s" in caplog.text
            relay.heal()
            with found.result(100) as client:
                assert client[0].apply_sync(add, 1) == add(1)


def test_a_closed_client(cluster: Client, gate: Path) -> None:
    client = Client(connection())
    view = client[0]
    ar = view.apply_async(wait_for, str(gate))
    client.close()
    gate.touch()
    client.close()
    assert repr(client) == "<Client: closed>"
    with said_soon(ConnectionClosed, "this client was closed"):
        ar.get()
    with said_soon(ConnectionClosed, "this client was closed"):
        view.apply(add, 1)
    with said_soon(ConnectionClosed, "this client was closed"):
        client.queue_status()
    cluster[0].apply_sync(int)  # its task has seen the gate, which goes with this test


def test_a_dropped_client_leaves_nothing(cluster: Client) -> None:
    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = held()
    for _ in range(3):
        another = cluster.cluster.connect_client_sync()
        another[0].apply_sync(int)
    ar = cluster.cluster.connect_client_sync()[0].apply_async(int)
    del another
    gc.collect()
    assert ar.get(10) == 0, "its result keeps a client alive"
    del ar
    gc.collect()
    wait_until(lambda: held() == before, what="what clients held is given back")


@pytest.mark.parametrize("name", ["ipcontroller-client.json", "cluster-.json"])
def test_files_of_another_program_are_left_alone(tmp_path: Path, name: str) -> None:
    file = tmp_path / "security" / name
    file.parent.mkdir()
    text = json.dumps({"cluster": {"class": "ipyparallel"}, "interface": "tcp://*"})
    file.write_text(text)
    with said_soon(LauncherError, f"{name} is of another program"):
        Cluster(n=1, profile_dir=str(tmp_path), cluster_id="").start_cluster_sync()
    assert file.read_text() == text
