"""The thread that writes the record, and answers: when it works, rests and ends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from time import time
from typing import TypeVar

from .ledger import Ledger
from .line import Line
from .record import settle

__all__ = ["Writer"]

T = TypeVar("T")

#: Tasks are written this often, seconds: one that starts and ends between is written
#: once, and what a killed controller has not written is no more than this.
INTERVAL = 0.05
#: So many tasks that came while others were written do not wait for that.
ENOUGH = 10_000
#: It may take so long to end, seconds.
LEAVING = 10.0


class Writer:
    """A thread that has a ledger to itself, and does there what others ask for."""

    def __init__(self, line: Line, ledger: Ledger) -> None:
        self._line = line
        self._ledger = ledger
        self._asked: deque[Callable[[], None]] = deque()
        self._closing = False
        self._thread = threading.Thread(
            target=self._run, name="parallel-record", daemon=True
        )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what is in line, and end."""
        self._closing = True
        self._line.hurry()
        if self._thread.is_alive():
            self._thread.join(LEAVING)

    def ask(self, do: Callable[[], T]) -> Future[T]:
        """Have something done by the thread once all is written that came so far."""
        future: Future[T] = Future()
        self._asked.append(lambda: settle(future, do))
        self._line.rouse()
        if self._closing and not self._thread.is_alive():
            future.cancel()
        return future

    def written(self) -> Future[None]:
        """Return what tells when all is written that came so far: no sooner for it."""
        written: Future[None] = Future()
        self._asked.append(lambda: settle(written, lambda: None))
        if self._line.is_idle:
            self._line.rouse()
        return written

    # The thread

    def _run(self) -> None:
        ledger = self._ledger
        while True:
            is_last = self._closing
            self._line.attend()
            asked = len(self._asked)
            ledger.write(wholly=is_last)
            for _ in range(asked):
                self._asked.popleft()()
            due = ledger.due
            if due is not None and (is_last or time() >= due):
                ledger.try_disk()
            if is_last:
                break
            self._rest()
        while self._asked:
            self._asked.popleft()()
        ledger.close()

    def _rest(self) -> None:
        """Let tasks gather, or sleep until there are any."""
        line = self._line
        if self._ledger.is_behind:
            if len(line.finished) < ENOUGH:
                line.wait(INTERVAL)
            return
        line.is_idle = True
        # What came before that was said is seen here; what comes after it rouses.
        if not (line.has_tasks or self._asked):
            due = self._ledger.due
            line.wait(None if due is None else max(0.0, due - time()))
