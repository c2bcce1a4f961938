"""A controller's socket in a loop, and peers that speak to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import zmq

from parallel.protocol.connection import ConnectionInfo
from parallel.transport import sockets
from parallel.transport.drain import Drain
from parallel.transport.endpoints import bind_controller, connect_peer, new_context
from parallel.transport.keys import Gate, Keys, new_keys

KEYS = new_keys()


async def until(condition: Callable[[], object], timeout: float = 10) -> None:
    """Let the loop run until a condition holds.

    Raises
    ------
    AssertionError
        The deadline passed.
    """
    end = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < end, "the deadline passed"
        await asyncio.sleep(0.001)


class Hub:
    """The controller's side: it notes what came, and from whom."""

    def __init__(self, socket: sockets.Socket, urls: list[str]) -> None:
        self.socket = socket
        self.urls = urls
        self.heads: list[bytes] = []
        self.batches: list[tuple[bytes, Any, list[Any]]] = []
        self.drain = Drain(
            asyncio.get_running_loop(), socket, self.on_batch, self.on_turn_end
        )

    def on_batch(self, routing_id: bytes, head: zmq.Frame, frames: list[Any]) -> None:
        """Note a batch."""
        self.heads.append(head.bytes)
        self.batches.append((routing_id, head, frames))

    def on_turn_end(self) -> None:
        """Do nothing: a test may put its own here."""

    def info(self, role: str, url: str, keys: Keys = KEYS) -> ConnectionInfo:
        """Return what a peer of a role is told about an address."""
        return keys.info(role, "", [url], encrypted=url.startswith("tcp"))


@contextlib.asynccontextmanager
async def listening(
    urls: Sequence[str], hub_type: type[Hub] = Hub
) -> AsyncIterator[Hub]:
    """Listen on some addresses; fail if the loop caught an exception."""
    caught: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: caught.append(what))
    context = new_context(encrypted=True)
    gate = Gate(context, KEYS)
    try:
        socket, bound = bind_controller(context, urls, KEYS)
        gate.watch(loop)
        hub = hub_type(socket, bound)
        try:
            yield hub
        finally:
            hub.drain.close()
    finally:
        gate.stop()
        context.destroy(0)
    await asyncio.sleep(0)  # what was to be called soon is called
    assert not caught


@contextlib.contextmanager
def peers() -> Iterator[Callable[[ConnectionInfo], sockets.Socket]]:
    """Give what connects peers; close them when the block is left."""
    context = new_context(encrypted=True)
    connected: list[sockets.Socket] = []

    def connect(info: ConnectionInfo) -> sockets.Socket:
        connected.append(connect_peer(context, info))
        return connected[-1]

    try:
        yield connect
    finally:
        context.destroy(0)
