"""What an engine's main thread says, and results that wait for one another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Message, Result, Resumed, Suspended, ToEngine
from ..state.stream import Stream
from ..transport.dealer import Dealer
from .stock import Batch, Stock, results_in, said_in, take_stock, tasks_in
from .turns import Turns

__all__ = ["Sender"]

#: What is not to wait until a task has ended: how others did, and that some wait.
URGENT = (Result, Suspended, Resumed)


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
        #: Up to which batch, and of which session, the side thread has said it again.
        self._carried = 0
        self._carried_of: Stream | None = None

    def hold(self, message: Message, frames: Sequence[Any]) -> None:
        """Keep a message for the next `flush`; also from other threads."""
        with self._lock:
            self._held.append(message)
            self._frames += frames

    def flush(self) -> None:
        """Send what is held."""
        with self._lock:
            if self._held:
                held, self._held = self._held, []
                frames, self._frames = self._frames, []
                self._line.say(held, frames)
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

    def unheard(self) -> list[Batch]:
        """Return what was said and may not have arrived, if it is urgent: each once.

        From the side thread, when the line is broken: the main thread mends it between
        two tasks, and one may take an hour. What was said goes on by this line, too:
        the controller heeds the first.
        """
        with self._lock:
            stream = self._line.stream
            after = self._carried if stream is self._carried_of else 0
            self._carried, self._carried_of = stream.sent, stream
            return list(said_in(stream, after, URGENT))

    def take_held(self, older_than: float) -> Batch:
        """Return what has been held since before this time; from the side thread."""
        with self._lock:
            if self.flushed > older_than or not self._held:
                return Batch((), ())
            return self._take()

    def unconfirmed(self) -> set[bytes]:
        """Return what names the tasks whose results nobody has confirmed."""
        with self._lock:
            held = Batch(self._held, ())
            return tasks_in([*results_in(self._line.stream), held])

    def is_quiet(self, since: float) -> bool:
        """Tell whether nothing is held, and nothing was sent since a time."""
        return not self._held and self.flushed < since

    def is_holding(self) -> bool:
        """Tell whether anything is held."""
        return bool(self._held)
