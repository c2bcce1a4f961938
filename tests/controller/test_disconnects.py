"""Who greets and leaves at once is told to have left, whatever is read first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import zmq

from parallel.controller.disconnects import Disconnects
from parallel.controller.peer import Peer
from parallel.controller.peers import Peers
from parallel.protocol.messages import Hello
from parallel.transport import sockets
from parallel.transport.credentials import peer_descriptor
from tests.waiting import wait_until


class Door:
    """A controller's socket, and what is told of those who come and go."""

    def __init__(self, context: Any) -> None:
        self.gone: list[bytes] = []
        self._context = context
        self._router = context.socket(zmq.ROUTER)
        self._port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._peers = Peers(lambda parts: True)
        hub: Any = SimpleNamespace(disconnected=self._disconnected)
        self.disconnects = Disconnects(self._router, self._peers, hub)
        self.disconnects.doubt = lambda *doubted: self._doubted.append(doubted)
        self._doubted: list[tuple[Peer, int]] = []

    def _disconnected(self, peer: Peer, now: float) -> None:
        self.gone.append(peer.uuid)
        self._peers.lose(peer)

    def connect(self, text: bytes) -> Any:
        """Return a connection by which somebody has said something."""
        line = self._context.socket(zmq.DEALER)
        line.connect(f"tcp://127.0.0.1:{self._port}")
        line.send(text)
        return line

    def wait(self) -> None:
        """Wait until there is something to read."""
        assert self._router.poll(10_000)

    def wait_for_break(self) -> None:
        """Wait until libzmq has told of a broken connection."""
        monitor = self.disconnects._monitor

        def tell() -> bool:
            self.disconnects.note(0)
            return any(map(monitor.is_lost, range(1000)))

        wait_until(tell, what="a broken connection")

    def judge(self) -> None:
        """Look again at who was doubted."""
        for peer, descriptor in self._doubted:
            self.disconnects.judge(peer, peer.routing_id, descriptor, 0)
        self._doubted.clear()
        self.disconnects.tell(0)

    def read(self) -> int:
        """Read one greeting, as the controller does; return by which descriptor."""
        batch = wait_until(lambda: sockets.receive_routed(self._router))
        routing_id, head, _ = batch
        descriptor = peer_descriptor(head)
        self.disconnects.note_before(routing_id, descriptor, 0)
        name = head.bytes.rjust(16)
        hello = Hello("client", "work", name, "", "host", os.getpid())
        self._peers.welcome(hello, routing_id, descriptor)
        self.disconnects.note_after(descriptor)
        self.disconnects.tell(0)
        return descriptor

    def close(self) -> None:
        self.disconnects.close()
        self._router.close(0)


@pytest.fixture
def door() -> Iterator[Door]:
    context = zmq.Context()
    found = Door(context)
    yield found
    found.close()
    context.destroy(0)


def test_who_has_left_before_the_greeting_is_read_is_told_to_have(door: Door) -> None:
    line = door.connect(b"brief")
    door.wait()
    line.close()
    door.wait_for_break()
    door.read()
    door.judge()
    assert door.gone == [b"brief".rjust(16)]


def test_who_is_told_to_have_come_only_after_the_greeting_stays(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = door.disconnects._monitor
    line = door.connect(b"stays")
    door.wait()
    with monkeypatch.context() as late:  # of libzmq's thread: it waits for a processor
        late.setattr(monitor, "lost", list)
        late.setattr(monitor, "is_lost", lambda number: True)  # as the one before it
        monitor._lost.add(door.read())
    door.judge()
    assert door.gone == []
    line.close()
    door.wait_for_break()
    door.disconnects.tell(0)
    assert door.gone == [b"stays".rjust(16)]


def test_who_stays_is_not(door: Door) -> None:
    first = door.connect(b"brief")
    door.wait()
    first.close()
    door.wait_for_break()
    second = door.connect(b"stays")
    door.read()
    door.read()
    door.judge()
    assert door.gone == [b"brief".rjust(16)], "their descriptors are the same, or not"
    second.send(b"stays")
    door.read()
    second.close()

    def tell() -> bool:
        door.disconnects.note(0)
        door.disconnects.tell(0)
        return len(door.gone) == 2

    wait_until(tell)
    assert door.gone == [b"brief".rjust(16), b"stays".rjust(16)]
