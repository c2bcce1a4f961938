"""Calls made as their arguments come, until what takes their results wants no more."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from .asynchronous import Bell
from .progress import Bar
from .results import AsyncResult

__all__ = ["LazyCalls"]

#: So many results wait to be taken before no more calls are made.
UNTAKEN = 4096


class LazyCalls:
    """Calls of a function with rows of arguments, in a thread, and what came of them.

    It knows nothing of what takes the results, so that to drop that ends the thread.

    Parameters
    ----------
    most
        So many are under way at most; 0 for any number.
    ordered
        Whether results are given in the order of the rows, or as they come.
    bar
        Moved with each result, and closed at the end.
    """

    def __init__(
        self, view: Any, f: Any, rows: Iterator[tuple[Any, ...]], most: int,
        ordered: bool, bar: Bar | None,
    ) -> None:  # fmt: skip
        self._view = view
        self._f = f
        self._rows = rows
        self._most = most
        self._ordered = ordered
        self._bar = bar
        self._changed = threading.Condition()
        #: What is to be given next: of an ordered map, also what has not come yet.
        self._ready: deque[AsyncResult] = deque()
        self._under_way: set[AsyncResult] = set()
        self._stopped = False
        #: A call is being made: what comes of it is not among the others yet.
        self._calling = False
        self._withdrawn = False
        self._ended = False
        self._failure: BaseException | None = None
        self.bells: list[Bell] = []

    # The thread

    def run(self) -> None:
        """Take arguments and make calls until there are no more."""
        try:
            while self._may_go_on():
                row = next(self._rows, None)
                if row is None or not self._may_call():
                    break
                self._add(self._view._apply(self._f, row, {}))
                self._view._connection.set_off()
        except BaseException as error:  # of the user's sequence, or it cannot travel
            self._failure = error
        with self._changed:
            self._ended = True
            self._tell()
        if self._bar is not None and not self._under_way:
            self._bar.close()
        connection, self._view = self._view._connection, None
        connection.look()  # who waits is woken

    def _may_go_on(self) -> bool:
        with self._changed:
            while not self._stopped and not self._has_room():
                self._changed.wait()
            return not self._stopped

    def _may_call(self) -> bool:
        with self._changed:
            self._calling = not self._stopped
            return self._calling

    def _has_room(self) -> bool:
        if not self._most:
            return True
        return len(self._under_way) < self._most and len(self._ready) < UNTAKEN

    def _add(self, result: AsyncResult) -> None:
        with self._changed:
            self._calling = False
            self._under_way.add(result)
            withdrawn = self._withdrawn
            if self._ordered and not withdrawn:
                self._ready.append(result)
        result.add_done_callback(self._came)
        if withdrawn:  # while this was being submitted
            result.cancel()

    def _came(self, result: Any) -> None:
        with self._changed:
            self._under_way.discard(result)
            if not self._ordered and not self._withdrawn:
                self._ready.append(result)
            self._tell()
        if self._bar is not None:
            self._bar.update()
            if self._ended and not self._under_way:
                self._bar.close()

    def _tell(self) -> None:
        self._changed.notify_all()
        for bell in tuple(self.bells):
            bell.ring()

    # The iterator

    def stop(self) -> None:
        """Make no more calls."""
        with self._changed:
            self._stopped = True
            self._tell()

    def withdraw(self) -> list[AsyncResult]:
        """Forget all that was submitted, and return what of it is under way."""
        with self._changed:
            self._withdrawn = True
            self._ready.clear()
            return list(self._under_way)

    def is_due(self) -> bool:
        """Tell whether there is something to give, or will be nothing any more."""
        with self._changed:
            if self._ready:
                return Future.done(self._ready[0])
            return self.is_over()

    def is_over(self) -> bool:
        """Tell whether all was given."""
        with self._changed:
            halted = self._ended or (self._stopped and not self._calling)
            return halted and not self._ready and not self._under_way

    def take(self) -> AsyncResult | None:
        """Return the next result, if it has come."""
        with self._changed:
            if not self._ready or not Future.done(self._ready[0]):
                return None
            self._changed.notify_all()
            return self._ready.popleft()

    def failure(self) -> BaseException | None:
        """Return what ended the thread, once."""
        failure, self._failure = self._failure, None
        return failure

    def follow(self, seconds: float | None) -> None:
        """Wait while another thread reads the connection."""
        with self._changed:
            if not self.is_due():
                self._changed.wait(seconds)
