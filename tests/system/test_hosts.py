"""A cluster on several hosts: one of them is cut off, and it is noticed and told."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, EngineError
from tests.commands import running
from tests.integration.tasks import add, begin_and_wait_for, notes
from tests.system.hosts import HERE, Hosts, hosts
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system,
    pytest.mark.usefixtures("_several_hosts"),
]

#: Seconds that an engine is waited for; a third of them breaks its connection.
PATIENCE = 12.0
CONTROLLER = f"ipcontroller --ip={HERE} --ControllerOptions.engine_patience={PATIENCE}"


@contextlib.contextmanager
def engine_on(network: Hosts, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an engine on a host while the block lasts."""
    command = [sys.executable, "-m", "parallel.engine"]
    engine = subprocess.Popen(
        network.words(name, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield engine
    finally:
        engine.kill()
        engine.wait()


@pytest.fixture
def network() -> Iterator[Hosts]:
    with hosts(2) as network:
        yield network


@pytest.fixture
def rc(network: Hosts, caplog: pytest.LogCaptureFixture) -> Iterator[Client]:
    """Start a controller here and engine 0 on h1, then engine 1 on h2."""
    caplog.set_level(logging.WARNING, "parallel.client")
    with running(CONTROLLER) as controller:
        controller.wait_for("listening")
        with Client() as client, engine_on(network, "h1"):
            client.wait_for_engines(1, timeout=60)
            with engine_on(network, "h2"):
                client.wait_for_engines(2, timeout=60)
                yield client
        controller.end()


def on_host() -> str:
    import socket

    return socket.gethostname()


def test_engines_work_on_their_hosts(rc: Client) -> None:
    assert rc[:].apply_sync(on_host) == ["h1", "h2"]


def test_a_host_that_is_cut_off_is_told_of_and_its_engine_given_up(
    rc: Client,
    network: Hosts,
    gate: Path,
    begun: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = rc[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="work on the host")
    network.cut("h2")
    with pytest.raises(EngineError, match=r"engine 1 is lost: .*still be running"):
        running.get(timeout=60)
    told = rf"engine 1 (pid {notes(begun)[0]} on h2) cannot be reached: it is stopped"
    assert told in caplog.text
    assert rc.ids == [0]
    assert rc[0].apply_sync(add, 1) == 2
    network.heal("h2")
    gate.touch()


def test_a_host_that_was_cut_off_for_a_while_goes_on(
    rc: Client,
    network: Hosts,
    gate: Path,
    begun: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = rc[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="work on the host")
    network.cut("h2")
    wait_until(lambda: "cannot be reached" in caplog.text, what="words of it")
    network.heal("h2")
    wait_until(lambda: "is there again after" in caplog.text, what="its return")
    gate.touch()
    assert result.get(timeout=30) == int(notes(begun)[0])
    assert rc[:].apply_sync(on_host) == ["h1", "h2"]


def test_a_process_that_is_stopped_there_is_told_of_too(
    rc: Client, gate: Path, begun: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = rc[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="work on the host")
    pid = int(notes(begun)[0])
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match=r"engine 1 is lost: "):
        running.get(timeout=60)
    assert "on h2) cannot be reached: it is stopped or cut off" in caplog.text
    gate.touch()
