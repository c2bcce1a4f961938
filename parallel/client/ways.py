"""The way from a client to its controller: an address that answers, or a tunnel."""

from __future__ import annotations

from time import monotonic

from ..protocol.connection import ConnectionInfo
from ..transport.probing import is_elsewhere, reach
from .connection import Connection
from .locating import warn_of_loopback

__all__ = ["connect"]

#: Each step is given so long at least, seconds.
LEAST = 0.1


def connect(
    info: ConnectionInfo, deadline: float, server: str | None, key: str | None
) -> Connection:
    """Return a client's connection to a controller.

    Parameters
    ----------
    deadline
        When to give up, by the monotonic clock.
    server, key
        A host to go through by ssh, and the file of a key for it; None for what the
        connection file says.

    Raises
    ------
    ControllerUnreachable, ConnectionRefused
        See `Connection`.
    """
    if server is None and is_elsewhere(info):
        server = info.ssh

    def left() -> float:
        return max(LEAST, deadline - monotonic())

    if not server:
        warn_of_loopback(info)
        return Connection(reach(info, left()), left())
    from ..transport.tunnel import Tunnel  # seldom needed

    tunnel = Tunnel(info, server, key or "")
    try:
        return Connection(tunnel.reach(left()), left(), tunnel)
    except BaseException:
        tunnel.close()
        raise
