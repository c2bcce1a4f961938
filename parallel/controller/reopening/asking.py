"""Asks the record how tasks ended, and hears it in the thread of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import suppress

from ...state.naming import TaskKey
from ..store.entry import Entry
from ..store.record import Record

__all__ = ["Asking"]


class Asking:
    """Questions to the record.

    Parameters
    ----------
    on_late
        Called when something has changed outside of a turn.
    """

    def __init__(self, record: Record, on_late: Callable[[], None]) -> None:
        self._record = record
        self._on_late = on_late

    def ask(
        self,
        keys: Collection[TaskKey],
        then: Callable[[Iterable[Entry], float], None],
        *,
        frames: bool,
    ) -> None:
        """Ask how tasks ended; `then` gets those that have, and the time."""
        loop = asyncio.get_running_loop()

        def answered(known: Future[list[Entry]]) -> None:
            found = known.result() if known.exception() is None else []
            then(found, loop.time())
            self._on_late()

        def pass_on(known: Future[list[Entry]]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(answered, known)

        try:
            known = self._record.ended(keys, frames=frames)
        except ValueError:  # nothing is recorded
            known = Future()
            known.set_result([])
        known.add_done_callback(pass_on)
