"""zmq sockets: what is sent and received by them, at once or waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import zmq
import zmq.backend

__all__ = [
    "Socket",
    "as_buffers",
    "descriptor",
    "has_input",
    "limit_wait",
    "receive",
    "receive_routed",
    "send",
]

Socket: TypeAlias = "zmq.Socket[bytes]"

#: Below this, copying a frame is cheaper than libzmq's call back when it is sent.
COPY_NBYTES = 256 * 1024


# Plain ints: `|` of zmq's enums costs 1 µs, and these stand on the hot path.
_NOBLOCK, _MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
#: What `Socket.send` calls in the end: a third of its time is the way there.
_send: Callable[..., object] = zmq.backend.Socket.send


def receive(
    socket: Socket, *, wait: bool = False
) -> tuple[memoryview, list[Any]] | None:
    """Return the head and the buffers of the next batch, or None if there is none.

    Parameters
    ----------
    wait
        Wait for ever, or as long as `limit_wait` says; signal handlers run meanwhile,
        and may raise.
    """
    try:
        head = socket.recv(0 if wait else _NOBLOCK, copy=False)
    except zmq.Again:
        return None
    return head.buffer, _rest(socket) if head.more else []


def limit_wait(socket: Socket, seconds: float) -> None:
    """Have `receive` wait no longer than this."""
    socket.set(zmq.RCVTIMEO, int(1000 * seconds))


def receive_routed(socket: Socket) -> tuple[bytes, Any, list[Any]] | None:
    """Return the routing id, the head frame and the buffers, or None."""
    try:
        routing_id = socket.recv(_NOBLOCK)
    except zmq.Again:
        return None
    head = socket.recv(_NOBLOCK, copy=False)
    return routing_id, head, _rest(socket) if head.more else []


def _rest(socket: Socket) -> list[Any]:
    frames = [socket.recv(_NOBLOCK, copy=False)]
    while frames[-1].more:
        frames.append(socket.recv(_NOBLOCK, copy=False))
    return frames


def send(socket: Socket, parts: Sequence[Any]) -> bool:
    """Send a batch at once; tell whether there was a peer to take it."""
    left = len(parts)
    try:
        for part in parts:
            left -= 1
            is_copied = type(part) is not zmq.Frame and len(part) < COPY_NBYTES
            _send(socket, part, _MORE if left else _NOBLOCK, is_copied)
    except zmq.ZMQError as error:
        if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
            return False
        raise
    return True


def as_buffers(frames: Sequence[Any]) -> Sequence[Any]:
    """Return received frames as memory that unpickling can point into."""
    return frames and [f.buffer if isinstance(f, zmq.Frame) else f for f in frames]


def has_input(socket: Socket) -> bool:
    """Tell whether a message waits to be read."""
    events = socket.getsockopt(_EVENTS)  # a number: other options' values are bytes
    return bool(events & _POLLIN)  # type: ignore[operator]


def descriptor(socket: Socket) -> int:
    """Return the descriptor to wait on: edge-triggered, so look again after sends."""
    return int(socket.get(zmq.FD))
