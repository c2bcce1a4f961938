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
        passed = max(0.0, now - self._since)
        self._since = now
        self._left = min(self._most, self._left + passed * self._rate)
        if nbytes > self._left:
            return False
        self._left -= nbytes
        return True
