"""With return_exceptions, each element has its place, and an exception only its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, EngineError, RemoteError

VALUES = [5] * 50 + [0] + [2] * 949


def inverse(x: float) -> float:
    return 1 / x


def fail_once(folder: str, x: int) -> int:
    """Raise where it is called first with an argument."""
    mark = Path(folder) / str(x)
    if not mark.exists():
        mark.touch()
        raise OSError(x)
    return x


def die_at(x: int, limit: int) -> int:
    if x >= limit:
        os._exit(3)
    return x


def check(results: list[Any]) -> None:
    assert len(results) == len(VALUES)
    assert isinstance(results[50], ZeroDivisionError)
    assert isinstance(results[50], RemoteError)
    assert "inverse" in results[50].traceback
    assert [r for r in results if not isinstance(r, Exception)] == [
        1 / x for x in VALUES if x
    ]


@pytest.mark.parametrize("chunksize", [None, 1, 10, 5000])
def test_a_balanced_map_keeps_the_other_results(
    cluster: Client, chunksize: int | None
) -> None:
    lview = cluster.load_balanced_view()
    check(lview.map_sync(inverse, VALUES, chunksize=chunksize, return_exceptions=True))


def test_a_direct_map_does(cluster: Client) -> None:
    check(cluster[:].map_sync(inverse, VALUES, return_exceptions=True))


def test_so_does_an_iteration(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    check(list(lview.map_async(inverse, VALUES, return_exceptions=True)))


def test_what_is_asked_for_at_the_end_has_places_too(cluster: Client) -> None:
    result = cluster.load_balanced_view().map_async(inverse, VALUES, chunksize=10)
    values = result.get(return_exceptions=True)
    assert len(values) == len(VALUES)
    assert all(isinstance(value, ZeroDivisionError) for value in values[50:60])


def test_exceptions_are_tried_again(cluster: Client, tmp_path: Path) -> None:
    lview = cluster.load_balanced_view()
    with lview.temp_flags(retries=1):
        result = lview.map_sync(
            fail_once, [str(tmp_path)] * 20, range(20), return_exceptions=True
        )
    assert result == list(range(20))


def test_a_death_stands_for_its_chunk(rc: Client) -> None:
    lview = rc.load_balanced_view()
    with lview.temp_flags(engine_retries=0):
        results = lview.map_sync(
            die_at, range(20), [15] * 20, chunksize=5, return_exceptions=True
        )
    assert results[:15] == list(range(15))
    assert all(isinstance(result, EngineError) for result in results[15:])
    assert len(results) == 20


def test_in_a_direct_map_for_the_part_of_its_engine(rc: Client) -> None:
    result = rc[:].map_async(die_at, range(6), [3] * 6, return_exceptions=True)
    for found in (result.get(), list(result)):
        assert found[:3] == [0, 1, 2]
        assert all(isinstance(error, EngineError) for error in found[3:])
        assert len(found) == 6
