"""Objects come back as they were, and large arrays are not copied on their way."""

from __future__ import annotations

import pickle
import threading
from collections import namedtuple
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from parallel.protocol.wire import stow, unstow
from parallel.serialize.objects import OUT_OF_BAND_NBYTES, is_plain, pack, unpack
from tests.serialize.session import Session

LARGE = np.arange(OUT_OF_BAND_NBYTES, dtype=float)
SMALL = np.arange(5.0)

Point = namedtuple("Point", "x y")


def there_and_back(obj: Any) -> Any:
    """Return what comes of an object on the other side."""
    payload, buffers = pack(obj)
    payload, frames = stow(payload, buffers)
    found, rest = unstow(payload, [bytes(frame) for frame in frames])
    return unpack(found, rest)


@pytest.mark.parametrize(
    "obj",
    [
        *(None, True, 1, -(2**70), 1.5, 1j, "é", "\ud800", b"\xff", ...),
        *([], (), {}, set(), frozenset({1}), range(1, 10, 3), slice(1, 2)),
        *([1, [2, [3, [4, [5]]]]], {"a": {1: (2, {3})}}, list(range(1000))),
        *(Point(1, 2), [Point(1, 2)], bytearray(b"x"), bytes(100_000), len, dict),
    ],
    ids=lambda obj: f"{obj!r:.20}",
)
def test_it_comes_back(obj: object) -> None:
    found = there_and_back(obj)
    assert found == obj
    assert type(found) is type(obj)


def test_memory_comes_back_as_bytes() -> None:
    assert there_and_back(memoryview(b"memory")) == b"memory"


def test_what_holds_itself_comes_back() -> None:
    holder: list[Any] = [1]
    holder.append(holder)
    found = there_and_back(holder)
    assert found[1] is found


def test_what_is_the_same_stays_the_same() -> None:
    first, second = there_and_back([LARGE, LARGE])
    assert first is second


# Arrays


def test_a_large_array_is_not_copied() -> None:
    payload, buffers = pack({"array": LARGE})
    assert len(payload) < 500
    found = unpack(payload, [buffer.raw() for buffer in buffers])["array"]
    assert np.shares_memory(found, LARGE)
    assert np.array_equal(found, LARGE)


def test_a_small_array_travels_inside() -> None:
    payload, buffers = pack(SMALL)
    assert not buffers
    assert np.array_equal(unpack(payload), SMALL)


@pytest.mark.parametrize(
    "array",
    [
        LARGE[::2],
        LARGE[::-1],
        LARGE.reshape(64, -1).T,
        LARGE.reshape(64, -1)[:, :64],
        np.asfortranarray(LARGE.reshape(64, -1)),
        np.broadcast_to(np.float64(3), (100, 100)),
        np.empty((0, 5)),
        np.array(3.0),
        np.array([{"a": 1}, None], dtype=object),
        np.zeros(2000, dtype=[("a", int), ("b", "U5")]),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        LARGE.astype(">f8"),
        np.ma.masked_array(LARGE, LARGE > 5),
        np.rec.array([(1, 2.0)] * 2000),
    ],
    ids=[
        "every second",
        "reversed",
        "transposed",
        "a window",
        "columns first",
        "one value spread out",
        "empty",
        "a number",
        "objects",
        "structures",
        "dates",
        "another byte order",
        "masked",
        "records",
    ],
)
def test_any_array_comes_back(array: Any) -> None:
    found = there_and_back(array)
    assert type(found) is type(array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tolist() == array.tolist()


def test_an_array_that_came_is_read_only_where_its_memory_is() -> None:
    payload, buffers = pack(LARGE)
    (buffer,) = buffers
    assert not unpack(payload, [bytes(buffer.raw())]).flags.writeable
    assert unpack(payload, [bytearray(buffer.raw())]).flags.writeable


def test_several_arrays_keep_their_order() -> None:
    arrays = [LARGE + i for i in range(3)]
    payload, buffers = pack(arrays)
    assert len(buffers) == 3
    found = unpack(payload, [bytes(buffer.raw()) for buffer in buffers])
    assert all(map(np.array_equal, found, arrays))


# Plain objects

anything = st.recursive(
    st.sampled_from([None, 1, "a", b"b", 1.5, range(3), len, Point(1, 2)]),
    lambda inner: (
        st.lists(inner, max_size=10)
        | st.tuples(inner)
        | st.dictionaries(st.sampled_from([1, "a", len, Point(1, 2)]), inner)
    ),
)


@settings(max_examples=50)
@given(anything)
def test_plain_pickle_does_for_what_is_plain(obj: object) -> None:
    if is_plain(obj):
        assert pickle.loads(pickle.dumps(obj, 5)) == obj
        assert str(Point) not in repr(obj)


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("1", True),
        ("[1, (2, 'a')]", True),
        ("[1] * 8", True),
        ("[1] * 9", False),
        ("[[[[[1]]]]]", False),
        ("{'a': None, 2: {b'c': (1.5,)}}", True),
        ("{i: i for i in range(9)}", False),
        ("{1: {1: {1: {1: {}}}}}", False),
        ("{'a': len}", False),
        ("{len: 1}", False),
        ("{(1,): 1}", False),
        ("type('Mine', (dict,), {})()", False),
        ("[len]", False),
        ("type('Mine', (int,), {})(1)", False),
        ("[type('Mine', (list,), {})()]", False),
        ("lambda: 1", False),
    ],
)
def test_what_is_plain(source: str, plain: bool) -> None:
    assert is_plain(eval(source)) == plain


def test_what_the_session_made_travels_by_value() -> None:
    with Session() as session:
        session.run("class A:\n    n = 5\nobjects = [A, A(), lambda: A.n]")
        payload, buffers = pack(session.value("objects"))
    with Session():
        cls, instance, f = unpack(payload, buffers)
        assert (cls.n, instance.n, f()) == (5, 5, 5)


def test_memory_with_gaps_is_refused() -> None:
    class Gaps:
        def __reduce__(self) -> tuple[Any, ...]:
            return bytes, (pickle.PickleBuffer(memoryview(b"memory")[::2]),)

    with pytest.raises(pickle.PicklingError, match="non-contiguous"):
        pack(Gaps())


def test_what_cannot_be_packed_says_so_itself() -> None:
    with pytest.raises(TypeError, match=r"cannot pickle '_thread.lock' object"):
        pack(threading.Lock())
