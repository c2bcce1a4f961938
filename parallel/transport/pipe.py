"""Messages over a stream socket between a process and the one that forked it.

No zmq here: a process that forks must not hold a zmq context.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from ..protocol.messages import Message

__all__ = ["Pipe"]

log = logging.getLogger("parallel.pipe")

_LENGTH = struct.Struct("!I")


class Pipe:
    """One end of a pair of sockets: lists of messages, each after its length."""

    def __init__(self, end: socket.socket, kinds: Any) -> None:
        self._end = end
        self._decoder = msgspec.msgpack.Decoder(kinds)
        self._encoder = msgspec.msgpack.Encoder()
        self._read = bytearray()
        #: The rest of what was offered, and did not fit.
        self._owed = b""
        end.setblocking(True)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._end.fileno()

    def send(self, messages: Sequence[Message]) -> bool:
        """Send messages; tell whether the other side was there to take them."""
        try:
            self._end.sendall(self._owed + self._packed(messages))
        except OSError:
            return False
        self._owed = b""
        return True

    def offer(self, messages: Sequence[Message]) -> bool:
        """Send messages unless the other side has left others unread; tell whether.

        Who does not read is not waited for.
        """
        if self._owed and not self._send_some(self._owed):
            return False
        return not self._owed and self._send_some(self._packed(messages))

    def _send_some(self, data: bytes) -> bool:
        """Send as much as there is room for; tell whether that was anything."""
        try:
            sent = self._end.send(data, socket.MSG_DONTWAIT)
        except OSError:
            return False
        self._owed = data[sent:]
        return True

    def _packed(self, messages: Sequence[Message]) -> bytes:
        body = self._encoder.encode(messages)
        return _LENGTH.pack(len(body)) + body

    def receive(self) -> list[Any] | None:
        """Return the messages that have come, or None when the other side is gone.

        What is no message of ours is logged, and passed over: who reads here sees to
        a whole cluster.
        """
        try:
            some = self._end.recv(1 << 16)
        except OSError:
            return None
        if not some:
            return None
        self._read += some
        messages: list[Any] = []
        while len(self._read) >= _LENGTH.size:
            (nbytes,) = _LENGTH.unpack_from(self._read)
            if len(self._read) < _LENGTH.size + nbytes:
                break
            body = bytes(self._read[_LENGTH.size : _LENGTH.size + nbytes])
            del self._read[: _LENGTH.size + nbytes]
            try:
                messages += self._decoder.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                log.error("not a message of ours, passed over: %s", error)
        return messages

    def close(self) -> None:
        """Close this end."""
        with contextlib.suppress(OSError):
            self._end.close()
