"""The chunks of a map make up the whole, and fit how long its calls take."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, repeat

import hypothesis.strategies as st
from hypothesis import given

from parallel.state.chunks import GROWTH, SHARES, TARGET, Chunks

durations = st.lists(st.floats(0, 10), min_size=1)


def sizes(chunks: Chunks, durations: Iterable[float]) -> list[int]:
    """Return the sizes of a map's chunks, each measured before the next is made."""
    found = []
    for duration in durations:
        if not (size := chunks.next_size()):
            break
        found.append(size)
        chunks.learn(size, duration)
    return found


@given(
    total=st.integers(0, 2000),
    engines=st.integers(0, 20),
    fixed=st.none() | st.integers(1, 100),
    measured=durations,
)
def test_the_sizes_make_up_the_whole(
    total: int, engines: int, fixed: int | None, measured: list[float]
) -> None:
    chunks = Chunks(total, engines, fixed)
    found = sizes(chunks, cycle(measured))
    assert sum(found) == total
    assert all(size >= 1 for size in found)
    assert chunks.remaining == 0
    assert chunks.next_size() == 0


@given(total=st.integers(1, 5000), engines=st.integers(1, 20), measured=durations)
def test_no_chunk_is_larger_than_allowed(
    total: int, engines: int, measured: list[float]
) -> None:
    chunks = Chunks(total, engines)
    largest = 0
    for duration in cycle(measured):
        remaining = chunks.remaining
        if not (size := chunks.next_size()):
            break
        fair_share = -(-remaining // (SHARES * engines))
        assert size <= max(1, min(GROWTH * largest, fair_share))
        largest = max(largest, size)
        chunks.learn(size, duration)


@given(total=st.integers(1, 500), fixed=st.integers(1, 100))
def test_a_size_that_was_asked_for_is_kept(total: int, fixed: int) -> None:
    *whole, last = sizes(Chunks(total, 4, fixed), repeat(1.0))
    assert set(whole) <= {fixed}
    assert last <= fixed


def test_long_calls_travel_alone() -> None:
    assert set(sizes(Chunks(100, 4), repeat(1.0))) == {1}


def test_short_calls_travel_together() -> None:
    chunks = Chunks(100_000, 4)
    chunks.learn(chunks.next_size(), 1e-6)
    size = chunks.next_size()
    assert size == GROWTH
    chunks.learn(size, size * 1e-6)
    assert chunks.next_size() == GROWTH * GROWTH
    chunks.learn(GROWTH * GROWTH, GROWTH * GROWTH * 1e-6)
    assert chunks.next_size() == TARGET / 1e-6


def test_chunks_shrink_towards_the_end() -> None:
    chunks = Chunks(1000, 4)
    chunks.learn(chunks.next_size(), 0.0)
    found = sizes(chunks, repeat(0.0))[1:]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 1


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    chunks = Chunks(1000, 4)
    chunks.learn(chunks.next_size(), -3600.0)
    assert chunks.next_size() >= 1
    chunks.learn(1, float("nan"))
    assert chunks.next_size() >= 1
