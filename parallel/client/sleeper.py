"""A thread's sleep until there is input, from which another thread can wake it."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Sequence

__all__ = ["Sleeper"]


class Sleeper:
    """Where one thread at a time waits for input, until it is woken."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._ends = os.pipe()
        for end in self._ends:
            os.set_blocking(end, False)
        self.poll = select.poll()
        for descriptor in (*descriptors, self._ends[0]):
            self.poll.register(descriptor, select.POLLIN)
        #: Whether it is to be woken.
        self.asleep = False

    def wake(self) -> bool:
        """Wake the thread that sleeps; tell whether one did."""
        if not self.asleep:
            return False
        self.asleep = False
        with contextlib.suppress(OSError):
            os.write(self._ends[1], b"w")
        return True

    def sleep(self, timeout: float | None) -> Sequence[int]:
        """Wait for input, at most so many ms; return the descriptors that have it."""
        ready = [descriptor for descriptor, _ in self.poll.poll(timeout)]
        self.asleep = False
        if self._ends[0] in ready:
            with contextlib.suppress(OSError):
                os.read(self._ends[0], 512)
        return ready

    def close(self) -> None:
        """Close the ends of its pipe."""
        for end in self._ends:
            os.close(end)
