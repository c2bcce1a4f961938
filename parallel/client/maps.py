"""A balanced map under way: chunks submitted as earlier ones come back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..errors import CannotPack, ParallelError
from ..protocol.messages import Method
from ..protocol.terms import Terms
from ..serialize.callables import Function
from ..state.chunks import Chunks
from .connection import Connection
from .lazyfeeding import LazyFeeder
from .mapresults import AsyncMapResult
from .partition import elements
from .submitter import Submitter, method_of_map

__all__ = ["Feeder", "check_chunksize", "start_map"]

#: So many chunks for each engine are under way while their size adapts: enough
#: that none is idle while an answer travels.
CHUNKS_PER_ENGINE = 3
#: With a fixed size, so many in all: it bounds memory, and hides the way.
FIXED_AHEAD = 2048


def start_map(
    connection: Connection,
    function: Function,
    sequences: Sequence[Iterable[Any]],
    *,
    chunksize: int | None = None,
    ordered: bool = True,
    return_exceptions: bool = False,
    terms: Terms | None = None,
    submitted: Callable[[int], object] | None = None,
) -> Any:
    """Begin a balanced map; return its result, or `[]` for a map of nothing.

    What has a length is read as chunks leave. If one of the sequences is a generator or
    another iterator, elements are taken as engines need them, by a thread.

    Parameters
    ----------
    chunksize
        So many elements a task; by default what the calls' own times suggest.
    submitted
        Told the number of each task.

    Raises
    ------
    AssertionError
        There is no sequence.
    ValueError
        A chunksize below 1.
    """
    check_chunksize(chunksize)
    if not sequences:
        raise AssertionError("map needs at least one sequence")
    method = method_of_map(return_exceptions, terms)
    if return_exceptions and method is Method.MAP and chunksize is None:
        chunksize = 1  # an exception is to stand for its own element
    result = AsyncMapResult(
        connection, function.name, total=None, ordered=ordered,
        return_exceptions=return_exceptions, terms=terms,
    )  # fmt: skip
    engines = max(1, len(connection.engines))
    most = CHUNKS_PER_ENGINE * engines if chunksize is None else FIXED_AHEAD
    submit = Submitter(
        connection, result, function, terms, submitted, method=method,
        engines=engines, most=most,
    )  # fmt: skip
    if not all(hasattr(sequence, "__len__") for sequence in sequences):
        rows = zip(*sequences, strict=False)
        first = list(itertools.islice(rows, 1))
        if not first:
            return []
        rest = itertools.chain(first, rows)
        LazyFeeder(submit, rest, chunksize).start()
        connection.tasks.maps[id(result)] = result
        return result
    columns = [elements(sequence) for sequence in sequences]
    result.total = min(len(column) for column in columns)
    if not result.total:
        return []
    Feeder(submit, columns, chunksize).feed()
    # Not before: Ctrl-C may have cut its beginning short, and it never ends.
    connection.tasks.maps[id(result)] = result
    return result


def check_chunksize(chunksize: int | None) -> None:
    """Raise a `ValueError` for chunks of fewer elements than one."""
    if chunksize is not None and chunksize < 1:
        raise ValueError(f"chunksize is at least 1, not {chunksize}")


class Feeder:
    """Submits the chunks of a map over sequences of known length.

    Parameters
    ----------
    sequences
        Of one length each: see `client.partition.elements`.
    """

    def __init__(
        self, submit: Submitter, sequences: Sequence[Sequence[Any]],
        chunksize: int | None,
    ) -> None:  # fmt: skip
        self._submitter = submit
        self._result = submit.result
        self._sequences = sequences
        total = self._result.total
        assert total is not None
        self._chunks = Chunks(total, submit.engines, chunksize)
        self._at = 0
        self._under_way = 0
        self._lock = threading.RLock()
        self._adapts = chunksize is None
        self._stopped = False
        self._result.feeding = self

    def feed(self) -> None:
        """Submit as many chunks as may be under way."""
        with self._lock:  # the caller feeds, and whoever reads the results
            while self._chunks.remaining and self._under_way < self._submitter.most:
                if self._stopped:
                    return
                self._submit(self._chunks.next_size())

    def _submit(self, size: int) -> None:
        begin, end = self._at, self._at + size
        if size == 1:  # a tuple packs in a tenth of the time of a slice of a range
            parts: list[Any] = [(sequence[begin],) for sequence in self._sequences]
        else:
            parts = [sequence[begin:end] for sequence in self._sequences]
        self._submitter(parts, size, begin)
        self._at = end
        self._under_way += 1

    def stop(self) -> None:
        """Submit no more."""
        with self._lock:
            self._stopped = True

    def chunk_came(self, size: int, duration: float) -> None:
        """Take note of a chunk that came; submit more when that is due."""
        with self._lock:
            self._under_way -= 1
            if self._adapts:
                self._chunks.learn(size, max(duration, 0.0))
            # A fixed-size map is fed in batches: they travel together.
            due = self._adapts or self._under_way <= self._submitter.most // 2
            if not self._chunks.remaining or not due or self._stopped:
                return
            try:
                self.feed()
            except Exception as error:  # the user's sequence raised, or its element
                self._stopped = True
                self._result.cut_short(_told(error, self._submitter.name))


def _told(error: Exception, name: str) -> Exception:
    if isinstance(error, ParallelError):
        return error
    return CannotPack(f"a sequence for {name} raised {type(error).__name__}: {error}")
