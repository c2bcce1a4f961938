"""Objects and calls come back from their lists of buffers."""

from __future__ import annotations

import operator

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from parallel.errors import CannotPack
from parallel.serialize.applies import (
    deserialize_object,
    pack_apply_message,
    serialize_object,
    unpack_apply_message,
)
from parallel.serialize.prepickled import PrePickled

values = st.recursive(
    st.none() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values, st.lists(st.binary(), max_size=3))
def test_an_object_comes_back_and_the_rest_stays(
    value: object, rest: list[bytes]
) -> None:
    buffers = serialize_object(value)
    assert all(isinstance(each, (bytes, memoryview)) for each in buffers)
    assert deserialize_object([*buffers, *rest]) == (value, rest)


def test_large_arrays_are_buffers_of_their_own() -> None:
    arrays = [np.arange(5000.0), np.arange(3), np.ones(9000)]
    buffers = serialize_object(arrays)
    assert [type(each) for each in buffers] == [bytes, memoryview, memoryview]
    assert np.shares_memory(np.frombuffer(buffers[1]), arrays[0])
    joined = [bytes(each) for each in buffers]
    found, rest = deserialize_object([*joined, b"more"])
    assert [each.tolist() for each in found] == [each.tolist() for each in arrays]
    assert rest == [b"more"]


def test_large_frames_are_not_copied() -> None:
    frame = pd.DataFrame({"x": np.zeros(9000), "y": np.ones(9000)})
    for sent in (frame, frame["y"], frame.assign(n=pd.array(range(9000), "Int64"))):
        found, _ = deserialize_object(serialize_object(sent))
        assert found.equals(sent)
        column = found if found.ndim == 1 else found["y"]
        assert np.shares_memory(column.to_numpy(), sent.get("y", sent).to_numpy())


@given(st.lists(values, max_size=3), st.dictionaries(st.text(), values, max_size=3))
def test_a_call_comes_back(args: list[object], kwargs: dict[str, object]) -> None:
    f, *found = unpack_apply_message(pack_apply_message(operator.add, args, kwargs))
    assert f is operator.add
    assert found == [tuple(args), kwargs]


def test_a_call_may_carry_arrays_and_functions() -> None:
    bias = np.ones(2000)
    buffers = pack_apply_message(lambda x, y: (x + y + bias).sum(), [bias], {"y": 1})
    f, args, kwargs = unpack_apply_message([bytes(each) for each in buffers])
    assert f(*args, **kwargs) == 6000
    f, *_ = unpack_apply_message(pack_apply_message(PrePickled(len), [], {}))
    assert f is len


def test_what_cannot_travel_is_named() -> None:
    with pytest.raises(CannotPack, match=r"argument 0 of len \(a generator\)"):
        pack_apply_message(len, [(i for i in [])], {})
