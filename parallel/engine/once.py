"""The tasks of an engine that must not be started twice, listed on its page.

If the engine and the controller are killed at about the same time, the next controller
hears of its agent which of them had been started here: those fail, and no others.
"""

from __future__ import annotations

from .guarding import Guard
from .page import LISTED, Page

__all__ = ["Once"]


class Once:
    """Lists tasks that are about to start, until clients have their results."""

    def __init__(self, page: Page, guard: Guard) -> None:
        self._page = page
        self._guard = guard
        #: Those that are listed, or should be.
        self._tasks: set[bytes] = set()
        #: Once there are more, it is looked which of them are to stay.
        self._many = LISTED

    def note(self, task: bytes, started: list[bytes]) -> None:
        """List a task, and if need be no longer those whose ends are known.

        Parameters
        ----------
        started
            All tasks that have started and not ended: this one, too.
        """
        self._tasks.add(task)
        self._page.enlist(task)
        if len(self._tasks) <= self._many:
            return
        self._tasks &= self._guard.unconfirmed().union(started)
        self._page.relist(self._tasks)
        # To look takes as long as there are results, and few may have been confirmed.
        self._many = max(LISTED, len(self._tasks) + LISTED // 4)
