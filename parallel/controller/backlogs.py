"""What clients have not read: some of it is on its way, the rest on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ..protocol.messages import Message
from ..protocol.wire import NO_SESSION, client_decoder, encode
from ..state.stream import Stream
from ..transport.sockets import as_buffers
from .limits import Room
from .spool import Spool

__all__ = ["WINDOW", "Backlogs", "Reader", "Room"]

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

    def __init__(self, room: Room) -> None:
        self._room = room
        self._spools: dict[Any, Spool] = {}
        self._on_disk = self._in_memory = 0
        self._decoder = client_decoder()

    def __bool__(self) -> bool:
        return bool(self._spools)

    def __contains__(self, peer: Reader) -> bool:
        """Tell whether something waits for a peer."""
        return peer in self._spools

    def count(self, peer: Reader) -> int:
        """Return how many batches wait for a peer."""
        spool = self._spools.get(peer)
        return 0 if spool is None else spool.count

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
        self._count(spool, -1)
        try:
            spool.put([head, *as_buffers(frames)])
        finally:
            self._count(spool, 1)

    def _count(self, spool: Spool, times: int) -> None:
        self._on_disk += times * (spool.nbytes - spool.in_memory)
        self._in_memory += times * spool.in_memory

    def too_much(self) -> tuple[Any, str] | None:
        """Return for whom most waits, and in words why that is too much, if it is."""
        room, folder = self._room, tempfile.gettempdir()
        if self._in_memory > room.in_memory:
            kind, why = "in_memory", f"in memory, for there is no room in {folder}"
        elif self._on_disk > room.on_disk:
            kind = "nbytes"
            why = f"in {folder}, where {_mib(room.on_disk)} may (unread_nbytes)"
        else:
            return None
        sizes = {peer: getattr(spool, kind) for peer, spool in self._spools.items()}
        peer = max(sizes, key=sizes.__getitem__)
        return peer, f"{_mib(sizes[peer])} that it has not read wait {why}"

    def ready(self) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        """Yield what waits no longer: to whom, which messages, and their frames.

        Who takes it has sent it when the next is asked for.
        """
        for peer, spool in list(self._spools.items()):
            while spool and not peer.away and peer.stream.unread <= WINDOW:
                self._count(spool, -1)
                head, *frames = spool.take()
                self._count(spool, 1)
                yield peer, self._decoder.decode(head)[1], frames
            if not spool:
                self.forget(peer)

    def forget(self, peer: Reader) -> None:
        """Drop what waits for a peer."""
        spool = self._spools.pop(peer, None)
        if spool is not None:
            self._count(spool, -1)
            spool.close()


def _mib(nbytes: int) -> str:
    return f"{nbytes / 2**20:,.0f} MiB"
