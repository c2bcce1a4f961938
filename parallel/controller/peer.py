"""One way to a process, and what is to be said by it at the end of the turn."""

from __future__ import annotations

import secrets
from concurrent.futures import Future
from typing import Any

from ..aliases import Uuid
from ..protocol.messages import Hello, Message
from ..protocol.wire import SESSION_NBYTES
from ..state.stream import Stream

__all__ = ["Peer"]


class Peer:
    """One way to a process: its greeting, its session, and its outgoing batch.

    It outlives the connections that it is made of.
    """

    __slots__ = (
        "asked", "away", "channel", "counted", "counted_nbytes", "descriptor", "frames",
        "heard", "hello", "messages", "role", "routing_id", "session", "stream",
        "submitted", "uuid",
    )  # fmt: skip

    def __init__(self, hello: Hello, routing_id: bytes, descriptor: int) -> None:
        self.hello = hello
        self.role = hello.role
        self.channel = hello.channel
        self.uuid: Uuid = hello.uuid
        self.session = secrets.token_bytes(SESSION_NBYTES)
        #: An engine keeps its results until their clients have them.
        self.stream = Stream(self.session, defers=hello.role == "engine")
        #: Its connection broke: what is said to it waits until it is there again.
        self.away = False
        self.routing_id = routing_id
        #: Of the connection that it greeted by; -1 where it cannot be known.
        self.descriptor = descriptor
        #: How much a client has sent since it was looked what it has, bytes.
        self.heard = 0
        #: The number of a client's last submission.
        self.submitted = -1
        #: How many tasks it had when they were counted, less that number; and their
        #: bytes, with what it has sent since.
        self.counted: int | None = None
        self.counted_nbytes = 0
        #: What a client has asked for, and will be told once it is known.
        self.asked: set[Future[Any]] = set()
        self.messages: list[Message] = []
        self.frames: list[Any] = []

    def __repr__(self) -> str:
        host = self.hello.host.encode("unicode_escape").decode()  # this gets into logs
        where = f"{host}:{self.hello.pid}"
        return f"<{self.role} {self.uuid.hex()[:8]} {self.channel} of {where}>"
