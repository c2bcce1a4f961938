"""What clients have not read: some of it is on its way, the rest on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ..protocol.messages import Message
from ..protocol.wire import NO_SESSION, client_decoder, encode
from ..state.stream import Stream
from ..transport.sockets import as_buffers
from .spool import Spool

__all__ = ["WINDOW", "Backlogs", "Reader"]

#: So much may be under way to a client that has not said that it read it, bytes. It
#: says so of each 256 KiB.
WINDOW = 16 << 20


class Reader(Protocol):
    """What is needed of a peer."""

    role: str
    away: bool
    stream: Stream


class Backlogs:
    """What is to be said to clients that do not read, or are away, in order.

    A client may be stopped, or in code that holds Python's lock, while its results
    come. They are not to fill the controller, nor to keep engines from working.
    """

    def __init__(self) -> None:
        self._spools: dict[Any, Spool] = {}
        self._decoder = client_decoder()

    def __bool__(self) -> bool:
        return bool(self._spools)

    def __contains__(self, peer: Reader) -> bool:
        """Tell whether something waits for a peer."""
        return peer in self._spools

    def is_behind(self, peer: Reader) -> bool:
        """Tell whether what is said to a peer now has to wait."""
        if peer.role != "client":  # what an engine is sent is bounded by credits
            return False
        return peer.away or peer in self._spools or peer.stream.unread > WINDOW

    def put(
        self, peer: Reader, messages: Sequence[Message], frames: Sequence[Any]
    ) -> None:
        """Have a batch wait."""
        head = encode(NO_SESSION, messages)
        spool = self._spools.setdefault(peer, Spool())
        spool.put([head, *as_buffers(frames)])

    def ready(self) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        """Yield what waits no longer: to whom, which messages, and their frames.

        Who takes it has sent it when the next is asked for.
        """
        for peer, spool in list(self._spools.items()):
            while spool and not peer.away and peer.stream.unread <= WINDOW:
                head, *frames = spool.take()
                yield peer, self._decoder.decode(head)[1], frames
            if not spool:
                self.forget(peer)

    def forget(self, peer: Reader) -> None:
        """Drop what waits for a peer."""
        spool = self._spools.pop(peer, None)
        if spool is not None:
            spool.close()
