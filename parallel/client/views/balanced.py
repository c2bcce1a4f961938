"""`LoadBalancedView`: any engine, whichever is free."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...protocol.messages import Method
from ...serialize.calls import pack_call
from ..mapresults import AsyncMapResult
from ..maps import Feeder
from ..partition import sized
from ..results import AsyncResult
from .base import View

__all__ = ["LoadBalancedView"]


class LoadBalancedView(View):
    """Any engine: each call is made once, where there is least to do."""

    def _apply(
        self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncResult:
        function = self._connection.pack_function(f)
        packed = pack_call(function.name, args, kwargs)
        result = AsyncResult(self._connection, function.name, single=True)
        self._connection.pace()
        seq = self._connection.submit(result, Method.APPLY, function.digest, packed)
        result.number(seq)
        return result

    def map(
        self,
        f: Callable[..., Any],
        /,
        *sequences: Iterable[Any],
        block: bool | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> Any:
        """Call `f` with each element, wherever there is an engine free.

        Parameters
        ----------
        block
            Whether to wait; the view's own `block` if None.
        chunksize
            So many elements a task; by default what the calls' own times suggest.
        ordered
            Iterate in the order of the elements, or as results come.
        return_exceptions
            Put an exception in the place of its chunk's results rather than raise.

        Raises
        ------
        ValueError
            A chunksize below 1.
        """
        if chunksize is not None and chunksize < 1:
            raise ValueError(f"chunksize is at least 1, not {chunksize}")
        columns = [sized(sequence) for sequence in sequences]
        if not columns:
            raise AssertionError("map needs at least one sequence")
        total = min(len(column) for column in columns)
        if not total:
            return []
        function = self._connection.pack_function(f)
        result = AsyncMapResult(
            self._connection,
            function.name,
            total=total,
            ordered=ordered,
            return_exceptions=return_exceptions,
        )
        Feeder(
            self._connection, result, function.digest, function.name, columns, chunksize
        ).feed()
        return self._maybe_wait(result, block)

    def __len__(self) -> int:
        return len(self._connection.engines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} any>"
