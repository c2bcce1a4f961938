"""Giving a result up: cancelled, aborted, or withdrawn as executors do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from concurrent.futures import CancelledError

from .deliveries import Deliveries

__all__ = ["Cancellable"]


class Cancellable(Deliveries):
    """A result whose tasks can be given up; how they end still comes, and is told."""

    def cancel(self) -> bool:
        """Give up what has not come, whatever its state; do not wait for that.

        What waits or is queued is not started; what runs is interrupted by a
        `KeyboardInterrupt`, and if it does not heed that, its engine is replaced.
        From now on, to get the result raises a `CancelledError`, which tells what
        came of it.

        Returns
        -------
        bool
            Whether it is cancelled; False if it had come already.
        """
        if self.ready():
            return self.cancelled()
        self._failure = CancelledError(f"{self._fname} was cancelled")
        self._feed_no_more()
        if not super().cancel():  # it came in this moment
            self._failure = None
            return False
        with contextlib.suppress(RuntimeError):  # so does another thread
            super().set_running_or_notify_cancel()  # or futures' waiters never hear
        self._end_watches()
        self._stop_tasks(interrupt=True)
        self._connection.look()  # who waits is woken, also if nothing is under way
        return True

    def abort(self) -> None:
        """Give up what has not started, without waiting for that.

        Such tasks end with a `TaskAborted`; what runs goes on.

        Raises
        ------
        RuntimeError
            All of it has come already.
        """
        if self.ready():
            raise RuntimeError(f"{self!r}: nothing is left to abort")
        self._feed_no_more()
        self._stop_tasks(interrupt=False)

    def withdraw(self) -> None:
        """Cancel what has not started, without waiting for that; what runs goes on.

        Once all has ended, it is cancelled if some of it never started.
        """
        if not self.ready():
            self._withdrawn = True
            self._feed_no_more()
            self._stop_tasks(interrupt=False)

    def _stop_tasks(self, *, interrupt: bool) -> None:
        """Ask for its tasks to be given up."""
        self._connection.abort(self._seqs, interrupt=interrupt)

    def stop_recorded(self, indices: Iterable[int], *, interrupt: bool) -> None:
        """Ask for some of its tasks to be given up, if they are known by id only."""

    def _feed_no_more(self) -> None:
        """See that no more tasks are submitted for this."""
