"""A relay carries, and can be cut in each of its ways."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relay import Relay

#: Nothing has come within this, seconds: it is cut.
QUIET = 0.2


@pytest.fixture(params=["tcp", "ipc"])
def echo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Serve what sends everything back."""
    if request.param == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "echo"))
        listener.listen()
        url = f"ipc://{tmp_path}/echo"
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
    yield url
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in [server, *threads]:
        thread.join()


@pytest.fixture
def relay(echo: str) -> Iterator[Relay]:
    relay = Relay(echo)
    yield relay
    relay.close()


@pytest.fixture
def line(relay: Relay) -> Iterator[socket.socket]:
    """Connect over the relay."""
    with connected(relay) as line:
        yield line


@contextlib.contextmanager
def connected(relay: Relay) -> Iterator[socket.socket]:
    """Connect over a relay that lets pass what is said."""
    with reaching(relay) as line:
        assert echoed(line, b"first") == b"first"
        yield line


def reaching(relay: Relay) -> socket.socket:
    """Connect to a relay."""
    kind, _, where = relay.url.partition("://")
    line = socket.socket(socket.AF_UNIX if kind == "ipc" else socket.AF_INET)
    line.settimeout(10)
    host, _, port = where.rpartition(":")
    line.connect(where if kind == "ipc" else (host, int(port)))
    return line


def echoed(line: socket.socket, data: bytes) -> bytes:
    line.sendall(data)
    return line.recv(1000)


def is_broken(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def says_nothing(line: socket.socket) -> bool:
    line.settimeout(QUIET)
    with pytest.raises(TimeoutError):
        line.recv(1)
    line.settimeout(10)
    return True


def test_it_carries_both_ways(line: socket.socket) -> None:
    assert echoed(line, b"second") == b"second"


@pytest.mark.parametrize("how", ["reset", "closed"])
def test_connections_break(relay: Relay, line: socket.socket, how: str) -> None:
    with connected(relay) as other:
        relay.cut(how)
        assert is_broken(line)
        assert is_broken(other)


def test_the_oldest_connection_breaks(relay: Relay, line: socket.socket) -> None:
    with connected(relay) as other:
        relay.cut("one")
        assert is_broken(line)
        assert echoed(other, b"still there") == b"still there"


@pytest.mark.parametrize("how", ["silent", "stale", "half"])
def test_nobody_is_told(relay: Relay, line: socket.socket, how: str) -> None:
    relay.cut(how)
    line.sendall(b"lost?")
    assert says_nothing(line)
    relay.heal()
    if how == "half":
        assert is_broken(line)
    else:
        assert line.recv(1000) == b"lost?"


def test_new_connections_carry_when_old_ones_are_stale(
    relay: Relay, line: socket.socket
) -> None:
    relay.cut("stale")
    with connected(relay):
        line.sendall(b"late")
        assert says_nothing(line)


@pytest.mark.parametrize("how", ["silent", "half"])
def test_new_connections_are_silent_too(relay: Relay, how: str) -> None:
    relay.cut(how)
    with reaching(relay) as line:
        line.sendall(b"later")
        assert says_nothing(line)
        relay.heal()
        assert line.recv(1000) == b"later"


def test_none_can_be_made_until_it_is_healed(relay: Relay) -> None:
    relay.cut("closed")
    with reaching(relay) as line:
        assert is_broken(line)
    relay.heal()
    with connected(relay):
        pass


def test_who_comes_while_it_closes_leaves_nothing_open(echo: str) -> None:
    for _ in range(30):
        relay = Relay(echo)
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(reaching(relay))
            relay.close()
    gc.collect()  # a socket that is still open says so
