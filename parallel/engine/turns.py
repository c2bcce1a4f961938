"""Whose turn it is on an engine: what has started, and what is not to start.

The main thread takes tasks' turns, the side thread asks them back or has them
interrupted: each task is either started or given back, and an interrupt meets the
task that it is for, or none.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Turns"]

log = logging.getLogger("parallel.engine")


class Turns:
    """The tasks of an engine by ordinal, which count up from 1."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revoked: set[int] = set()
        self._position = 0
        #: Those that have started and not ended, the innermost last.
        self.started: list[int] = []
        #: True while users' code runs: only then an interrupt may be raised.
        self.running = False
        #: Those of the started that are to be interrupted.
        self._wanted: set[int] = set()
        #: The next SIGINT is one that `interrupt` sent.
        self._ours = False

    # In the main thread

    def begin(self, ordinal: int) -> bool:
        """Start a task, unless it was given back."""
        with self._lock:
            self._position = ordinal
            if ordinal in self._revoked:
                self._revoked.discard(ordinal)
                return False
            self.started.append(ordinal)
            return True

    def end(self, ordinal: int) -> None:
        """End the innermost task."""
        self.started.pop()
        if self._wanted:
            self._wanted.discard(ordinal)

    def run(self) -> None:
        """Note that users' code runs from now on.

        Raises
        ------
        KeyboardInterrupt
            The innermost task was to be interrupted before.
        """
        self.running = True
        if self._wanted:
            self._check()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Hold interrupts off while users' code has something of ours done."""
        before, self.running = self.running, False
        try:
            yield
        finally:
            self.running = before
        if before:
            self.run()

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGINT.

        One that did not come from `interrupt` is for the innermost task.

        Raises
        ------
        KeyboardInterrupt
            Users' code runs, of the task that is meant.
        """
        ours, self._ours = self._ours, False
        if not ours:
            if not self.started:
                log.warning("SIGINT while idle is ignored; SIGTERM stops an engine")
                return
            self._wanted.add(self.started[-1])
        if self.running:
            self._check()

    def _check(self) -> None:
        if self.started and self.started[-1] in self._wanted:
            self._wanted.discard(self.started[-1])
            raise KeyboardInterrupt

    # In the side thread

    def revoke(self, ordinals: list[int]) -> list[int]:
        """Return those of these tasks that will not be started."""
        with self._lock:
            given = [o for o in ordinals if o > self._position]
            self._revoked.update(given)
        return given

    def interrupt(self, ordinal: int) -> bool:
        """Interrupt a task if it has started; tell whether it never will.

        One that others run on top of is interrupted once they have ended; one that
        has ended is left alone.
        """
        if self.revoke([ordinal]):
            return True
        if ordinal in self.started:
            self._wanted.add(ordinal)
            if self.started[-1:] == [ordinal]:
                self._ours = True
                # To the main thread itself, so that it ends a call that blocks.
                main = threading.main_thread().ident or 0
                signal.pthread_kill(main, signal.SIGINT)
        return False
