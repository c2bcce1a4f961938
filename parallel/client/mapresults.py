"""What maps return: results element by element, however they were cut."""

from __future__ import annotations

from collections.abc import Sequence
from time import time as timestamp
from typing import Any, Protocol

from ..errors import ParallelError, RemoteError, TaskAborted
from ..protocol.messages import Outcome
from ..protocol.terms import Terms
from .connection import Connection
from .opened import END
from .partition import is_sequence, join
from .results import AsyncResult

__all__ = ["AsyncMapResult", "Feeding", "GatherResult"]


class Feeding(Protocol):
    """What submits the chunks of a map as earlier ones come back."""

    def chunk_came(self, size: int, duration: float) -> None:
        """Take note of a chunk that came; it may be time for more."""

    def stop(self) -> None:
        """Submit no more."""


class AsyncMapResult(AsyncResult):
    """The results of a map, one for each element, in order as they were given.

    Its length is that of the sequences; while that is not known, of what was taken
    of them so far.

    Parameters
    ----------
    total
        The number of elements; None if it is not known.
    sizes
        Those of the chunks that will be submitted at once.
    ordered
        Iterate in the order of the elements, or as results come.
    """

    _kind = "AsyncMapResult"
    _parts_are_single = False
    #: Why it ends before the sequences do.
    _cut_short_by: BaseException | None = None

    def __init__(
        self,
        connection: Connection,
        fname: str,
        *,
        total: int | None,
        sizes: Sequence[int] = (),
        return_exceptions: bool = False,
        ordered: bool = True,
        terms: Terms | None = None,
    ) -> None:
        super().__init__(connection, fname, single=False, count=len(sizes), terms=terms)
        self._sizes = list(sizes)
        self._taken = sum(sizes)
        self._times = [self._submitted] * len(sizes)
        self._return_exceptions = return_exceptions
        #: Whether an iteration keeps to the order of the elements.
        self.ordered = ordered
        #: The chunks that have come, in that order, and their elements.
        self._came: list[int] = []
        self._come = 0
        #: What submits the chunks that are not submitted yet.
        self.feeding: Feeding | None = None
        self.total = total

    def failure_of(self, index: int) -> BaseException | None:
        """Return what a chunk ended with that has failed, or raised last; or None."""
        failure = super().failure_of(index)
        if failure is not None or not self._return_exceptions:
            return failure
        if self._delivered[index] is None:
            return None
        value = self._value(index)
        raised = [each for each in value if isinstance(each, RemoteError)]
        return raised[-1] if raised else None

    # What whoever feeds it calls

    def add_chunk(self, size: int) -> int:
        """Make room for one more task; return its index."""
        self._delivered.append(None)
        self._sizes.append(size)
        self._times.append(timestamp())
        self._missing += 1  # first: of what is taken, nothing is overlooked
        self._taken += size
        return len(self._delivered) - 1

    def end_at(self, total: int) -> None:
        """Take note of how many elements there are, and that all are submitted."""
        self.total = total
        if not self._missing and self._complete():
            self._finish()

    def _arrived(self, index: int, outcome: Outcome) -> None:
        self._came.append(index)
        self._come += self._sizes[index]
        if self.feeding is not None:
            duration = outcome.completed - outcome.started
            self.feeding.chunk_came(self._sizes[index], duration)

    def _complete(self) -> bool:
        complete = self._taken == self.total
        if complete:
            self.feeding = None  # it holds us: a cycle, with all our results in it
        return complete

    def _feed_no_more(self) -> None:
        """Submit nothing more: what was not submitted counts as aborted."""
        feeding, self.feeding = self.feeding, None
        if feeding is None:
            return
        feeding.stop()
        if self._failure is None:
            total = "?" if self.total is None else self.total
            self.cut_short(TaskAborted(
                f"{self._fname} was given up when {self._taken} of {total} elements "
                "were submitted"
            ))  # fmt: skip

    def give_up(self, error: Exception) -> None:
        """Take note that no outcome will come any more."""
        feeding, self.feeding = self.feeding, None
        if feeding is not None:
            feeding.stop()
        super().give_up(error)

    def cut_short(self, error: BaseException) -> None:
        """End with what was submitted: what would have followed is this error."""
        self._cut_short_by = error
        self._failed = True
        self.end_at(self._taken)
        self._connection.look()  # who waits is woken

    # What users call

    @property
    def sent(self) -> bool:
        """Whether the sequences may be changed: all of them is submitted."""
        return self.total is not None and self._taken == self.total

    def _submitted_at(self, index: int) -> float:
        return self._times[index]

    def _values_of(self, index: int) -> Sequence[Any]:
        value = self._value(index)
        if isinstance(value, ParallelError):
            if self._return_exceptions:
                return [value] * self._sizes[index]
            raise value
        found: Sequence[Any] = value
        return found

    def _collect(self, return_exceptions: bool) -> Any:
        values = [self._value(i) for i in range(len(self._delivered))]
        if not return_exceptions:
            self._raise_errors(values)
        cut = self._cut_short_by
        if cut is not None and not (return_exceptions and isinstance(cut, TaskAborted)):
            raise cut
        return join([self._as_part(value, i) for i, value in enumerate(values)])

    def _as_part(self, value: Any, index: int) -> Any:
        """Return a chunk's values; what stands for all of it takes all its places."""
        return [value] * self._sizes[index] if isinstance(value, Exception) else value

    def __len__(self) -> int:
        return self._taken if self.total is None else self.total

    def _expected(self) -> int | None:
        return self.total

    def _progress(self) -> int:
        return self._come

    def _turn_of(self, at: int) -> int | None:
        known = self._delivered if self.ordered else self._came
        if at < len(known):
            index = at if self.ordered else self._came[at]
            if self._delivered[index] is not None:
                return index
        if self._failure is not None:
            raise self._why()
        if not self.sent or at < len(self._delivered):
            return None
        cut = self._cut_short_by
        if cut is not None and not (
            self._return_exceptions and isinstance(cut, TaskAborted)
        ):
            raise cut
        return END


class GatherResult(AsyncMapResult):
    """The parts of a scattered sequence, joined."""

    def __init__(self, connection: Connection, dist: str, count: int) -> None:
        super().__init__(connection, "gather", total=count, sizes=[1] * count)
        self._dist = dist

    def _values_of(self, index: int) -> Sequence[Any]:
        values = super()._values_of(index)  # of one element pushed flat, that itself
        return values if is_sequence(values) else [values]

    def _collect(self, return_exceptions: bool) -> Any:
        values = [self._value(i) for i in range(len(self._delivered))]
        if not return_exceptions:
            self._raise_errors(values)
        parts = [self._as_part(value, i) for i, value in enumerate(values)]
        return join(parts, self._dist)
