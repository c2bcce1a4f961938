"""What comes to an open port: other protocols, half greetings, and silence."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from random import Random
from typing import Any

__all__ = ["Rubbish"]

#: zmq's own greeting, as far as its mechanism.
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01"
_NULL = _GREETING + b"NULL".ljust(20, b"\0") + bytes(32)
_CURVE = _GREETING + b"CURVE".ljust(20, b"\0") + bytes(32)
_SAID = [
    b"",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # a TLS hello
    b"SSH-2.0-OpenSSH_9.6\r\n",
    _GREETING[:5],
    _GREETING,
    _NULL,
    _NULL
    + b"\x04\x26\x05READY"
    + b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0",
    _NULL + b"\x06\xff\xff\xff\xff\xff\xff\xff\xff",
    _NULL + b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff",
    _CURVE,
    _CURVE + b"\x04\xc8\x05HELLO" + bytes(194),
    _CURVE + b"\x04\xc8\x05HELLO\x01\x00" + b"\xaa" * 192,
    _CURVE + b"\x06\x00\x00\x00\x00\x10\x00\x00\x00" + bytes(4096),
    b"\x01\x00",
    b"\xff" * 2000,
]


class Rubbish:
    """Connections to an address that say no word of our own protocol.

    Parameters
    ----------
    held
        So many stay open, and silent, at a time.
    """

    def __init__(self, url: str, random: Random, held: int) -> None:
        self._url = url
        self._random = random
        self._held: deque[socket.socket] = deque()
        self._most = held

    def attack(self, *, polite: bool = False) -> int:
        """Open a connection, say something, and leave it or stay; or be polite."""
        if polite:
            return 1
        with contextlib.suppress(OSError):  # what it says may have been enough
            stream = self._connect()
            self._held.append(stream)
            said = self._random.choice(_SAID)
            if self._random.random() < 0.2:
                said = said[: self._random.randrange(len(said) + 1)]
            stream.sendall(said + self._random.randbytes(self._random.choice([0, 40])))
        while len(self._held) > self._most:
            self._held.popleft().close()
        return 1

    def _connect(self) -> socket.socket:
        if self._url.startswith("ipc://"):
            stream = socket.socket(socket.AF_UNIX)
            address: Any = self._url.removeprefix("ipc://")
        else:
            stream = socket.socket()
            host, _, port = self._url.removeprefix("tcp://").rpartition(":")
            address = host, int(port)
        stream.settimeout(5)
        try:
            stream.connect(address)
        except OSError:
            stream.close()
            raise
        return stream

    def leave(self) -> None:
        """Close all that is open."""
        while self._held:
            self._held.popleft().close()
