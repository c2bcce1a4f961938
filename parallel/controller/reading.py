"""Batches as they come: whose each is, whether it is the next, and what is in it."""

from __future__ import annotations

from time import monotonic
from typing import Any

from ..protocol.messages import Hello, Mark, WhoAreYou
from ..protocol.wire import controller_decoder, frames_nbytes, session_of
from ..transport.credentials import curve_role, peer_descriptor
from .agents import Agents
from .disconnects import Disconnects
from .hearing import Hearing
from .hub import Hub
from .overdrafts import Overdrafts
from .peer import Peer
from .peers import Peers

__all__ = ["Reading"]


class Reading:
    """Reads batches, and has what is in them heard."""

    def __init__(
        self,
        peers: Peers,
        hub: Hub,
        agents: Agents,
        overdrafts: Overdrafts,
        hearing: Hearing,
        disconnects: Disconnects,
    ) -> None:
        self._peers = peers
        self._hub = hub
        self._agents = agents
        self._overdrafts = overdrafts
        self._hearing = hearing
        self._disconnects = disconnects
        self._decoder = controller_decoder()

    def on_batch(self, routing_id: bytes, head: Any, frames: list[Any]) -> None:
        """Take in a batch, or let somebody in who greets by it."""
        now = monotonic()
        text = head.buffer
        peer = self._peers.by_session(session_of(text))
        # A session is no use on another's connection.
        if peer is None or peer.routing_id != routing_id:
            if hello := self._hub.greeting(text, routing_id, now):
                self._greet(hello, routing_id, head, now)
            return
        try:
            messages = self._decoder.messages(text)
            if messages and isinstance(mark := messages[0], Mark):
                del messages[0]
                if not self._is_next(peer, mark, len(text), frames, now):
                    return
            elif peer.role == "client":  # no honest one's
                nbytes = len(text) + frames_nbytes(frames)
                self._overdrafts.hear(peer, nbytes, now)
            if messages:  # else it only confirms
                self._hearing.hear(peer, messages, frames, now)
        except Exception as error:  # one peer's messages end nobody else's work
            self.expel(peer, error)

    def expel(self, peer: Peer, error: Exception) -> None:
        """End the session of a peer whose messages cannot be dealt with."""
        self._hub.expel(peer, error, monotonic())
        if peer.role == "engine":
            self._agents.kill(peer.uuid, f"broke the rules of the wire: {error}")

    def _is_next(
        self, peer: Peer, mark: Mark, nbytes: int, frames: list[Any], now: float
    ) -> bool:
        """Tell whether a batch is the one to read now; ask for what is missing."""
        stream = peer.stream
        receipts, owing = self._peers.receipts, self._peers.owing
        if frames:
            nbytes += frames_nbytes(frames)
        is_next = stream.take(mark, nbytes)
        if peer in receipts.clients:
            owing.update(receipts.confirm(peer))
        if is_next:
            if peer.role == "engine":
                receipts.heard.append((peer, mark.number, nbytes))
                return True
            if stream.owes:
                owing.add(peer)
            self._overdrafts.hear(peer, nbytes, now)
            return True
        if stream.lacks(mark):
            self._hub.refuse(peer.routing_id, WhoAreYou(), now)
        return False

    def _greet(self, hello: Hello, routing_id: bytes, head: Any, now: float) -> None:
        descriptor = peer_descriptor(head)
        curve = curve_role(head)
        self._disconnects.note_before(routing_id, descriptor, now)
        self._hub.greet(hello, routing_id, descriptor, curve, now)
        self._disconnects.note_after(descriptor)
