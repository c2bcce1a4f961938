"""Who is connected, and what is to be said to each at the end of the turn."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

from ..aliases import Uuid
from ..protocol.messages import Hello, Message, Ping, Refused, Welcome
from ..protocol.wire import NO_SESSION, encode
from ..state.receipts import Receipts
from .backlogs import Backlogs
from .limits import Room
from .peer import Peer

__all__ = ["Peers"]

log = logging.getLogger("parallel.controller")

#: An engine that has not confirmed so much, bytes, is looked at: whether all of it is
#: work that it has in hand.
UNCONFIRMED = 64 << 20
#: What a peer is told for whom there is something that no message can hold.
UNSAYABLE = "the controller has something to say that cannot travel: see its log"


class Peers:
    """All connections, found by session, by descriptor, or by uuid and channel.

    Parameters
    ----------
    send
        Sends the parts of a batch at once; False when the peer is not there.
    room
        What may wait for clients that do not read.
    """

    def __init__(
        self, send: Callable[[Sequence[Any]], bool], room: Room | None = None
    ) -> None:
        self._send = send
        self._sessions: dict[bytes, Peer] = {}
        #: Who greeted on each connection, until that is gone.
        self._routes: dict[bytes, Peer] = {}
        self._descriptors: dict[int, Peer] = {}
        self._channels: dict[tuple[Uuid, str], Peer] = {}
        #: Those of each role and channel.
        self._roles: defaultdict[tuple[str, str], dict[Peer, None]]
        self._roles = defaultdict(dict)
        #: Those of them that tasks and results travel on, by the process's uuid.
        self.work: dict[Uuid, Peer] = {}
        self._dirty: dict[Peer, None] = {}
        self._backlogs = Backlogs(room or Room())
        #: For whom more is kept than should be, and why that is so, in words.
        self.overdue: dict[Peer, str] = {}
        #: Up to how much that is well, bytes.
        self._excused: dict[Peer, int] = {}
        #: Who is to be told at the end of the turn what has come.
        self.owing: set[Peer] = set()
        #: Which of the engines' batches their clients have not got yet.
        self.receipts: Receipts[Peer] = Receipts()

    def earlier(self, hello: Hello, routing_id: bytes) -> Peer | None:
        """Return who greets again, by the same connection or in the same session.

        One that has heard nothing of its session yet cannot name it.
        """
        old = self._channels.get((hello.uuid, hello.channel))
        if old is None:
            return None
        if hello.session == old.session:
            return old
        # It may name one of an earlier controller, if it has not heard of this one.
        is_new = old.routing_id == routing_id or (old.away and old.stream.is_fresh)
        return old if is_new else None

    def welcome(self, hello: Hello, routing_id: bytes, descriptor: int) -> Peer:
        """Return the peer of a greeting, in the place of another one of its kind."""
        old = self.earlier(hello, routing_id)
        if old is not None:
            if old.routing_id != routing_id:
                self.lose(old)
            old.routing_id, old.descriptor, old.away = routing_id, descriptor, False
            self._route(old)
            return old
        other = self._channels.get((hello.uuid, hello.channel))
        if other is not None:
            self.drop(other)
        peer = Peer(hello, routing_id, descriptor)
        self._route(peer)
        self._enter(peer)
        return peer

    def expect(self, hello: Hello) -> None:
        """Have what is said to a process wait until it greets so."""
        if (hello.uuid, hello.channel) not in self._channels:
            peer = Peer(hello, b"", -1)
            peer.away = True
            self._enter(peer)

    def _enter(self, peer: Peer) -> None:
        self._sessions[peer.session] = peer
        self._channels[peer.uuid, peer.channel] = peer
        self._roles[peer.role, peer.channel][peer] = None
        if peer.channel == "work":
            self.work[peer.uuid] = peer

    def by_route(self, routing_id: bytes) -> Peer | None:
        """Return who greeted on a connection, be it that it has left since."""
        return self._routes.get(routing_id)

    def by_session(self, session: bytes) -> Peer | None:
        """Return the peer that was welcomed into a session."""
        return self._sessions.get(session)

    def channel(self, uuid: Uuid, channel: str) -> Peer | None:
        """Return a process's connection of one kind."""
        return self._channels.get((uuid, channel))

    def by_descriptor(self, descriptor: int) -> Peer | None:
        """Return who greeted on the connection that has, or had, this descriptor."""
        return self._descriptors.get(descriptor)

    def of_role(self, role: str, channel: str = "work") -> Iterator[Peer]:
        """Yield the peers of a role."""
        yield from list(self._roles.get((role, channel), ()))

    def drop(self, peer: Peer) -> None:
        """Forget a connection that is gone."""
        self.remove(peer)
        self._unroute(peer)

    def remove(self, peer: Peer) -> None:
        """End a session; on its connection, if that lives on, nobody else may greet."""
        self._sessions.pop(peer.session, None)
        self._roles[peer.role, peer.channel].pop(peer, None)
        if self._channels.get((peer.uuid, peer.channel)) is peer:
            del self._channels[peer.uuid, peer.channel]
            if peer.channel == "work":
                del self.work[peer.uuid]
        for question in tuple(peer.asked):  # nobody wants to know any more
            question.cancel()
        self._dirty.pop(peer, None)
        self._backlogs.forget(peer)
        self._excused.pop(peer, None)
        self.owing.discard(peer)
        self.receipts.forget(peer)

    def lose(self, peer: Peer) -> None:
        """Take note that a peer's connection is gone; its session is not."""
        self._unroute(peer)
        peer.away, peer.descriptor = True, -1

    def _route(self, peer: Peer) -> None:
        self._routes[peer.routing_id] = peer
        if peer.descriptor >= 0:
            self._descriptors[peer.descriptor] = peer

    def _unroute(self, peer: Peer) -> None:
        if self._routes.get(peer.routing_id) is peer:
            del self._routes[peer.routing_id]
        if self._descriptors.get(peer.descriptor) is peer:
            del self._descriptors[peer.descriptor]

    def answer(self, peer: Peer, welcome: Welcome, hello: Hello, *, anew: bool) -> None:
        """Welcome a peer at once.

        What it has not received follows again if it comes `anew`, by another way.
        """
        if not anew and peer.messages and peer not in self._backlogs:
            self._say_all(peer)  # in order
        self.refuse(peer.routing_id, welcome)
        if not anew:
            return
        peer.stream.confirm(hello.received)
        for parts in peer.stream.resume(hello.received):
            self._send([peer.routing_id, *parts])
        if peer.messages:
            self._dirty[peer] = None

    def say(self, peer: Peer, message: Message, frames: Sequence[Any] = ()) -> None:
        """Add a message to a peer's batch of this turn."""
        peer.messages.append(message)
        if frames:
            peer.frames.extend(frames)
        self._dirty[peer] = None

    def flush(self) -> list[Peer]:
        """Send all batches; return the peers that were not there."""
        missing: list[Peer] = []
        if self.receipts.heard:
            self.owing.update(self.receipts.turn(self._told(), monotonic()))
        while self._dirty:
            peer, _ = self._dirty.popitem()
            if self._backlogs.is_behind(peer):
                self._set_aside(peer)
            elif not peer.away and not self._say_all(peer):
                missing.append(peer)
        if self._backlogs:
            for peer, messages, frames in self._backlogs.ready():
                parts = peer.stream.pack(messages, frames)
                self._send([peer.routing_id, *parts])
        while self.owing:
            peer = self.owing.pop()
            if peer.stream.owes and not peer.away:
                self._send([peer.routing_id, *peer.stream.confirmation()])
        return missing

    def _told(self) -> Iterator[tuple[Peer, int]]:
        """Yield the clients that are told something now, and by which batch."""
        for peer in self._dirty:
            if peer.role == "client":
                yield peer, self._last_told(peer) + 1

    def _last_told(self, peer: Peer) -> int:
        """Return the number of the last batch that was for a peer, sent or waiting."""
        return peer.stream.sent + self._backlogs.count(peer)

    def hold_back(self, holds_back: bool) -> None:
        """Have engines keep what they send now, or no longer than clients need it."""
        if holds_back:
            self.receipts.freeze()
        else:
            told = [
                (client, self._last_told(client) + (client in self._dirty))
                for client in self.of_role("client")
            ]
            self.receipts.thaw(told, monotonic())

    def leave_to_record(self) -> None:
        """Have engines keep what they said in this turn until the record has it."""
        self.receipts.is_for_record = True

    def confirm(self) -> None:
        """Have what clients have got confirmed, though nobody has anything to say."""
        slow, untold = self.receipts.silent(monotonic())
        for client in slow:
            if client not in self._backlogs:
                self.say(client, Ping())
        for engine in untold:
            if not engine.away:
                self._send([engine.routing_id, *engine.stream.confirmation()])

    def _set_aside(self, peer: Peer) -> None:
        """Have a peer's batch wait until it has read more of what was said before."""
        try:
            self._backlogs.put(peer, peer.messages, peer.frames)
        except Exception:
            self._say_all(peer)  # it fails there too, and that is told
            return
        peer.messages = []
        peer.frames = []
        overdue = self._backlogs.too_much()
        if overdue is not None:
            self.overdue[overdue[0]] = overdue[1]

    def _say_all(self, peer: Peer) -> bool:
        """Send a peer's batch; tell whether it was there."""
        messages, frames = peer.messages, peer.frames
        peer.messages = []
        peer.frames = []
        try:
            parts = peer.stream.pack(messages, frames)
        except Exception:  # the others are to hear what is theirs
            log.exception("cannot say to %r: %.1000r", peer, messages)
            self.refuse(peer.routing_id, Refused(UNSAYABLE))
            return False
        unread = peer.stream.unread
        if unread > UNCONFIRMED and self._is_engine_overdue(peer):
            self.overdue[peer] = f"it has not confirmed {unread:,} bytes"
        return self._send([peer.routing_id, *parts])

    def _is_engine_overdue(self, peer: Peer) -> bool:
        excused = self._excused.get(peer, 0)
        return peer.role == "engine" and peer.stream.unread > excused

    def excuse(self, peer: Peer) -> None:
        """Take note that what a peer has not confirmed is no more than it may be."""
        self._excused[peer] = 2 * peer.stream.unread

    def refuse(self, routing_id: bytes, message: Message) -> None:
        """Answer at once somebody outside of any session."""
        self._send([routing_id, encode(NO_SESSION, [message])])
