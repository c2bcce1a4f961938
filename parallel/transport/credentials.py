"""Who is at the other end of a connection, by what nobody there can claim falsely."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

import zmq

__all__ = ["curve_role", "peer_descriptor", "peer_process"]

#: What SO_PEERCRED tells: pid, uid, gid.
_CREDENTIALS = struct.Struct("=iII")


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
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        with socket.socket(fileno=os.dup(descriptor)) as line:
            if line.family != socket.AF_UNIX:
                return None
            pid: int = _CREDENTIALS.unpack(
                line.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
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
