"""The end of sessions for which more is kept than should be."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ProtocolError
from .dispatch import Dispatch
from .hub import Hub
from .peers import Peer, Peers

__all__ = ["evict"]


def evict(
    peers: Peers, hub: Hub, dispatch: Dispatch, expel: Callable[[Peer, Exception], None]
) -> None:
    """Let go of who does not read, or does not say so.

    An engine keeps to the rules if what it has not confirmed is its work.
    """
    overdue, peers.overdue = peers.overdue, {}
    for peer, why in overdue.items():
        if peers.by_session(peer.session) is not peer:
            continue
        if peer.role == "client":
            hub.let_go(peer, why)
        elif peer.stream.unread <= 2 * dispatch.held_nbytes(peer.uuid):
            peers.excuse(peer)
        else:
            expel(peer, ProtocolError(why))
