"""Submits the chunks of one map, whoever decides when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ParallelError
from ..protocol.messages import Method
from ..protocol.terms import Terms
from ..serialize.callables import Function
from ..serialize.calls import pack_elements
from .connection import Connection
from .mapresults import AsyncMapResult
from .opentasks import AHEAD_NBYTES

__all__ = ["Submitter", "method_of_map"]


def method_of_map(return_exceptions: bool, terms: Terms | None) -> Method:
    """Return how engines run the chunks of a map.

    What is to be tried again must raise.
    """
    each = return_exceptions and not (terms and terms.retries)
    return Method.MAP_EACH if each else Method.MAP


class Submitter:
    """Submits chunks of one map.

    Parameters
    ----------
    submitted
        Told the number of each task.
    engines
        How many there are to keep busy.
    most
        So many chunks may be under way at most.
    """

    def __init__(
        self, connection: Connection, result: AsyncMapResult, function: Function,
        terms: Terms | None, submitted: Callable[[int], object] | None,
        *, method: Method, engines: int, most: int,
    ) -> None:  # fmt: skip
        self.connection = connection
        self.result = result
        self.name = function.name
        self._digest = function.digest
        self._method = method
        self._terms = terms
        self._submitted = submitted
        self.engines = engines
        #: How many chunks may be under way: so many, or as many as `AHEAD_NBYTES` are,
        #: but enough that no engine is idle in any case.
        self.most = most
        self._largest = 1

    def __call__(self, parts: Sequence[Any], size: int, begin: int) -> None:
        """Submit one part of each sequence, of `size` elements from the `begin`-th."""
        packed = pack_elements(parts, self.name, begin)
        nbytes = len(packed.payload)
        if packed.buffers:
            nbytes += sum(memoryview(buffer).nbytes for buffer in packed.buffers)
        if nbytes > self._largest:
            self._largest = nbytes
            by_size = max(2 * self.engines, AHEAD_NBYTES // nbytes)
            self.most = min(self.most, by_size)
        index = self.result.add_chunk(size)
        try:
            seq = self.connection.submit(
                self.result, self._method, self._digest, packed, index=index,
                terms=self._terms,
            )  # fmt: skip
        except ParallelError as error:  # the line is closed, and this chunk never comes
            self.result.give_up(error)
            raise
        self.result.number(seq)
        if self._submitted is not None:
            self._submitted(seq)
