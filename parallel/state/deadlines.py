"""What is to be done at some time, unless it is called off before."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["Deadlines", "Thing"]

#: What is due: a word for it, and what it is about.
Thing: TypeAlias = tuple[Any, ...]
#: Called-off ones are cleared out when there are so many more than others.
SLACK = 1024


class Deadlines:
    """Moments by the thing that is due then; each has one at most."""

    def __init__(self) -> None:
        self._due: dict[Thing, float] = {}
        self._heap: list[tuple[float, int, Thing]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, what: Thing) -> bool:
        return what in self._due

    def set(self, what: Thing, when: float) -> None:
        """Have something be due, in place of an earlier moment for it."""
        self._due[what] = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, what))
        self._clear_out()

    def call_off(self, what: Thing) -> None:
        """Have something not be due any more, if it was."""
        self._due.pop(what, None)
        self._clear_out()

    def _clear_out(self) -> None:
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [item for item in self._heap if self._stands(item)]
            heapq.heapify(self._heap)

    def _stands(self, item: tuple[float, int, Thing]) -> bool:
        return self._due.get(item[2]) == item[0]

    @property
    def next(self) -> float | None:
        """The first moment at which something is due."""
        heap = self._heap
        while heap and not self._stands(heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> Iterator[Thing]:
        """Yield what is due by now, first things first; it is off the list then."""
        while (when := self.next) is not None and when <= now:
            what = heapq.heappop(self._heap)[2]
            del self._due[what]
            yield what
