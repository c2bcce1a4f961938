"""What an engine's main thread says, and results that wait for one another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Message, ToEngine
from ..transport.dealer import Dealer

__all__ = ["Sender"]


class Sender:
    """Speaks on the work line, in the main thread.

    The side thread takes what has been held for too long.
    """

    def __init__(self, line: Dealer[ToEngine]) -> None:
        self._line = line
        self._lock = threading.Lock()
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
            held, self._held = self._held, []
            frames, self._frames = self._frames, []
        if held:
            self._line.say(held, frames)
        self.flushed = monotonic()

    def take_held(self, older_than: float) -> tuple[list[Message], list[Any]]:
        """Return what has been held since before this time; from the side thread."""
        with self._lock:
            if self.flushed > older_than or not self._held:
                return [], []
            held, self._held = self._held, []
            frames, self._frames = self._frames, []
        return held, frames

    def is_holding(self) -> bool:
        """Tell whether anything is held."""
        return bool(self._held)
