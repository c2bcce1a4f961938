"""Splitting a sequence among engines, and joining what comes back."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "BLOCK",
    "bounds",
    "by_place",
    "elements",
    "is_sequence",
    "is_sized",
    "join",
    "sized",
    "split",
]

#: Contiguous parts, or every n-th element.
BLOCK, ROUND_ROBIN = "b", "r"


def bounds(total: int, parts: int) -> list[tuple[int, int]]:
    """Return begin and end of contiguous parts; the first take the remainder.

    >>> bounds(10, 4)
    [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    each, more = divmod(total, parts)
    ends = [0, *itertools.accumulate(each + (i < more) for i in range(parts))]
    return list(itertools.pairwise(ends))


def split(sequence: Sequence[Any], parts: int, dist: str = BLOCK) -> list[Any]:
    """Return the parts of a sequence: slices of it, so that arrays stay arrays.

    >>> split([1, 2, 3, 4, 5], 2)
    [[1, 2, 3], [4, 5]]
    >>> split([1, 2, 3, 4, 5], 2, "r")
    [[1, 3, 5], [2, 4]]

    Raises
    ------
    ValueError
        `dist` is neither 'b' nor 'r'.
    """
    places = by_place(sequence)
    if dist == BLOCK:
        return [places[i:j] for i, j in bounds(len(sequence), parts)]
    if dist == ROUND_ROBIN:
        return [places[i::parts] for i in range(parts)]
    raise ValueError(f"dist is 'b' (contiguous) or 'r' (round robin), not {dist!r}")


def join(parts: Sequence[Any], dist: str = BLOCK) -> Any:
    """Return the whole that the parts make: an array if all of them are.

    >>> join([range(2), (5, 6)])
    [0, 1, 5, 6]
    >>> join([[1, 3, 5], [2, 4]], "r")
    [1, 2, 3, 4, 5]

    What is no list, tuple, range or array stands for itself: a string, for instance,
    a data frame, or what `scatter(…, flatten=True)` pushes.
    """
    numpy = sys.modules.get("numpy")
    if numpy and parts and all(_is_array(p) for p in parts):
        whole = numpy.concatenate(parts)
        if dist == BLOCK:
            return whole
        turns = numpy.concatenate([numpy.arange(len(part)) for part in parts])
        return whole[numpy.argsort(turns, kind="stable")]
    parts = [part if is_sequence(part) else [part] for part in parts]
    if dist == BLOCK:
        return list(itertools.chain.from_iterable(parts))
    missing = object()
    rows = itertools.zip_longest(*parts, fillvalue=missing)
    return [item for row in rows for item in row if item is not missing]


def is_sequence(value: Any) -> bool:
    """Tell whether something is a part of a whole, and no element of it."""
    return isinstance(value, (list, tuple, range)) or _is_array(value)


def _is_array(value: Any) -> bool:
    """Tell whether something is an array that has elements in an order."""
    kind: Any = getattr(sys.modules.get("numpy"), "ndarray", ())  # imported or not yet
    return isinstance(value, kind) and value.ndim > 0


def by_place(sequence: Any) -> Any:
    """Return what gives elements by their places, as pandas' objects do by labels."""
    return getattr(sequence, "iloc", sequence)


def is_sized(sequence: Any) -> bool:
    """Tell whether something has a length, and can be sliced."""
    indexed = hasattr(sequence, "__len__") and hasattr(sequence, "__getitem__")
    return indexed and not isinstance(sequence, Mapping)


def sized(sequence: Any) -> Sequence[Any]:
    """Return something with a length that can be sliced: a list of what has none."""
    if is_sized(sequence):
        found: Sequence[Any] = sequence
        return found
    return list(sequence)


def elements(sequence: Any) -> Sequence[Any]:
    """Return what the built-in `map` would take, as something that can be sliced."""
    return sized(sequence) if by_place(sequence) is sequence else list(sequence)
