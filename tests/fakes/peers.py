"""Peers that say what they like, in whatever role their key gives them."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from parallel import Client
from parallel.protocol.connection import ConnectionInfo, from_json
from parallel.protocol.messages import Hello, Mark, Message, Refused, Welcome
from parallel.protocol.wire import NO_SESSION, client_decoder, encode, engine_decoder
from parallel.transport import sockets
from parallel.transport.endpoints import connect_peer, new_context
from tests.waiting import wait_until


def info_of(client: Client, role: str) -> ConnectionInfo:
    """Return what peers of a role know of a client's cluster."""
    mine = client.cluster
    tag = f"-{mine.cluster_id}" if mine.cluster_id else ""
    path = Path(mine.profile_dir, "security", f"ipcontroller{tag}-{role}.json")
    return from_json(path.read_bytes(), str(path))


class FakePeer:
    """One connection, and all that it was told."""

    def __init__(self, context: Any, info: ConnectionInfo) -> None:
        self.role = info.role
        self.uuid = uuid.uuid4().bytes
        self.session = NO_SESSION
        self.told: list[Any] = []
        self._line = connect_peer(context, info)
        decoder = engine_decoder if info.role == "engine" else client_decoder
        self._decoder = decoder()
        self._hello = Hello(
            role=info.role,
            channel="work",
            uuid=self.uuid,
            secret=info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
        )

    def greet(self, **changes: Any) -> Welcome | Refused:
        """Greet, and return the answer; `changes` are to the greeting's fields."""
        self._hello = replace(self._hello, **{"uuid": self.uuid, **changes})
        self.session = NO_SESSION  # as who greets again says it
        self.say(self._hello)
        answer = self.wait_for(Welcome, Refused)
        if isinstance(answer, Welcome):
            self.session = answer.session
        return answer

    def say(self, *messages: Message, frames: Sequence[bytes] = ()) -> None:
        """Send one batch."""
        sockets.send(self._line, [encode(self.session, messages), *frames])

    def hear(self) -> list[Any]:
        """Return all that it was told so far."""
        while (batch := sockets.receive(self._line)) is not None:
            said = self._decoder.decode(batch[0])[1]
            self.told += [each for each in said if not isinstance(each, Mark)]
        return self.told

    def wait_for(self, *kinds: type) -> Any:
        """Return the next message of these kinds, which are no longer in `told`."""

        def find() -> Any:
            return [each for each in self.hear() if isinstance(each, kinds)]

        found = wait_until(find, what=f"{kinds} for a {self.role}")[0]
        self.told.remove(found)
        return found


@contextlib.contextmanager
def peers_of(client: Client) -> Iterator[Callable[[str], FakePeer]]:
    """Give a function that connects a peer with the key of a role."""
    context = new_context(encrypted=True)
    try:
        yield lambda role: FakePeer(context, info_of(client, role))
    finally:
        context.destroy(100)
