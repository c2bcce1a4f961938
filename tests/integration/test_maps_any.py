"""Any map gives what the built-in one gives, whatever its sizes, chunks and errors."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parallel import Client, CompositeError, RemoteError
from parallel.client.partition import bounds

pytestmark = pytest.mark.slow


def touchy(x: int, *more: int) -> int:
    """Return a sum, or fail."""
    if x == 0:
        raise ValueError("zero")
    return sum((x, *more))


#: One to three columns of numbers, of any lengths, also none.
COLUMNS = st.lists(st.lists(st.integers(0, 30), max_size=120), min_size=1, max_size=3)
#: Which of them have no length.
LAZY = st.sets(st.integers(0, 2))
#: The engines of a direct view, in any order.
TARGETS = st.lists(st.integers(0, 3), min_size=1, unique=True)
#: How results are asked for: see `taken`.
ASKED = st.sampled_from(["get", "iterate", "loop"])


def some_lazy(columns: list[list[int]], lazy: set[int]) -> list[Iterable[int]]:
    """Return the columns, some of them as iterators."""
    return [iter(c) if i in lazy else c for i, c in enumerate(columns)]


def values_of(columns: list[list[int]]) -> list[Any]:
    """Return what a map gives: values, and None for each failure."""
    return [sum(row) if row[0] else None for row in zip(*columns, strict=False)]


def taken(ar: Any, asked: str) -> list[Any]:
    """Return a map's results, asked for in some way; None for each failure."""

    async def run() -> list[Any]:
        return [x async for x in ar]

    if asked == "loop":
        found = asyncio.run(run())
    else:
        found = list(ar.get() if asked == "get" else ar)
    assert all(isinstance(x, (int, ValueError)) for x in found)
    return [None if isinstance(x, RemoteError) else x for x in found]


@settings(max_examples=60)
@given(
    columns=COLUMNS,
    lazy=LAZY,
    chunksize=st.none() | st.integers(1, 150),
    ordered=st.booleans(),
    return_exceptions=st.booleans(),
    asked=ASKED,
)
def test_any_balanced_map_is_as_the_builtin_one(
    cluster: Client,
    columns: list[list[int]],
    lazy: set[int],
    chunksize: int | None,
    ordered: bool,
    return_exceptions: bool,
    asked: str,
) -> None:
    ar = cluster.load_balanced_view().map_async(
        touchy,
        *some_lazy(columns, lazy),
        chunksize=chunksize,
        ordered=ordered,
        return_exceptions=return_exceptions,
    )
    total = min(map(len, columns))
    if not total:
        assert ar == []
        return
    assert ar.wait(20)
    assert len(ar) == ar.progress == total
    if chunksize is not None:
        assert len(ar.msg_ids) == -(-total // chunksize)
    in_order = values_of(columns)
    if None in in_order and not return_exceptions:
        with pytest.raises(CompositeError, match="ValueError: zero"):
            ar.get()
        return
    found = taken(ar, asked)
    if ordered or asked == "get":
        assert found == in_order
    else:
        assert sorted(found, key=repr) == sorted(in_order, key=repr)


@settings(max_examples=60)
@given(
    columns=COLUMNS,
    lazy=LAZY,
    targets=TARGETS,
    broadcast=st.booleans(),
    return_exceptions=st.booleans(),
    asked=ASKED,
)
def test_any_direct_map_is_as_the_builtin_one(
    cluster: Client,
    columns: list[list[int]],
    lazy: set[int],
    targets: list[int],
    broadcast: bool,
    return_exceptions: bool,
    asked: str,
) -> None:
    view = cluster.broadcast_view(targets) if broadcast else cluster[targets]
    ar = view.map_async(
        touchy, *some_lazy(columns, lazy), return_exceptions=return_exceptions
    )
    total = min(map(len, columns))
    if not total:
        assert ar == []
        return
    assert ar.wait(20)
    assert len(ar) == ar.progress == total
    parts = bounds(total, min(total, len(targets)))
    assert ar.engine_id == targets[: len(parts)]
    in_order = values_of(columns)
    if None not in in_order or return_exceptions:
        assert taken(ar, asked) == in_order
        return
    with pytest.raises(CompositeError, match="ValueError: zero"):
        ar.get()
    intact = next(begin for begin, end in parts if None in in_order[begin:end])
    values = iter(ar)
    assert list(itertools.islice(values, intact)) == in_order[:intact]
    with pytest.raises(ValueError, match="zero"):
        next(values)
