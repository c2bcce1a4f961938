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

    def read(self) -> None:
        """Read one greeting, as the controller does."""
        batch = wait_until(lambda: sockets.receive_routed(self._router))
        routing_id, head, _ = batch
        descriptor = peer_descriptor(head)
        self.disconnects.note_before(routing_id, descriptor, 0)
        name = head.bytes.rjust(16)
        hello = Hello("client", "work", name, "", "host", os.getpid())
        self._peers.welcome(hello, routing_id, descriptor)
        self.disconnects.note_after(descriptor)
        self.disconnects.tell(0)

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
    assert door.gone == [b"brief".rjust(16)]


def test_who_stays_is_not(door: Door) -> None:
    first = door.connect(b"brief")
    door.wait()
    first.close()
    door.wait_for_break()
    second = door.connect(b"stays")
    door.read()
    door.read()
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
