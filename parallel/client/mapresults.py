"""What maps return: results element by element, however they were cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import ParallelError
from ..protocol.messages import Outcome
from ..protocol.terms import Terms
from .connection import Connection
from .partition import join
from .results import AsyncResult

__all__ = ["AsyncMapResult", "GatherResult"]


class AsyncMapResult(AsyncResult):
    """The results of a map, one for each element, in order as they were given.

    Parameters
    ----------
    total
        The number of elements.
    sizes
        Those of the chunks that will be submitted at once.
    """

    def __init__(
        self,
        connection: Connection,
        fname: str,
        *,
        total: int,
        sizes: Sequence[int] = (),
        return_exceptions: bool = False,
        ordered: bool = True,
        terms: Terms | None = None,
    ) -> None:
        super().__init__(connection, fname, single=False, count=len(sizes), terms=terms)
        self._sizes = list(sizes)
        self._return_exceptions = return_exceptions
        self._ordered = ordered
        self._came: list[int] = []
        #: Told of each chunk that came: its size and duration; may submit more.
        self.on_chunk: Callable[[int, float], None] | None = None
        self.total = total

    def add_chunk(self, size: int) -> int:
        """Make room for one more task; return its index."""
        self._delivered.append(None)
        self._sizes.append(size)
        self._missing += 1
        return len(self._delivered) - 1

    def _arrived(self, index: int, outcome: Outcome) -> None:
        self._came.append(index)
        if self.on_chunk is not None:
            self.on_chunk(self._sizes[index], outcome.completed - outcome.started)

    def _complete(self) -> bool:
        complete = sum(self._sizes) >= self.total
        if complete:
            self.on_chunk = None  # it holds us: a cycle, with all our results in it
        return complete

    def _chunk(self, index: int) -> Any:
        value = self._value(index)
        if isinstance(value, ParallelError):
            if self._return_exceptions:
                return [value]
            raise value
        return value

    def _collect(self) -> Any:
        values = [self._value(i) for i in range(len(self._delivered))]
        if not self._return_exceptions:
            self._raise_errors(values)
        return join([self._chunk(i) for i in range(len(values))])

    def __len__(self) -> int:
        return self.total

    @property
    def progress(self) -> int:
        """How many elements have come."""
        self._connection.look()
        return sum(self._sizes[i] for i in self._came)

    def __iter__(self) -> Iterator[Any]:
        at = 0
        while True:
            complete = super(AsyncResult, self).done()
            if at == len(self._delivered if self._ordered else self._came):
                if complete:
                    return
                self._wait_for_chunk(at)
                continue
            if self._ordered:
                self._wait_for(at)
            yield from self._chunk(at if self._ordered else self._came[at])
            at += 1

    def _wait_for_chunk(self, at: int) -> None:
        def there() -> bool:
            known = self._delivered if self._ordered else self._came
            return len(known) > at or super(AsyncResult, self).done()

        self._connection.wait(there, self._follow_parts)
        if self._failure is not None:
            raise self._failure


class GatherResult(AsyncMapResult):
    """The parts of a scattered sequence, joined."""

    def __init__(self, connection: Connection, dist: str, count: int) -> None:
        super().__init__(connection, "gather", total=count, sizes=[1] * count)
        self._dist = dist

    def _collect(self) -> Any:
        values = [self._value(i) for i in range(len(self._delivered))]
        self._raise_errors(values)
        return join(values, self._dist)
