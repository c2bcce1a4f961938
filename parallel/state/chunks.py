"""How many elements of a map go into the next task, learned as results come.

Long calls travel alone, so that engines share them evenly; short ones in chunks
that keep an engine busy for a few milliseconds, so that the way costs little.
Towards the end chunks shrink, so that all engines finish together.
"""

from __future__ import annotations

__all__ = ["Chunks"]

#: A chunk should take about so long, seconds: some ten times the way there.
TARGET = 5e-3
#: A chunk is at most this many times larger than one already seen to be short.
GROWTH = 32
#: At the end, each engine gets so many chunks of what remains.
SHARES = 2


class Chunks:
    """Sizes for a map over `total` elements on `engines` engines.

    Parameters
    ----------
    fixed
        The size that the user asked for, or None to adapt.
    """

    def __init__(self, total: int, engines: int, fixed: int | None = None) -> None:
        self._remaining = total
        self._engines = max(1, engines)
        self._fixed = fixed
        self._largest = 0
        self._mean: float | None = None

    @property
    def remaining(self) -> int:
        """The elements not yet given out."""
        return self._remaining

    def next_size(self) -> int:
        """Return the size of the next chunk; 0 when nothing remains."""
        size = self._fixed or self._adapted()
        size = min(size, self._remaining)
        self._remaining -= size
        return size

    def learn(self, size: int, duration: float) -> None:
        """Take into account that a chunk of `size` took `duration` seconds."""
        each = max(0.0, duration) / size  # a clock may have been set back
        if self._mean is None or size > self._largest:
            self._mean = each  # a larger chunk measures the calls better
        else:
            self._mean += 0.25 * (each - self._mean)
        self._largest = max(self._largest, size)

    def _adapted(self) -> int:
        if self._mean is None:
            return 1
        wanted = int(TARGET / max(self._mean, 1e-9))
        fair = -(-self._remaining // (SHARES * self._engines))
        return max(1, min(wanted, GROWTH * self._largest, fair))
