"""Has engines keep what they have said until the record has it, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import monotonic

from .muster import LEASE, Muster
from .peers import Peers
from .store.record import Record

__all__ = ["Safekeeping"]


class Safekeeping:
    """Asks the record, one question at a time, what it has.

    Parameters
    ----------
    turn
        Says what is to be said outside of a turn.
    """

    def __init__(
        self, peers: Peers, record: Record, muster: Muster, turn: Callable[[], None]
    ) -> None:
        self._peers = peers
        self._record = record
        self._muster = muster
        self._turn = turn

    def look(self) -> None:
        """Ask the record, if anything waits for it, and it is not being asked."""
        receipts = self._peers.receipts
        receipts.has_record = self._record.is_on_disk
        question = receipts.ask(monotonic())
        if not question:
            return
        is_risky, receipts.is_risky = receipts.is_risky, False
        loop = asyncio.get_running_loop()

        def pass_on(_: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(partial(self._written, question, is_risky))

        self._record.written().add_done_callback(pass_on)

    def _written(self, question: int, is_risky: bool) -> None:
        if is_risky and self._record.is_on_disk:
            self._muster.rely(LEASE)
        elif is_risky:
            self._muster.doubt(LEASE)
        self._peers.owing.update(self._peers.receipts.written(question))
        self._turn()
