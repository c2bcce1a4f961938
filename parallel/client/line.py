"""One connection of a client to its controller, with what is to be sent on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Hello, Message
from ..protocol.wire import NO_SESSION, encode
from ..transport import sockets

__all__ = ["Line"]

#: So many messages at most in one batch.
BATCH = 512


class Line:
    """A socket, its session once it is welcome, and its outgoing messages."""

    def __init__(self, socket: sockets.Socket, channel: str) -> None:
        self.socket = socket
        self.channel = channel
        self.session = NO_SESSION
        self.outbox: deque[tuple[Message, Sequence[Any]]] = deque()
        self.greeted = 0.0
        self.descriptor = sockets.descriptor(socket)
        self.monitor = sockets.DisconnectMonitor(socket)

    def flush(self) -> None:
        """Send what is to be sent, if the controller has welcomed us."""
        outbox = self.outbox
        while outbox and self.session != NO_SESSION:
            messages: list[Message] = []
            frames: list[Any] = []
            for _ in range(min(BATCH, len(outbox))):
                message, own = outbox.popleft()
                messages.append(message)
                if own:
                    frames += own
            head = encode(self.session, messages)
            sockets.send(self.socket, [head, *frames])

    def greet(self, hello: Hello) -> None:
        """Say who we are, at once."""
        self.greeted = monotonic()
        self.session = NO_SESSION
        sockets.send(self.socket, [encode(NO_SESSION, [hello])])
