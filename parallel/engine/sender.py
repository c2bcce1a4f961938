"""What an engine's main thread says, and results that wait for one another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Message, ToEngine
from ..transport.dealer import Dealer
from .stock import Batch, Stock, results_in, take_stock
from .turns import Turns

__all__ = ["Sender"]


class Sender:
    """Speaks on the work line, in the main thread.

    The side thread takes what has been held for too long.
    """

    def __init__(self, line: Dealer[ToEngine]) -> None:
        self._line = line
        #: The same thread may want it again: a user's signal handler may publish.
        self._lock = threading.RLock()
        self._held: list[Message] = []
        self._frames: list[Any] = []
        #: When what was held was sent last.
        self.flushed = 0.0

    def hold(self, message: Message, frames: Sequence[Any]) -> None:
        """Keep a message for the next `flush`; also from other threads."""
        with self._lock:
            self._held.append(message)
            self._frames += frames

    def flush(self) -> None:
        """Send what is held."""
        with self._lock:
            if self._held:
                self._line.say(*self._take())
        self.flushed = monotonic()

    def say(self, messages: Sequence[Message], frames: Sequence[Any] = ()) -> None:
        """Send messages behind what is held."""
        with self._lock:
            self.flush()
            self._line.say(messages, frames)

    def _take(self) -> Batch:
        held, self._held = self._held, []
        frames, self._frames = self._frames, []
        return Batch(held, frames)

    def renew(self, turns: Turns) -> Stock:
        """Begin a session with another controller; return what that is to hear first.

        From the side thread. What the main thread says from now on comes after it.
        """
        with self._lock:
            reach, started = turns.close()
            held = self._take()
            said = [*results_in(self._line.stream), *([held] if held.messages else ())]
            stock = take_stock(reach, started, turns.waiting, said)
            self._line.renew()
            self._line.cut = True
        return stock

    def take_held(self, older_than: float) -> Batch:
        """Return what has been held since before this time; from the side thread."""
        with self._lock:
            if self.flushed > older_than or not self._held:
                return Batch((), ())
            return self._take()

    def is_holding(self) -> bool:
        """Tell whether anything is held."""
        return bool(self._held)
