"""Calls with parts of sequences: what a parallel function does when it is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..protocol.terms import Terms
from .connection import Connection
from .mapresults import GatherResult
from .partition import sized, split

__all__ = ["PartsResult", "parts_of"]


def parts_of(sequences: Iterable[Any], parts: int, dist: str) -> list[tuple[Any, ...]]:
    """Return the arguments of each call: a part of each sequence.

    Raises
    ------
    TypeError
        There is no sequence.
    ValueError
        They are not of one length.
    """
    columns = [sized(sequence) for sequence in sequences]
    if not columns:
        raise TypeError("a parallel function takes at least one sequence")
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"all sequences must have one length, not {lengths}")
    most = min(parts, lengths[0])
    if not most:
        return []
    return list(zip(*[split(c, most, dist) for c in columns], strict=True))


class PartsResult(GatherResult):
    """What calls with parts returned, joined where they are sequences."""

    def __init__(
        self, connection: Connection, fname: str, dist: str, count: int,
        terms: Terms | None, *, return_exceptions: bool,
    ) -> None:  # fmt: skip
        super().__init__(connection, dist, count)
        self._fname = fname
        self._terms = terms or self._terms
        self._return_exceptions = return_exceptions
