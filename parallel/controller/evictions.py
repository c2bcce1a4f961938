"""The end of sessions for which more is kept than should be."""

from __future__ import annotations

from collections.abc import Callable

from ..aliases import Uuid
from ..errors import ProtocolError
from ..protocol.wire import frames_nbytes
from ..state.stream import KEEPING_NBYTES
from .dispatch import Dispatch
from .hub import Hub
from .peer import Peer
from .peers import Peers
from .work import Work

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
        elif peer.stream.unread <= 2 * _held_nbytes(dispatch, peer.uuid):
            peers.excuse(peer)
        else:
            expel(peer, ProtocolError(why))


def _held_nbytes(dispatch: Dispatch, uuid: Uuid) -> int:
    """Return how much an engine has been sent of tasks that have not ended."""
    engine = dispatch.machine.engines.get(uuid)
    works: list[Work] = []
    if engine is not None:
        works = [task.body for task in engine.inhand.values()]
    return sum(_sent_nbytes(dispatch, work) for work in works)


def _sent_nbytes(dispatch: Dispatch, work: Work) -> int:
    submit = work.submit
    code = dispatch.functions.code(submit.digest) if submit.digest else b""
    sent = len(submit.payload) + len(code) + frames_nbytes(work.frames)
    return sent + KEEPING_NBYTES
