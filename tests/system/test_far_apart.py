"""Controller, engines and client are on hosts of their own, with one port or tunnel."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from parallel import Client, ControllerUnreachable
from parallel.transport.locations import connection_file, profile_dir
from tests.commands import Running, running
from tests.integration.tasks import add
from tests.system.hosts import HERE, Hosts, hosts
from tests.system.sshd import sshd
from tests.testbeds import need
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system,
    pytest.mark.usefixtures("_several_hosts"),
]

PORT = 10101
CONTROLLER = f"ipcontroller --ip=* --port={PORT}"


@pytest.fixture
def network() -> Iterator[Hosts]:
    """Make h1, whose firewall lets one port through, h2 and h3; this is a fourth."""
    found = shutil.which("nft")
    need("hosts", "" if found else "there is no nft: apt install nftables")
    with hosts(3) as network:
        network.open_only("h1", f"tcp dport {PORT}")
        yield network


@contextlib.contextmanager
def at(network: Hosts, name: str, command: str) -> Iterator[Running]:
    """Run a command on a host while the block lasts."""
    with running(command, on_host=partial(network.words, name)) as process:
        yield process


@contextlib.contextmanager
def controller(network: Hosts, more: str = "") -> Iterator[Running]:
    with at(network, "h1", f"{CONTROLLER} {more}") as process:
        process.wait_for("listening")
        yield process
        process.end()


@contextlib.contextmanager
def engines(network: Hosts, client: Client) -> Iterator[None]:
    """Run an engine on h2, and then one on h3."""
    with at(network, "h2", "ipengine --timeout=60"):
        client.wait_for_engines(1, timeout=60)
        with at(network, "h3", "ipengine --timeout=60"):
            client.wait_for_engines(2, timeout=60)
            yield


def engine_file() -> Path:
    return connection_file(profile_dir(), "", "engine")


def on_host() -> str:
    return socket.gethostname()


def test_one_open_port_is_enough(network: Hosts) -> None:
    with (
        controller(network),
        Client(timeout=60) as rc,
        engines(network, rc),
    ):
        assert rc[:].apply_sync(on_host) == ["h2", "h3"]
        assert rc.load_balanced_view().map_sync(add, range(100)) == list(range(1, 101))
        urls = json.loads(engine_file().read_text())["urls"]
        assert urls == [
            f"tcp://{network.address('h1')}:{PORT}",
            f"tcp://127.0.0.1:{PORT}",
        ]


def test_an_address_that_leads_nowhere_is_passed_over(network: Hosts) -> None:
    nowhere = f"{HERE}50"  # of this network, and nobody's
    with (
        controller(network, f"--location={nowhere}"),
        Client(timeout=60) as rc,
        engines(network, rc),
    ):
        assert rc[:].apply_sync(on_host) == ["h2", "h3"]


def test_agents_choose_an_address_for_their_engines(network: Hosts) -> None:
    with (
        controller(network, "--location=a-name-that-others-do-not-know.invalid"),
        Client(timeout=60) as rc,
        at(network, "h2", "ipcluster engines -n 2"),
    ):
        rc.wait_for_engines(2, timeout=60)
        assert rc[:].apply_sync(on_host) == ["h2", "h2"]


def test_a_delay_of_20_ms_and_lost_packets_are_no_hindrance(network: Hosts) -> None:
    for name in network.names:
        network.delay(name, 20)
        network.lose(name, 1)
    with (
        controller(network),
        Client(timeout=60) as rc,
        engines(network, rc),
    ):
        assert rc[:].apply_sync(on_host) == ["h2", "h3"]
        view = rc.load_balanced_view()
        assert view.map_sync(add, range(500)) == list(range(1, 501))
        rc[:]["x"] = bytes(1 << 20)
        assert rc[0]["x"] == bytes(1 << 20)


def test_a_client_that_may_only_log_in_goes_through_a_tunnel(
    network: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = [f"ip saddr {network.address(name)}" for name in ("h2", "h3")]
    network.open_only(
        "h1", "tcp dport 22", *(f"{each} tcp dport {PORT}" for each in ours)
    )
    address = network.address("h1")
    with (
        sshd("h1", address, 22, on_host=partial(network.words, "h1")) as login,
        controller(network),
    ):
        monkeypatch.setenv("PARALLEL_SSH", " ".join(login.command))
        with pytest.raises(ControllerUnreachable, match=r"reach h1\?.*sshserver"):
            Client(timeout=1)
        with Client(timeout=60, sshserver="h1") as rc, engines(network, rc):
            assert rc[:].apply_sync(on_host) == ["h2", "h3"]


def test_engines_may_be_started_before_the_controller(network: Hosts) -> None:
    with (
        at(network, "h2", "ipengine --timeout=60") as early,
        at(network, "h3", "ipcluster engines -n 1"),
    ):
        early.wait_for("Waiting for connection file")
        with controller(network), Client(timeout=60) as rc:
            rc.wait_for_engines(2, timeout=60)
            assert sorted(rc[:].apply_sync(on_host)) == ["h2", "h3"]


def test_a_file_that_the_file_system_shows_late_is_waited_for(
    network: Hosts, tmp_path: Path
) -> None:
    late = tmp_path / "late.json"
    with (
        controller(network),
        Client(timeout=60) as rc,
        at(network, "h2", f"ipengine --timeout=60 --file={late}") as engine,
    ):
        engine.wait_for("Waiting for connection file")
        shutil.copy(engine_file(), tmp_path / "part.json")
        (tmp_path / "part.json").rename(late)
        rc.wait_for_engines(1, timeout=60)


def test_a_file_of_a_controller_that_is_yet_to_come_is_no_hindrance(
    network: Hosts,
) -> None:
    with controller(network, "--reuse"):
        assert engine_file().exists()
    with (
        at(network, "h2", "ipengine --timeout=60") as early,
        at(network, "h3", "ipcluster engines -n 1"),
    ):
        wait_until(lambda: early.process.poll() is None, what="its start")
        with controller(network, "--reuse"), Client(timeout=60) as rc:
            rc.wait_for_engines(2, timeout=60)
            assert sorted(rc[:].apply_sync(on_host)) == ["h2", "h3"]


def test_a_loopback_address_is_told_of_on_another_host(network: Hosts) -> None:
    with at(network, "h1", f"ipcontroller --port={PORT}") as process:
        process.wait_for("listening")
        why = "the controller runs on h1 and listens to that host only"
        with at(network, "h2", "ipengine --timeout=1") as engine:
            said = " ".join(engine.wait(status=255).split())
            assert why in said
            assert "start it with --ip='*' to reach it from here (h2)" in said
        with (
            pytest.warns(RuntimeWarning, match=why),
            pytest.raises(ControllerUnreachable, match=why),
        ):
            Client(timeout=0.5)
        process.end()
