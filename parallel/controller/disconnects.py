"""Whose connection broke: what they said before that is read first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..transport.monitors import DisconnectMonitor
from ..transport.openfiles import most_let_in, most_open
from .hub import Hub
from .peer import Peer
from .peers import Peers

__all__ = ["Disconnects"]


class Disconnects:
    """Notes broken connections, and tells the hub of them.

    Parameters
    ----------
    router
        The socket whose connections these are.
    """

    def __init__(self, router: Any, peers: Peers, hub: Hub) -> None:
        self._monitor = DisconnectMonitor(router, most_let_in)
        self._peers = peers
        self._hub = hub
        #: Is told who greeted by a connection that seems broken, which `judge` sees.
        self.doubt: Callable[[Peer, int], object] = lambda peer, descriptor: None
        #: Whose connection broke, and what they said last may be unread.
        self._gone: list[tuple[Peer, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._gone)

    @property
    def descriptor(self) -> int:
        """What becomes readable when there may be some."""
        return self._monitor.descriptor

    def add(self, peers: Iterable[Peer]) -> None:
        """Note who was not there to be told something."""
        self._gone += [(peer, peer.routing_id) for peer in peers]

    def note(self, now: float) -> bool:
        """Note whose connection broke; tell whether there is anybody to see to."""
        lost = self._monitor.lost()
        was_full, self._monitor.was_full = self._monitor.was_full, False
        if was_full:
            self._hub.tell_full(most_open(), now)
        found = map(self._peers.by_descriptor, lost)
        self.add(peer for peer in found if peer is not None)
        return was_full or bool(self._gone)

    def note_before(self, routing_id: bytes, descriptor: int, now: float) -> None:
        """Note who has left before somebody greets: descriptors are used again."""
        self.note(now)
        other = self._peers.by_descriptor(descriptor)
        if other is not None and other.routing_id != routing_id:
            self.add([other])

    def note_after(self, descriptor: int) -> None:
        """Doubt whether who has just greeted is still there, if it seems not.

        Either that connection had broken by then, or an earlier one with this number,
        and libzmq has not told yet that another has come: one of its threads reads
        from it before the other tells.
        """
        peer = self._peers.by_descriptor(descriptor)
        if peer is not None and self._monitor.is_lost(descriptor):
            self.doubt(peer, descriptor)

    def judge(self, peer: Peer, routing_id: bytes, descriptor: int, now: float) -> None:
        """Note that a doubted connection is broken, if it seems so by now."""
        self.note(now)
        if peer.routing_id == routing_id and self._monitor.is_lost(descriptor):
            self.add([peer])

    def tell(self, now: float) -> None:
        """Tell the hub who is gone, now that all they said has been read."""
        gone, self._gone = self._gone, []
        for peer, routing_id in gone:
            if peer.routing_id == routing_id:  # else it is there again
                self._hub.disconnected(peer, now)

    def close(self) -> None:
        """Note no more."""
        self._monitor.close()
