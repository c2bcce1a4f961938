"""A reference means what it says in a namespace, and stays one elsewhere."""

from __future__ import annotations

import functools
import operator
import pickle
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.errors import CannotUnpack
from parallel.serialize import references
from parallel.serialize.callables import (
    FunctionCache,
    name_of,
    pack_function,
    unpack_function,
)
from parallel.serialize.calls import pack_call, pack_value, unpack_value
from parallel.serialize.references import Reference

NAMES: dict[str, Any] = {"a": 5, "xs": [1, 2], "add": operator.add}


def resolve(name: str) -> Any:
    return eval(name, dict(NAMES))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "resolver", resolve)


def arrived(value: Any) -> Any:
    packed = pack_value(value, "a value")
    return unpack_value(packed.payload, packed.buffers, "a value")


@pytest.mark.parametrize("name", [None, 3, b"a", ["a"]])
def test_it_takes_a_string(name: Any) -> None:
    with pytest.raises(TypeError, match="takes an expression as a str, not "):
        Reference(name)


def test_it_stays_one_where_there_is_no_namespace() -> None:
    found = arrived([Reference("a")])[0]
    assert (type(found), found.name, repr(found)) == (
        Reference,
        "a",
        "<Reference: 'a'>",
    )


nested = st.recursive(
    st.just("REF") | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=12)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def put(shape: Any, value: Any) -> Any:
    """Put a value where a shape says REF."""
    if isinstance(shape, dict):
        return {key: put(each, value) for key, each in shape.items()}
    if isinstance(shape, (list, tuple)):
        return type(shape)(put(each, value) for each in shape)
    return value if shape == "REF" else shape


@given(nested)
def test_it_is_looked_up_wherever_it_is(shape: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "resolver", resolve)
        packed = pack_call("f", (put(shape, Reference("a")),), {})
        found = unpack_value(packed.payload, packed.buffers, "the arguments")
    assert found == ((put(shape, 5),), {})


@pytest.mark.usefixtures("engine")
def test_a_function_looks_it_up_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = unpack_function(pack_function(Reference("add")).code)
    partial = unpack_function(
        pack_function(functools.partial(operator.add, Reference("a"))).code
    )
    assert (reference(1, 2), partial(1)) == (3, 6)
    monkeypatch.setitem(NAMES, "add", operator.sub)
    monkeypatch.setitem(NAMES, "a", 10)
    assert (reference(1, 2), partial(1)) == (-1, 11)
    assert name_of(Reference("add")) == name_of(reference) == "add"


def test_two_references_are_two_functions() -> None:
    cache = FunctionCache()
    first, second, again = (cache.pack(Reference(name)) for name in ("a", "b", "a"))
    assert first == again
    assert first.digest != second.digest


@pytest.mark.usefixtures("engine")
def test_what_it_raises_is_raised() -> None:
    with pytest.raises(NameError, match="name 'nowhere' is not defined"):
        arrived({"deep": [Reference("nowhere")]})
    with pytest.raises(IndexError, match="list index out of range"):
        arrived(Reference("xs[7]"))
    with pytest.raises(NameError):
        unpack_function(pack_function(Reference("nowhere")).code)()
    with pytest.raises(CannotUnpack):
        unpack_value(b"nonsense", (), "a value")


def test_other_picklers_take_it_too() -> None:
    assert pickle.loads(pickle.dumps(Reference("a"))).name == "a"
