"""What is remembered of those that are gone: all of them would fill memory."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["Newest"]

K = TypeVar("K")
V = TypeVar("V")

#: So many are remembered by default: more than most clusters have at a time.
MOST = 1024


class Newest(dict[K, V]):
    """A mapping from which the oldest entry goes when there are more than so many."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self._most = most
        #: How many there were so far.
        self.total = 0

    def __setitem__(self, key: K, value: V) -> None:
        is_new = key not in self
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
        self.total += is_new

    def since(self, total: int) -> list[tuple[K, V]]:
        """Return those of them that came since there were so many, the oldest first."""
        came = self.total - total
        return list(self.items())[-came:] if came > 0 else []
