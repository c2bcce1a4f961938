"""What is split among engines and joined again is the same."""

from __future__ import annotations

import doctest
import sys
import types
from collections import deque
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from parallel.client import partition
from parallel.client.partition import bounds, join, sized, split

dists = st.sampled_from("br")
parts = st.integers(1, 12)
sequences = st.one_of(
    st.lists(st.integers()),
    st.builds(range, st.integers(0, 50)),
    st.lists(st.integers()).map(tuple),
)
any_array = arrays.arrays(
    dtype=st.sampled_from([np.int64, np.float32, np.uint8, np.bool_]),
    shape=arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9),
    elements={"allow_nan": False},
)


def test_examples() -> None:
    assert doctest.testmod(partition).failed == 0


@given(sequence=sequences, parts=parts, dist=dists)
def test_a_sequence_comes_together_again(sequence: Any, parts: int, dist: str) -> None:
    pieces = split(sequence, parts, dist)
    assert len(pieces) == parts
    assert all(type(piece) is type(sequence) for piece in pieces)
    assert join(pieces, dist) == list(sequence)


@given(array=any_array, parts=parts, dist=dists)
def test_an_array_comes_together_again(array: Any, parts: int, dist: str) -> None:
    pieces = split(array, parts, dist)
    assert all(np.shares_memory(piece, array) for piece in pieces if piece.size)
    whole = join(pieces, dist)
    assert isinstance(whole, np.ndarray)
    assert (whole.dtype, whole.shape) == (array.dtype, array.shape)
    assert np.array_equal(whole, array)


@given(total=st.integers(0, 1000), parts=parts)
def test_contiguous_parts_differ_by_one_at_most(total: int, parts: int) -> None:
    found = bounds(total, parts)
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == total
    lengths = [end - begin for begin, end in found]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] - lengths[-1] <= 1


def test_another_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^dist is 'b' .* or 'r' .*, not 'x'$"):
        split([1], 1, "x")


# What engines made of their parts


@pytest.mark.parametrize("dist", "br")
def test_arrays_of_several_types_lose_nothing(dist: str) -> None:
    whole = join([np.array([1, 2]), np.array([0.5, 2.5])], dist)
    assert sorted(whole.tolist()) == [0.5, 1.0, 2.0, 2.5]


@pytest.mark.parametrize("dist", "br")
def test_arrays_of_any_lengths_come_together(dist: str) -> None:
    pieces = [np.array([1]), np.array([], dtype=int), np.array([2, 3, 4])]
    assert sorted(join(pieces, dist).tolist()) == [1, 2, 3, 4]
    rows = [np.ones((1, 2)), np.zeros((3, 2))]
    assert join(rows, dist).shape == (4, 2)


def test_in_turn_means_in_turn_whatever_the_lengths() -> None:
    pieces = [[1, 4], [], [2, 5, 6], [3]]
    assert join(pieces, "r") == [1, 2, 3, 4, 5, 6]
    assert join(list(map(np.array, pieces)), "r").tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("dist", "br")
def test_a_mixture_becomes_a_list(dist: str) -> None:
    assert sorted(join([np.array([1, 2]), [3]], dist)) == [1, 2, 3]
    assert join([], dist) == []
    assert join([[], ()], dist) == []


@pytest.mark.parametrize("value", ["ab", b"ab", {1: 2}, {1}, np.array(1), deque([1])])
def test_what_is_no_list_and_no_array_stays_whole(value: Any) -> None:
    assert join([value, value]) == [value, value]


# What can be split


@pytest.mark.parametrize("sequence", [[1], (1,), "a", b"a", range(1), np.ones(1)])
def test_what_can_be_sliced_stays(sequence: Any) -> None:
    assert sized(sequence) is sequence


@pytest.mark.parametrize(
    "iterable",
    [
        {1},
        frozenset({1}),
        {1: 2},
        types.MappingProxyType({1: 2}),
        {1: 2}.items(),
        iter([1]),
    ],
    ids=lambda iterable: type(iterable).__name__,
)
def test_what_cannot_becomes_a_list(iterable: Any) -> None:
    found = sized(iterable)
    assert isinstance(found, list)
    assert len(found) == 1


def test_another_thread_may_be_about_to_import_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", types.ModuleType("numpy"))
    assert join([[1], 2]) == [1, 2]
