"""Where an engine's main thread waits that has been idle for a while."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ..transport.watcher import Watcher

__all__ = ["Doze"]


class Doze:
    """Waits for a socket's input, and can be ended by another thread.

    To wait so costs a message that comes some µs, so it is not for who is busy.
    """

    def __init__(self, socket: Any) -> None:
        self._ends = os.pipe()
        for end in self._ends:
            os.set_blocking(end, False)
        self._watcher = Watcher([socket], [self._ends[0]])

    def wait(self, seconds: float) -> None:
        """Wait for input, for so long at most, or until woken."""
        if self._watcher.wait(seconds):
            with contextlib.suppress(BlockingIOError):
                os.read(self._ends[0], 512)

    def wake(self) -> None:
        """End the wait, or the next one."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._ends[1], b"w")

    def close(self) -> None:
        """Close the ends of its pipe; nobody may wake it any more."""
        for end in self._ends:
            os.close(end)
