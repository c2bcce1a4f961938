"""zmq sockets: made, bound and connected here, with the options that matter."""

from __future__ import annotations

import contextlib
import os
import socket as system
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import zmq

from ..errors import LauncherError, TransportError
from ..protocol.connection import ConnectionInfo
from .durations import milliseconds
from .keys import ZAP_DOMAIN, Keys
from .openfiles import see_that_one_fits

__all__ = [
    "DisconnectMonitor",
    "OnBatch",
    "Socket",
    "Watcher",
    "as_buffers",
    "bind_again",
    "bind_controller",
    "connect_peer",
    "curve_role",
    "descriptor",
    "has_input",
    "limit_wait",
    "new_context",
    "peer_descriptor",
    "peer_process",
    "receive",
    "receive_routed",
    "send",
    "unbind",
    "wait_readable",
]

Socket: TypeAlias = "zmq.Socket[bytes]"

#: A connection breaks after so much silence, seconds, and is asked for a sign of life
#: so often within that. libzmq answers from its own thread: a held GIL is no silence.
SILENCE, SIGNS = 10.0, 5
#: A peer tries again this soon, ms, and never waits longer than the second.
RECONNECT_MS, RECONNECT_MOST_MS = 10, 1_000
#: A connection that nobody answers is tried anew after so long, ms.
CONNECT_MS = 5_000
#: Time to flush what was said when a socket closes, ms.
LINGER_MS = 100
#: What SO_PEERCRED tells: pid, uid, gid.
_CREDENTIALS = struct.Struct("=iII")
#: The controller holds so many batches of a peer unread, then reads no more from its
#: connection: more is what one sends who is out to fill our memory.
INBOX = 10_000
#: Below this, copying a frame is cheaper than libzmq's call back when it is sent.
COPY_NBYTES = 256 * 1024


class _Context(zmq.Context[Socket]):
    """A context that can be collected before anybody has closed it.

    That happens to a connection that was interrupted while it was made. pyzmq's own
    context refers to its sockets weakly: the collector clears that first, so they
    stay open, and the context waits for their end for ever.
    """

    _made: list[Socket] | None = None

    def socket(self, *args: Any, **kwargs: Any) -> Socket:
        made = super().socket(*args, **kwargs)
        self._made = [*(self._made or ()), made]
        return made

    def __del__(self) -> None:
        if self.closed:
            return
        for made in self._made or ():
            made.close(0)
        self.term()


def new_context(*, encrypted: bool) -> zmq.Context[Socket]:
    """Return a zmq context; CURVE keeps one I/O thread busy, so it gets two.

    Raises
    ------
    TransportError
        This process has too many files open.
    """
    see_that_one_fits()
    return _Context(io_threads=2 if encrypted else 1)


def bind_controller(
    context: zmq.Context[Socket],
    urls: Sequence[str],
    keys: Keys,
    silence: float = SILENCE,
) -> tuple[Socket, list[str]]:
    """Return the controller's one socket, bound, and the addresses it got.

    libzmq copies a socket's options when an endpoint is bound. So the order here
    is what keeps strangers out: ipc first, plain, in its 0700 directory; then the
    CURVE server options; then TCP.

    Parameters
    ----------
    silence
        Seconds after which a connection breaks whose other side says nothing.

    Raises
    ------
    LauncherError
        An address is in use or not of this host.
    """
    router = context.socket(zmq.ROUTER)
    router.set(zmq.ROUTER_MANDATORY, 1)
    _set_common(router, silence)
    router.set(zmq.RCVHWM, INBOX)
    try:
        plain = [_bind(router, url) for url in urls if url.startswith("ipc://")]
        tcp = [url for url in urls if url.startswith("tcp://")]
        if tcp:
            router.set(zmq.CURVE_SERVER, 1)
            router.set(zmq.CURVE_SECRETKEY, keys.server.secret.encode())
            router.set(zmq.CURVE_PUBLICKEY, keys.server.public.encode())
            router.set(zmq.ZAP_DOMAIN, ZAP_DOMAIN.encode())
        closed = [_bind(router, url) for url in tcp]
    except LauncherError:
        router.close(0)
        raise
    return router, plain + closed


def bind_again(router: Socket, url: str) -> None:
    """Listen again on an ipc address of a socket that was bound to no other kind.

    Raises
    ------
    LauncherError
        It cannot be used any more.
    """
    if router.get(zmq.CURVE_SERVER) or not url.startswith("ipc://"):
        raise LauncherError(f"{url} cannot be bound again: keys are demanded by now")
    _bind(router, url)


def unbind(router: Socket, url: str) -> None:
    """Listen there no more; who is connected stays."""
    with contextlib.suppress(zmq.ZMQError):
        router.unbind(url)


def _bind(router: Socket, url: str) -> str:
    if url.startswith("tcp://") and url.rsplit(":", 1)[1] == "0":
        url = url[:-1] + "*"
    try:
        router.bind(url)
    except zmq.ZMQError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise LauncherError(
            f"the controller cannot listen on {url}: {why}. Is the port in use "
            "(--port=0 takes a free one), or the address not of this host?"
        ) from error
    bound = router.get_string(zmq.LAST_ENDPOINT)
    if bound.startswith("ipc://"):  # the umask may have given too much, or too little
        Path(bound.removeprefix("ipc://")).chmod(0o600)
    return bound


def connect_peer(context: zmq.Context[Socket], info: ConnectionInfo) -> Socket:
    """Return a client's or an engine's socket, on its way to the controller.

    Raises
    ------
    TransportError
        The connection file's keys or address cannot be understood, or not reached.
    """
    dealer = context.socket(zmq.DEALER)
    _set_common(dealer, SILENCE)
    dealer.set(zmq.RECONNECT_IVL, RECONNECT_MS)
    dealer.set(zmq.RECONNECT_IVL_MAX, RECONNECT_MOST_MS)
    dealer.set(zmq.CONNECT_TIMEOUT, CONNECT_MS)
    what = "use the keys for"
    try:
        if info.curve is not None:
            dealer.set(zmq.CURVE_SERVERKEY, info.curve.server.encode())
            dealer.set(zmq.CURVE_PUBLICKEY, info.curve.public.encode())
            dealer.set(zmq.CURVE_SECRETKEY, info.curve.secret.encode())
        what = "connect to"
        dealer.connect(info.urls[0])
    except zmq.ZMQError as error:
        dealer.close(0)
        raise TransportError(f"cannot {what} {info.urls[0]}: {error}") from error
    return dealer


def _set_common(socket: Socket, silence: float) -> None:
    socket.set(zmq.LINGER, LINGER_MS)
    # A full pipe drops or blocks in silence; what is in flight is bounded above.
    socket.set(zmq.SNDHWM, 0)
    socket.set(zmq.RCVHWM, 0)
    socket.set(zmq.HEARTBEAT_IVL, int(1000 * silence / SIGNS))
    socket.set(zmq.HEARTBEAT_TIMEOUT, int(1000 * silence))
    socket.copy_threshold = COPY_NBYTES


# Plain ints: `|` of zmq's enums costs 1 µs, and these stand on the hot path.
_NOBLOCK, _MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)


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
    return head.buffer, _rest(socket, head)


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
    return routing_id, head, _rest(socket, head)


def _rest(socket: Socket, head: zmq.Frame) -> list[Any]:
    buffers: list[Any] = []
    frame = head
    while frame.more:
        frame = socket.recv(_NOBLOCK, copy=False)
        buffers.append(frame)
    return buffers


def send(socket: Socket, parts: Sequence[Any]) -> bool:
    """Send a batch at once; tell whether there was a peer to take it."""
    *first, last = parts
    try:
        for part in first:
            socket.send(part, _MORE, copy=_is_copied(part))
        socket.send(last, _NOBLOCK, copy=_is_copied(last))
    except zmq.ZMQError as error:
        if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
            return False
        raise
    return True


def _is_copied(part: Any) -> bool:
    return type(part) is not zmq.Frame and len(part) < COPY_NBYTES


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


def peer_descriptor(frame: Any) -> int:
    """Return the descriptor that a received frame came by, or -1."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def peer_process(descriptor: int) -> int | None:
    """Return the process at the other end of a connection, as the kernel knows it.

    None over TCP, for a connection that is gone, and where it cannot be known.
    """
    option = getattr(system, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        with system.socket(fileno=os.dup(descriptor)) as line:
            if line.family != system.AF_UNIX:
                return None
            pid: int = _CREDENTIALS.unpack(
                line.getsockopt(system.SOL_SOCKET, option, _CREDENTIALS.size)
            )[0]
            return pid
    except OSError:
        return None


def curve_role(frame: Any) -> str | None:
    """Return the role that CURVE proved for a received frame; None on ipc."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return None


class DisconnectMonitor:
    """Tells which descriptors of a socket lost their peer.

    Parameters
    ----------
    most
        Tells how many descriptors there may be. From three quarters of that on who
        connects is turned away: libzmq ends the process if it cannot accept on an ipc
        socket, and else tries without a pause.
    on_crowd
        Called when seven eighths are passed: more come than can be turned away.
    """

    def __init__(
        self,
        socket: Socket,
        most: Callable[[], int] | None = None,
        on_crowd: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket = socket
        self._most = most
        self._on_crowd = on_crowd
        #: Whether somebody was turned away since this was set to False.
        self.was_full = False
        events = zmq.EVENT_DISCONNECTED | (0 if most is None else zmq.EVENT_ACCEPTED)
        address = f"inproc://monitor-{descriptor(socket)}"
        socket.monitor(address, events)
        # Not pyzmq's own, which holds 2,000 events: with more, libzmq's thread waits
        # for their reader, and all connections with it: for ever, if nobody reads any
        # more because the socket is to be closed.
        self._monitor: Socket = socket.context.socket(zmq.PAIR)
        self._monitor.set(zmq.RCVHWM, 0)
        self._monitor.connect(address)

    @property
    def descriptor(self) -> int:
        """The descriptor to wait on."""
        return descriptor(self._monitor)

    def lost(self) -> list[int]:
        """Return the descriptors disconnected since the last call."""
        found: list[int] = []
        most = sys.maxsize if self._most is None else self._most()
        is_crowd = False
        while has_input(self._monitor):
            event = self._monitor.recv_multipart()
            number = int.from_bytes(event[0][2:6], "little", signed=True)
            if int.from_bytes(event[0][:2], "little") == zmq.EVENT_DISCONNECTED:
                found.append(number)
                continue
            if number >= most * 7 // 8 and not is_crowd:
                is_crowd = True
                self._on_crowd()
            if number >= most * 3 // 4:
                self._turn_away(number)
        return found

    def _turn_away(self, number: int) -> None:
        self.was_full = True
        with (
            contextlib.suppress(OSError),
            system.socket(fileno=os.dup(number)) as line,
        ):
            line.shutdown(system.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disable_monitor()
        self._monitor.close(0)


class Watcher:
    """Waits for sockets and descriptors, the same ones again and again."""

    def __init__(self, sockets: Sequence[Any], descriptors: Sequence[int]) -> None:
        self._poller = zmq.Poller()
        for item in (*sockets, *descriptors):
            self._poller.register(item, zmq.POLLIN)

    def wait(self, timeout: float | None) -> bool:
        """Wait, for `timeout` seconds; tell whether one of them can be read."""
        return bool(self._poller.poll(milliseconds(timeout)))


def wait_readable(
    sockets: Sequence[Any], descriptors: Sequence[int], timeout: float | None
) -> bool:
    """Wait until a socket or a descriptor can be read: see `Watcher`."""
    return Watcher(sockets, descriptors).wait(timeout)


OnBatch: TypeAlias = Callable[[bytes, Any, list[Any]], None]
