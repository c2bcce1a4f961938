"""How many bytes may be written, so that a stream of them leaves the disk alone."""

from __future__ import annotations

__all__ = ["Allowance"]


class Allowance:
    """Bytes that may be taken at once, and how quickly they come again.

    Parameters
    ----------
    most
        What is there at first, and at most, bytes.
    rate
        What comes again, bytes/s.
    """

    def __init__(self, most: float, rate: float) -> None:
        self._most = most
        self._rate = rate
        self._left = most
        self._since = 0.0

    def take(self, nbytes: int, now: float) -> bool:
        """Take so many bytes if they are there; tell whether they were."""
        passed = now - self._since
        self._since = now
        if passed > 0:  # min() and max() took a fifth of all that is done for a task
            left = self._left + passed * self._rate
            self._left = min(self._most, left)
        if nbytes > self._left:
            return False
        self._left -= nbytes
        return True
