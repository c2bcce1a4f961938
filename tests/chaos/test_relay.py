"""A relay carries, and can be cut in each of its ways."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.relay import Relay

#: Nothing has come within this, seconds: it is cut.
QUIET = 0.2


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """Serve what sends everything back."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def answer(line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            while data := line.recv(1000):
                line.sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                threads.append(threading.Thread(target=answer, args=[line]))
                threads[-1].start()

    server = threading.Thread(target=serve)
    server.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in [server, *threads]:
        thread.join()


@pytest.fixture
def relay(echo: tuple[str, int]) -> Iterator[Relay]:
    relay = Relay(echo)
    yield relay
    relay.close()


@pytest.fixture
def line(relay: Relay) -> Iterator[socket.socket]:
    """Connect over the relay."""
    with socket.create_connection(relay.address, timeout=10) as line:
        assert echoed(line, b"first") == b"first"
        yield line


def echoed(line: socket.socket, data: bytes) -> bytes:
    line.sendall(data)
    return line.recv(1000)


def test_it_carries_both_ways(line: socket.socket) -> None:
    assert echoed(line, b"second") == b"second"


@pytest.mark.parametrize("how", ["reset", "closed"])
def test_connections_break(relay: Relay, line: socket.socket, how: str) -> None:
    relay.cut(how)
    with contextlib.suppress(ConnectionResetError):
        assert line.recv(1) == b""


@pytest.mark.parametrize("how", ["silent", "half"])
def test_nobody_is_told(relay: Relay, line: socket.socket, how: str) -> None:
    relay.cut(how)
    line.sendall(b"lost?")
    line.settimeout(QUIET)
    with pytest.raises(TimeoutError):
        line.recv(1)
    line.settimeout(10)
    relay.heal()
    if how == "silent":
        assert line.recv(1000) == b"lost?"
    else:
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(1000) == b""


def test_none_can_be_made_until_it_is_healed(relay: Relay, line: socket.socket) -> None:
    relay.cut("closed")
    with contextlib.suppress(OSError), socket.create_connection(relay.address) as new:
        assert new.recv(1) == b""
    relay.heal()
    with socket.create_connection(relay.address, timeout=10) as new:
        assert echoed(new, b"again") == b"again"
