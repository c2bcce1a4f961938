"""Sockets made, bound and connected, with the options that matter to both sides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from ..errors import LauncherError, TransportError
from ..protocol.connection import ConnectionInfo
from .keys import ZAP_DOMAIN, Keys
from .openfiles import see_that_one_fits
from .sockets import COPY_NBYTES, Socket

__all__ = ["bind_controller", "connect", "connect_peer", "new_context", "new_peer"]

#: A connection breaks after so much silence, seconds, and is asked for a sign of life
#: so often within that. libzmq answers from its own thread: a held GIL is no silence.
SILENCE, SIGNS = 10.0, 5
#: A peer tries again this soon, ms, and never waits longer than the second.
RECONNECT_MS, RECONNECT_MOST_MS = 10, 1_000
#: A connection that nobody answers is tried anew after so long, ms.
CONNECT_MS = 5_000
#: Time to flush what was said when a socket closes, ms.
LINGER_MS = 100
#: The controller holds so many batches of a peer unread, then reads no more from its
#: connection: more is what one sends who is out to fill our memory.
INBOX = 10_000


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


def _bind(router: Socket, url: str) -> str:
    if url.startswith("tcp://") and url.rsplit(":", 1)[1] == "0":
        url = url[:-1] + "*"
    if "[" in url:
        router.set(zmq.IPV6, 1)
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
    dealer = new_peer(context, info)
    connect(dealer, info.urls[0])
    return dealer


def new_peer(context: zmq.Context[Socket], info: ConnectionInfo) -> Socket:
    """Return a client's or an engine's socket, on its way nowhere yet.

    Raises
    ------
    TransportError
        The connection file's keys cannot be understood.
    """
    dealer = context.socket(zmq.DEALER)
    _set_common(dealer, SILENCE)
    dealer.set(zmq.RECONNECT_IVL, RECONNECT_MS)
    dealer.set(zmq.RECONNECT_IVL_MAX, RECONNECT_MOST_MS)
    dealer.set(zmq.CONNECT_TIMEOUT, CONNECT_MS)
    if info.curve is not None:
        try:
            dealer.set(zmq.CURVE_SERVERKEY, info.curve.server.encode())
            dealer.set(zmq.CURVE_PUBLICKEY, info.curve.public.encode())
            dealer.set(zmq.CURVE_SECRETKEY, info.curve.secret.encode())
        except zmq.ZMQError as error:
            dealer.close(0)
            raise TransportError(
                f"cannot use the keys for {info.urls[0]}: {error}"
            ) from error
    return dealer


def connect(dealer: Socket, url: str) -> None:
    """Send a peer's socket on its way; close it if there is none.

    Raises
    ------
    TransportError
        The address cannot be understood, or not reached.
    """
    try:
        if "[" in url:
            dealer.set(zmq.IPV6, 1)
        dealer.connect(url)
    except zmq.ZMQError as error:
        dealer.close(0)
        raise TransportError(f"cannot connect to {url}: {error}") from error


def _set_common(socket: Socket, silence: float) -> None:
    socket.set(zmq.LINGER, LINGER_MS)
    # A full pipe drops or blocks in silence; what is in flight is bounded above.
    socket.set(zmq.SNDHWM, 0)
    socket.set(zmq.RCVHWM, 0)
    socket.set(zmq.HEARTBEAT_IVL, int(1000 * silence / SIGNS))
    socket.set(zmq.HEARTBEAT_TIMEOUT, int(1000 * silence))
    socket.copy_threshold = COPY_NBYTES
