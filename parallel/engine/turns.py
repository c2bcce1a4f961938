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
from time import monotonic
from types import FrameType
from typing import NamedTuple

from ..protocol.messages import Status

__all__ = ["CALL", "Order", "Started", "Turns", "cut_handler_off"]

log = logging.getLogger("parallel.engine")

#: An engine has never so many tasks in line: what another controller sends is numbered
#: from beyond them on, so that it is told apart from what is still on its way.
LEAP = 1 << 20
#: What `interrupt` sends: a signal that may come too late, as its handler looks what is
#: meant, and that nobody else uses, as it is ignored unless it is handled.
CALL = signal.SIGURG


class Order(NamedTuple):
    """How a task has ended that was to end, and why."""

    status: Status
    reason: str


class Started(NamedTuple):
    """A task that has started: what names it to any controller, and since when."""

    ordinal: int
    token: bytes
    since: float


CANCELLED = Order(Status.ABORTED, "")


class Turns:
    """The tasks of an engine by ordinal, which count up from 1."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revoked: set[int] = set()
        self._position = 0
        #: Up to this, no task starts that has not: its controller is gone.
        self._closed = 0
        #: What names the started tasks to any controller, and when they started.
        self._tokens: list[tuple[bytes, float]] = []
        #: Those of the started that wait for tasks of their own.
        self.waiting: set[int] = set()
        #: Those that have started and not ended, the innermost last.
        self.started: list[int] = []
        #: True while users' code runs: only then an interrupt may be raised.
        self.running = False
        #: Those of the started that are to be interrupted.
        self._wanted: set[int] = set()
        #: What is to be told of those that end with an error, if they were to end.
        self._orders: dict[int, Order] = {}
        #: The task that the next SIGINT is for, if `on_call` has raised it.
        self._called: int | None = None

    @property
    def position(self) -> int:
        """The highest ordinal that may have been started."""
        return self._position

    @property
    def tasks(self) -> list[bytes]:
        """What names the tasks that have started and not ended, the innermost last."""
        return [token for token, _ in self._tokens]

    @property
    def innermost(self) -> tuple[int, bytes] | None:
        """The task that runs, and what names it to any controller; of any thread."""
        started, tokens = self.started[-1:], self._tokens[-1:]
        return (started[0], tokens[0][0]) if started and tokens else None

    # In the main thread

    def begin(self, ordinal: int, token: bytes = b"") -> bool:
        """Start a task, unless it was given back."""
        with self._lock:
            if ordinal <= self._closed:
                return False
            self._position = ordinal
            if ordinal in self._revoked:
                self._revoked.discard(ordinal)
                return False
            self.started.append(ordinal)
            self._tokens.append((token, monotonic()))
            return True

    def end(self, ordinal: int) -> None:
        """End the innermost task."""
        self.started.pop()
        self._tokens.pop()
        if self._wanted:
            self._wanted.discard(ordinal)
        if self._orders:
            self._orders.pop(ordinal, None)

    def order(self, ordinal: int) -> Order | None:
        """Return what is to be told of a task if it has ended with an error."""
        return self._orders.get(ordinal)

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

    def on_call(self, signum: int, frame: FrameType | None) -> None:
        """Handle `CALL`: raise SIGINT for the innermost task, if it is meant."""
        if self.running and self._is_unheard():
            self._called = self.started[-1]
            self._wanted.discard(self._called)
            signal.raise_signal(signal.SIGINT)  # the handler may be the user's

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGINT.

        One that did not come from `on_call` is for the innermost task.

        Raises
        ------
        KeyboardInterrupt
            Users' code runs, of the task that is meant.
        """
        meant, self._called = self._called, None
        if meant is None:
            if not self.started:
                log.warning("SIGINT while idle is ignored; SIGTERM stops an engine")
                return
            meant = self.started[-1]
        if meant in self.started:
            self._wanted.add(meant)
        if self.running:
            self._check()

    def _check(self) -> None:
        if self._is_unheard():
            self._wanted.discard(self.started[-1])
            raise KeyboardInterrupt

    # In the side thread

    def close(self) -> tuple[int, list[Started]]:
        """Start nothing more of what a controller has sent that is gone.

        Returns
        -------
        tuple[int, list[Started]]
            The ordinal up to which this holds, and what has started.
        """
        with self._lock:
            self._closed = max(self._position, self._closed) + LEAP
            self._revoked.clear()
            # The main thread may end the innermost meanwhile, without the lock.
            tokens = self._tokens[:]
            started = zip(self.started[:], tokens, strict=False)
            return self._closed, [Started(o, *each) for o, each in started]

    def revoke(self, ordinals: list[int]) -> list[int]:
        """Return those of these tasks that will not be started."""
        with self._lock:
            given = [o for o in ordinals if o > self._position]
            self._revoked.update(given)
        return given

    def interrupt(self, ordinal: int, order: Order = CANCELLED) -> bool:
        """Interrupt a task if it has started; tell whether it never will.

        One that others run on top of is interrupted once they have ended; one that
        has ended is left alone.
        """
        if self.revoke([ordinal]):
            return True
        if ordinal in self.started:
            self._orders[ordinal] = order
            self._wanted.add(ordinal)
            self.insist()
        return False

    def insist(self) -> bool:
        """Call the main thread if it has not heard; tell whether to do so again.

        A signal that comes just before a call that blocks does not end it.
        """
        self._wanted.intersection_update(self.started)
        if self.running and self._is_unheard():
            # To the main thread itself, so that it ends a call that blocks.
            signal.pthread_kill(threading.main_thread().ident or 0, CALL)
        return bool(self._wanted)

    def _is_unheard(self) -> bool:
        innermost = self.started[-1:]  # the other thread may end it meanwhile
        return bool(innermost) and innermost[0] in self._wanted


def cut_handler_off(error: KeyboardInterrupt) -> None:
    """Have an interrupt's traceback end in the user's code, where the signal came."""
    step = error.__traceback__
    while step is not None:
        after = step.tb_next
        if after is not None and after.tb_frame.f_globals is globals():
            step.tb_next = None
            return
        step = after
