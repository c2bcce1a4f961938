"""A peer that sends what it should not, and comes back when it is thrown out."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from msgspec.structs import replace

from parallel.errors import ProtocolError
from parallel.protocol.connection import ConnectionInfo
from parallel.protocol.messages import (
    Hello,
    Ping,
    Pong,
    Refused,
    Welcome,
    WhoAreYou,
)
from parallel.protocol.wire import NO_SESSION, client_decoder, encode, engine_decoder
from parallel.transport import sockets
from parallel.transport.endpoints import connect_peer
from parallel.transport.watcher import wait_readable

from .batches import Batches

__all__ = ["Enemy", "Line"]

CHANNELS = ("work", "control")
#: It looks what it was told after so many batches.
LOOK_EVERY = 100
#: An answer takes no longer than this, or it will not come, seconds.
PATIENCE = 60.0


class Line:
    """One connection, and what it was told last."""

    def __init__(self, context: Any, info: ConnectionInfo, hello: Hello) -> None:
        self._socket = connect_peer(context, info)
        self._hello = hello
        is_engine = hello.role == "engine"
        self._decoder = engine_decoder() if is_engine else client_decoder()
        self.session = NO_SESSION
        self.engine_id: int | None = None
        self.is_out = False
        #: All messages of other kinds, in the order in which they came.
        self.told: list[Any] = []

    def greet(self) -> None:
        """Say who it is, and wait to be welcomed."""
        self.send([encode(NO_SESSION, [self._hello])])
        end = time.monotonic() + PATIENCE
        while not self.is_out and self.session == NO_SESSION:
            assert time.monotonic() < end, "a greeting was not answered"
            wait_readable([self._socket], [], 0.5)
            self.hear()

    def ask(self) -> None:
        """Ask for a sign of life, which `is_in` waits for."""
        self.told.clear()
        self.send([encode(self.session, [Ping()])])

    def is_in(self) -> bool:
        """Tell whether its session goes on, once all is heard that it has said."""
        end = time.monotonic() + PATIENCE
        while not self.is_out and time.monotonic() < end:
            self.hear()
            if any(isinstance(each, Pong) for each in self.told):
                return True
            wait_readable([self._socket], [], 0.05)
        return False

    def send(self, parts: list[Any]) -> None:
        """Send the frames of one batch."""
        sockets.send(self._socket, parts)

    def hear(self) -> None:
        """Take in what has come."""
        while (batch := sockets.receive(self._socket)) is not None:
            try:
                _, messages = self._decoder.decode(batch[0])
            except ProtocolError:  # what it asked for may be beyond our own bounds
                continue
            for message in messages:
                if isinstance(message, Welcome):
                    self.session = message.session
                    self.engine_id = message.engine_id
                elif isinstance(message, (Refused, WhoAreYou)):
                    self.is_out = True
                else:
                    self.told.append(message)

    def close(self) -> None:
        """Break off, without a goodbye."""
        self._socket.close(0)


class Enemy:
    """One process with a role's key, or without one.

    Parameters
    ----------
    role
        `client`, `engine`, or `outside`.
    info
        What it knows of the cluster; an outsider has the address, and no keys.
    """

    def __init__(
        self, context: Any, role: str, info: ConnectionInfo, random: Random
    ) -> None:
        self._context = context
        self._info = info
        self._random = random
        self.role = role
        self._lines: list[Line] = []
        self._hello = Hello(
            role="client" if role == "outside" else role,
            channel="work",
            uuid=random.randbytes(16),
            secret=info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        self.batches = Batches(random, role, self._hello)
        self._endless: Iterator[list[bytes]] = self.batches.endless(self._session)
        self._at = 0
        #: How often it has come back.
        self.joined = 0

    @property
    def engine_id(self) -> int | None:
        """The id that it was given as an engine."""
        return self._lines[0].engine_id if self._lines else None

    def join(self) -> None:
        """Connect, and greet if there is a key to greet with."""
        self.leave()
        self.joined += 1
        self._hello = replace(self._hello, uuid=self._random.randbytes(16))
        for channel in CHANNELS:
            hello = replace(self._hello, channel=channel)
            line = Line(self._context, self._info, hello)
            self._lines.append(line)
            if self.role != "outside":
                line.greet()

    def leave(self) -> None:
        """Break its connections off."""
        for line in self._lines:
            line.close()
        self._lines.clear()

    def attack(self, *, polite: bool = False) -> int:
        """Send some batches; return how many.

        Parameters
        ----------
        polite
            Make them, and send something harmless instead: of an outsider, nothing is.
        """
        for _ in range(LOOK_EVERY):
            self._at = self._random.randrange(len(self._lines))
            line, batch = self._lines[self._at], next(self._endless)
            if not polite:
                line.send(batch)
            elif self.role != "outside":
                line.send([encode(line.session, [Ping()])])
        if self.role == "outside":
            for line in self._lines:
                line.hear()
        else:
            for line in self._lines:
                line.ask()
            out = [line for line in self._lines if not line.is_in()]
            if out:
                self.join()
        return LOOK_EVERY

    def _session(self) -> bytes:
        """Return what an attack's batch begins with."""
        line = self._lines[self._at]
        if self.role != "outside":
            return line.session
        return self._random.choice([NO_SESSION, self._random.randbytes(16)])
