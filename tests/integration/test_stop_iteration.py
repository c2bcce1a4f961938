"""A function that raises `StopIteration` failed: it ends no map, and no loop here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from parallel import Client, CompositeError, RemoteError


def first_of(sequence: list[int], more: int = 0) -> int:
    """Return the first of something; of nothing, this raises `StopIteration`."""
    return next(iter(sequence)) + more


SOME = [[1], [], [2]]


@pytest.mark.parametrize("kind", ["direct", "balanced", "broadcast"])
@pytest.mark.parametrize("more", [(), ([10, 20, 30],)])
def test_a_map_goes_on_to_its_end(
    cluster: Client, kind: str, more: tuple[list[int], ...]
) -> None:
    view: Any = {
        "direct": lambda: cluster[:],
        "balanced": cluster.load_balanced_view,
        "broadcast": cluster.broadcast_view,
    }[kind]()
    with pytest.raises(CompositeError, match="StopIteration"):
        view.map_sync(first_of, SOME, *more)
    found = view.map_sync(first_of, SOME, *more, return_exceptions=True)
    assert isinstance(found.pop(1), RemoteError)
    assert found == ([11, 32] if more else [1, 2])


def test_a_loop_over_results_hears_of_it(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    loops: list[Callable[[], Any]] = [
        lambda: iter(lview.imap(first_of, SOME)),
        lambda: iter(lview.map_async(first_of, SOME, chunksize=1)),
        lambda: lview.executor.map(first_of, SOME),
    ]
    for loop in loops:
        results = loop()
        assert next(results) == 1
        with pytest.raises(RemoteError, match="StopIteration"):
            next(results)


def test_a_coroutine_hears_of_it(cluster: Client) -> None:
    lview = cluster.load_balanced_view()

    async def awaits() -> None:
        await lview.apply_async(first_of, [])

    async def iterates() -> list[int]:
        return [x async for x in lview.imap(first_of, SOME)]

    for ask in (awaits, iterates):
        with pytest.raises(RemoteError, match="StopIteration"):
            asyncio.run(ask())
