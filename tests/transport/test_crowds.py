"""More connect at once than there are files for."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallel.transport import openfiles
from parallel.transport.endpoints import bind_controller, new_context
from parallel.transport.monitors import DisconnectMonitor
from tests.transport.listening import KEYS
from tests.waiting import wait_until

Listen = Callable[[int], DisconnectMonitor]

#: How many let themselves be accepted, unread, and how many wait to be, in libzmq.
UNREAD, WAITING = 1002, 101


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def listen(path: Path) -> Iterator[Listen]:
    """Return what makes a controller's socket, and turns away from some file on."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    openfiles.allow_all()
    context = new_context(encrypted=False)
    with contextlib.ExitStack() as made:

        def listen(most: int) -> DisconnectMonitor:
            router, _ = bind_controller(context, [f"ipc://{path}"], KEYS)
            monitor = DisconnectMonitor(router, lambda: most)
            made.callback(monitor.close)
            return monitor

        try:
            yield listen
        finally:
            made.close()
            context.destroy(0)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def strangers() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as strangers:
        yield strangers


def knock(strangers: contextlib.ExitStack, path: Path) -> bool:
    """Connect one more; tell whether that was possible within a second."""
    stranger = strangers.enter_context(socket.socket(socket.AF_UNIX))
    second = struct.pack("@ll", 1, 0)
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, second)
    try:
        stranger.connect(str(path))
    except BlockingIOError:
        return False
    return True


def test_who_is_too_many_is_turned_away(
    listen: Listen, strangers: contextlib.ExitStack, path: Path
) -> None:
    monitor = listen(8)
    stranger = strangers.enter_context(socket.socket(socket.AF_UNIX))
    stranger.connect(str(path))
    stranger.settimeout(10)
    while not monitor.was_full:
        monitor.lost()
    while stranger.recv(1000):
        pass


def test_a_crowd_waits_to_be_looked_at(
    listen: Listen, strangers: contextlib.ExitStack, path: Path
) -> None:
    monitor = listen(openfiles.ENOUGH)
    let_in = 0
    while knock(strangers, path):
        let_in += 1
        assert let_in <= UNREAD + WAITING < openfiles.BURST
    monitor.lost()
    wait_until(lambda: knock(strangers, path), 10, "one more is let in")


def test_a_crowd_that_waits_does_not_hinder_the_end(
    listen: Listen, strangers: contextlib.ExitStack, path: Path
) -> None:
    listen(openfiles.ENOUGH)
    while knock(strangers, path):
        pass
