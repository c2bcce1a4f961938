"""Sends what tasks show, so that it is told even if the engine dies at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from ..protocol.messages import Ping, Publish
from ..protocol.wire import stow
from ..serialize.calls import pack_value
from .sender import Sender
from .turns import Turns

__all__ = ["Showing"]

#: A controller that does not answer for so long, seconds, is not waited for.
PATIENCE = 0.1
#: What is told with how much had been printed before it.
_PLACED = "clear", "display"


class Showing:
    """What is displayed and published: a `publishing.Publisher`.

    What is given to zmq leaves from a thread of its own, and dies with a process that
    is killed at that moment: of displays just before, one in two. So the controller
    is asked to answer behind what is shown in the main thread, which waits for that.

    Parameters
    ----------
    read
        Reads what comes, or waits for it, for a moment.
    relax
        Waits while the controller has far more to read than it can.
    guard
        Has the side thread look after what another thread shows.
    reach
        Tells how much the task has printed by now, on stdout and stderr.
    """

    def __init__(
        self,
        turns: Turns,
        sender: Sender,
        read: Callable[[], object],
        relax: Callable[[], None],
        guard: Callable[[], None],
        reach: Callable[[], tuple[int, int]],
    ) -> None:
        self._turns = turns
        self._sender = sender
        self._read = read
        self._relax = relax
        self._guard = guard
        self._reach = reach
        self._asked = False

    def publish(self, kind: str, value: Any) -> bool:
        """Send what a task shows, from any of its threads; tell whether one runs."""
        started = self._turns.started
        if not started:
            return False
        if kind in _PLACED:  # what is printed comes by another way
            value = {**value, "reach": self._reach()}
        payload, frames = stow(*pack_value(value, "what is published"))
        message = Publish(started[-1], kind, payload, len(frames))
        if threading.current_thread() is not threading.main_thread():
            self._sender.hold(message, frames)
            self._guard()
            return True
        with self._turns.apart():
            # Not answered: the controller is busy, or away. And a clear may be lost.
            if self._asked or kind == "clear":
                self._sender.say([message], frames)
            else:
                self._asked = True
                self._sender.say([message, Ping()], frames)
                self._wait()
            self._relax()
        return True

    def _wait(self) -> None:
        deadline = monotonic() + PATIENCE
        while self._asked and monotonic() < deadline:
            self._read()

    def answered(self) -> None:
        """Take note that the controller has all that was shown, or is another one."""
        self._asked = False
