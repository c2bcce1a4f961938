"""A balanced map under way: chunks submitted as earlier ones come back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from ..aliases import Digest
from ..errors import CannotPack, ParallelError
from ..protocol.messages import Method
from ..protocol.terms import Terms
from ..serialize.calls import pack_elements
from ..state.chunks import Chunks
from .connection import Connection
from .mapresults import AsyncMapResult

__all__ = ["Feeder"]

#: So many chunks for each engine are under way while their size adapts: enough
#: that none is idle while an answer travels.
CHUNKS_PER_ENGINE = 3
#: With a fixed size, so many in all: it bounds memory, and hides the way.
FIXED_AHEAD = 2048


class Feeder:
    """Submits the chunks of one map.

    Parameters
    ----------
    sequences
        Of one length each: see `client.partition.sized`.
    """

    def __init__(
        self,
        connection: Connection,
        result: AsyncMapResult,
        digest: Digest,
        name: str,
        sequences: Sequence[Sequence[Any]],
        chunksize: int | None,
        terms: Terms | None = None,
    ) -> None:
        self._connection = connection
        self._result = result
        self._digest = digest
        self._name = name
        self._terms = terms
        self._sequences = sequences
        engines = max(1, len(connection.engines))
        self._chunks = Chunks(result.total, engines, chunksize)
        self._at = 0
        self._under_way = 0
        self._lock = threading.RLock()
        self._adapts = chunksize is None
        self._most = CHUNKS_PER_ENGINE * engines if self._adapts else FIXED_AHEAD
        result.on_chunk = self._on_chunk

    def feed(self) -> None:
        """Submit as many chunks as may be under way."""
        with self._lock:  # the caller feeds, and whoever reads the results
            while self._under_way < self._most and self._chunks.remaining:
                self._submit(self._chunks.next_size())

    def _submit(self, size: int) -> None:
        begin, end = self._at, self._at + size
        if size == 1:  # a tuple packs in a tenth of the time of a slice of a range
            parts: list[Any] = [(sequence[begin],) for sequence in self._sequences]
        else:
            parts = [sequence[begin:end] for sequence in self._sequences]
        packed = pack_elements(parts, self._name, begin)
        self._at = end
        self._under_way += 1
        index = self._result.add_chunk(size)
        seq = self._connection.submit(
            self._result, Method.MAP, self._digest, packed, index=index,
            terms=self._terms,
        )  # fmt: skip
        self._result.number(seq)

    def _on_chunk(self, size: int, duration: float) -> None:
        with self._lock:
            self._under_way -= 1
            if self._adapts:
                self._chunks.learn(size, max(duration, 0.0))
            # A fixed-size map is fed in batches: they travel together.
            due = self._adapts or self._under_way <= self._most // 2
            if not self._chunks.remaining or not due:
                return
            try:
                self.feed()
            except ParallelError as error:
                self._result.give_up(error)
            except Exception as error:  # the user's sequence raised
                what = f"a sequence for {self._name} raised {type(error).__name__}"
                self._result.give_up(CannotPack(f"{what}: {error}"))
