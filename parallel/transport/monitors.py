"""What becomes of a socket's connections: who came, was let in, and has left."""

from __future__ import annotations

import contextlib
import socket as system
import struct
import sys
from collections.abc import Callable

import zmq

from .sockets import Socket, descriptor, has_input

__all__ = ["DisconnectMonitor", "new_monitor"]

#: What a monitor tells first: which event, and its value: here, a descriptor.
_EVENT = struct.Struct("=Hi")
_EVENTS = zmq.EVENT_DISCONNECTED | zmq.EVENT_ACCEPTED


def new_monitor(socket: Socket, events: int, unread: int = 0) -> Socket:
    """Return a socket that tells what becomes of another one's connections.

    Parameters
    ----------
    unread
        How many events its end holds, 0 for all; libzmq holds 1,000 more. Then its
        thread waits until one is read, and all connections with it: for ever, if
        nobody reads any more because the socket is to be closed.
    """
    address = f"inproc://monitor-{descriptor(socket)}"
    socket.monitor(address, events)
    # Not pyzmq's own, which holds 1,000.
    found: Socket = socket.context.socket(zmq.PAIR)
    found.set(zmq.RCVHWM, unread)
    found.connect(address)
    return found


class DisconnectMonitor:
    """Tells which descriptors of a socket lost their peer.

    Parameters
    ----------
    most
        Tells from which descriptor on who connects is turned away: libzmq ends the
        process if it cannot accept on an ipc socket, and else tries without a pause.
        It lets in some 1,000 more before it waits for them to be looked at.
    """

    def __init__(self, socket: Socket, most: Callable[[], int] | None = None) -> None:
        self._socket = socket
        self._most = most
        #: Whether somebody was turned away since this was set to False.
        self.was_full = False
        #: Those that are disconnected, and that nobody has connected by since.
        self._lost: set[int] = set()
        if most is None:
            self._monitor = new_monitor(socket, _EVENTS)
        else:
            self._monitor = new_monitor(socket, _EVENTS, unread=1)

    @property
    def descriptor(self) -> int:
        """The descriptor to wait on."""
        return descriptor(self._monitor)

    def lost(self) -> list[int]:
        """Return the descriptors disconnected since the last call."""
        found: list[int] = []
        most = sys.maxsize if self._most is None else self._most()
        while has_input(self._monitor):
            kind, number = _EVENT.unpack(self._monitor.recv())
            self._monitor.recv()  # the address
            if kind == zmq.EVENT_DISCONNECTED:
                found.append(number)
                self._lost.add(number)
                continue
            self._lost.discard(number)
            if number >= most:
                self._turn_away(number)
        return found

    def is_lost(self, number: int) -> bool:
        """Tell whether a descriptor is disconnected, as far as `lost` has read."""
        return number in self._lost

    def _turn_away(self, number: int) -> None:
        self.was_full = True
        with contextlib.suppress(OSError):  # it may be gone, and another file's by now
            line = system.socket(fileno=number)
            try:
                line.shutdown(system.SHUT_RDWR)
            finally:
                line.detach()

    def close(self) -> None:
        """Stop listening; one that turns away, only before its context is destroyed."""
        if self._most is None:  # else libzmq's thread may wait for what is not read
            with contextlib.suppress(zmq.ZMQError):
                self._socket.disable_monitor()
        self._monitor.close(0)
