"""What is packed beforehand arrives as it was then."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import numpy as np
import pytest

from parallel.errors import CannotPack
from parallel.serialize import objects
from parallel.serialize.callables import pack_function, unpack_function
from parallel.serialize.objects import pack, unpack
from parallel.serialize.prepickled import PrePickled


@pytest.mark.parametrize("length", [3, 100_000])
def test_it_arrives_as_it_was(length: int) -> None:
    array = np.zeros(length)
    prepickled = PrePickled({"array": array})
    array += 1
    for _ in range(2):
        packed = pack([prepickled, 1])
        found, one = unpack(packed.payload, packed.buffers)
        assert one == 1
        assert (found["array"] == 0).all()
        assert found["array"].flags.writeable


def test_it_is_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prepickled = PrePickled(["x" * 100_000, len])
    payload, buffers = pack(prepickled)
    assert len(payload) < 1000
    assert unpack(payload, buffers) == ["x" * 100_000, len]
    assert pickle.loads(pickle.dumps(prepickled)) == ["x" * 100_000, len]
    before: list[Any] = [memoryview(each).obj for each in buffers]
    again = pack(prepickled).buffers
    assert [memoryview(each).obj for each in again] == before


def test_it_may_be_a_function() -> None:
    large = np.arange(10_000)
    f = PrePickled(lambda x: large[x])
    function = pack_function(f)
    assert (function.name, repr(f)) == ("<lambda>", "<PrePickled: <lambda>>")
    assert unpack_function(function.code)(7) == 7
    with pytest.raises(TypeError, match="<PrePickled: int> is not callable"):
        pack_function(PrePickled(3))


def test_what_cannot_be_packed_says_so_at_once() -> None:
    with pytest.raises(CannotPack, match="cannot pickle lock beforehand: TypeError"):
        PrePickled(threading.Lock())


def test_one_may_hold_another() -> None:
    inner = PrePickled([1, 2])
    assert objects.unpack(*pack(PrePickled({"inner": inner}))) == {"inner": [1, 2]}
