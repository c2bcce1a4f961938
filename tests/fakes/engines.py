"""Engines that greet and answer as real ones do, and run nothing: hundreds at once."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from parallel.protocol.connection import ConnectionInfo
from parallel.protocol.messages import (
    Assign,
    Goodbye,
    Hello,
    Message,
    Refused,
    Result,
    Status,
    Welcome,
)
from parallel.protocol.wire import NO_SESSION, encode, engine_decoder
from parallel.serialize.calls import pack_value
from parallel.transport import sockets
from parallel.transport.endpoints import connect_peer, new_context
from tests.waiting import wait_until

CHANNELS = ("work", "control")


class FakeEngine:
    """One engine: two connections, and what was said on them."""

    def __init__(self, context: Any, info: ConnectionInfo) -> None:
        self.uuid = uuid.uuid4().bytes
        self.engine_id: int | None = None
        self.tasks: list[Assign] = []
        self.welcomes: list[Welcome] = []
        self.refusals: list[str] = []
        self._hello = Hello(
            role="engine",
            channel="work",
            uuid=self.uuid,
            secret=info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        self._decoder = engine_decoder()
        self._lines = {c: connect_peer(context, info) for c in CHANNELS}
        self._sessions = dict.fromkeys(CHANNELS, NO_SESSION)

    def greet(self, *channels: str, **changes: Any) -> None:
        """Say hello on both channels unless told which; `changes` are to its fields."""
        for channel in channels or CHANNELS:
            self.say(channel, replace(self._hello, **{"channel": channel, **changes}))

    def say(self, channel: str, message: Message) -> None:
        """Send one message."""
        head = encode(self._sessions[channel], [message])
        sockets.send(self._lines[channel], [head])

    def read(self) -> None:
        """Take in what has come."""
        for channel, line in self._lines.items():
            while (batch := sockets.receive(line)) is not None:
                for message in self._decoder.decode(batch[0])[1]:
                    self._take(channel, message)

    def _take(self, channel: str, message: Message) -> None:
        if isinstance(message, Welcome):
            self._sessions[channel] = message.session
            self.engine_id = message.engine_id
            self.welcomes.append(message)
        elif isinstance(message, Refused):
            self.refusals.append(message.reason)
        elif isinstance(message, Assign):
            self.tasks.append(message)

    def finish(self, value: object) -> None:
        """Answer all its tasks with a value."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            payload = pack_value(value, "a value").payload
            self.say("work", Result(task.ordinal, Status.OK, payload, 0, 1.0, 2.0))

    def leave(self) -> None:
        """Say goodbye."""
        self.say("work", Goodbye("it has seen enough"))


@contextlib.contextmanager
def fake_engines(info: ConnectionInfo, n: int) -> Iterator[list[FakeEngine]]:
    """Connect some engines, which have not greeted yet; take their leave at the end."""
    context = new_context(encrypted=info.curve is not None)
    try:
        engines = [FakeEngine(context, info) for _ in range(n)]
        try:
            yield engines
        finally:
            for engine in engines:
                engine.leave()
    finally:
        context.destroy(100)


def serve(engines: list[FakeEngine], until: Callable[[], object], what: str) -> None:
    """Let engines read until something is so."""

    def turn() -> object:
        for engine in engines:
            engine.read()
        return until()

    wait_until(turn, what=what)
