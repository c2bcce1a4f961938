"""Clients' questions: each is answered once, if its client is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from ..protocol.messages import Answer, Query
from .dispatch import Dispatch
from .hub import Hub
from .peer import Peer
from .peers import Peers
from .queries import QUERIES

__all__ = ["Questions"]

#: A client has so many questions open at most.
ASKED = 1 << 16
#: A packed answer of more bytes than this has a frame of its own.
INLINE_NBYTES = 1 << 16


class Questions:
    """Has questions answered by the functions of `queries`.

    Parameters
    ----------
    send_now
        Sends what is to be said to all, out of turn.
    """

    def __init__(
        self,
        hub: Hub,
        dispatch: Dispatch,
        peers: Peers,
        send_now: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._dispatch = dispatch
        self._peers = peers
        self._send_now = send_now

    def ask(self, peer: Peer, query: Query, *_: object) -> None:
        """Answer a question of a client: now, or once the answer is known."""
        found: Future[Any] = Future()
        try:
            if len(peer.asked) >= ASKED:
                raise ValueError(f"{ASKED:,} questions of this client are open")
            answer = QUERIES[query.name]
            value = answer(self._hub, self._dispatch, **query.arguments)
            if isinstance(value, Future):
                found = value
            else:
                found.set_result(value)
        except Exception as error:
            found.set_exception(error)
        if found.done():
            self._answer(peer, query, found)
            return
        peer.asked.add(found)
        loop = asyncio.get_running_loop()
        found.add_done_callback(
            lambda _: loop.call_soon_threadsafe(self._answer_late, peer, query, found)
        )

    def _answer(self, peer: Peer, query: Query, found: Future[Any]) -> None:
        self._peers.say(peer, *_answer_of(query.seq, found))

    def _answer_late(self, peer: Peer, query: Query, found: Future[Any]) -> None:
        peer.asked.discard(found)
        if self._peers.by_session(peer.session) is peer:
            self._answer(peer, query, found)
            self._send_now()


def _answer_of(seq: int, found: Future[Any]) -> tuple[Answer, Sequence[Any]]:
    """Return what a client is told of a question's end, and its frames."""
    error = found.exception()
    if error is not None:
        words = error.args[0] if error.args else error
        return Answer(seq, None, f"{type(error).__name__}: {words}"), ()
    value = found.result()
    if isinstance(value, msgspec.Raw):
        packed = memoryview(value)
        if packed.nbytes > INLINE_NBYTES:
            return Answer(seq, None, frames=1), [packed]
    return Answer(seq, value), ()
