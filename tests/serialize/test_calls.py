"""Arguments and values come back as they were; what cannot travel is named."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.errors import CannotPack, CannotUnpack
from parallel.serialize.callables import (
    pack_function,
    unpack_function,
)
from parallel.serialize.calls import pack_call, pack_elements, pack_value, unpack_value
from parallel.serialize.prepickled import PrePickled

LOCK = threading.Lock()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.lists(plain, max_size=4), st.dictionaries(st.text(), plain, max_size=3))
def test_arguments_come_back(args: list[Any], kwargs: dict[str, Any]) -> None:
    packed = pack_call("f", tuple(args), kwargs)
    found = unpack_value(packed.payload, packed.buffers, "the arguments")
    assert repr(found) == repr((tuple(args), kwargs))


@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        ((LOCK,), {}, "argument 0 of f (a lock)"),
        ((1, [{"a": LOCK}]), {}, "argument 1 of f (a list)"),
        ((1, 2), {"key": {1: LOCK}}, "argument 'key' of f (a dict)"),
    ],
)
def test_the_argument_that_cannot_travel_is_named(
    args: tuple[Any, ...], kwargs: dict[str, Any], where: str
) -> None:
    with pytest.raises(CannotPack) as caught:
        pack_call("f", args, kwargs)
    assert str(caught.value) == (
        f"cannot send {where}: TypeError: cannot pickle '_thread.lock' object"
    )
    told = "".join(traceback.format_exception(caught.value))
    assert told.count("TypeError") == 1, "there is nothing else to tell"


class Odd:
    """Has a state that cannot be had."""

    def __getstate__(self) -> Any:
        return self.state()

    def state(self) -> Any:
        """Raise an error."""
        raise ValueError("no state")


@pytest.mark.parametrize(
    "pack",
    [
        lambda odd: pack_call("f", (1, odd), {}),
        lambda odd: pack_elements(([1, odd],), "f"),
        lambda odd: pack_value(odd, "the result of f"),
        lambda odd: pack_function(partial(print, odd)),
        PrePickled,
    ],
    ids=["call", "elements", "value", "function", "beforehand"],
)
def test_the_users_own_steps_are_the_cause(pack: Callable[[Any], Any]) -> None:
    with pytest.raises(CannotPack, match="no state") as caught:
        pack(Odd())
    cause = caught.value.__cause__
    assert isinstance(cause, ValueError)
    steps = traceback.extract_tb(cause.__traceback__)
    assert [step.name for step in steps] == ["__getstate__", "state"]
    assert "During handling" not in "".join(traceback.format_exception(caught.value))


def test_what_cannot_be_unpacked_says_so_once() -> None:
    payload = pack_value(b"", "it").payload
    with pytest.raises(CannotUnpack) as caught:
        unpack_value(payload[:-1], (), "the arguments")
    assert caught.value.__cause__ is None


def test_what_cannot_travel_has_its_article() -> None:
    with pytest.raises(CannotPack, match=r"argument 0 of f \(an Event\): "):
        pack_call("f", (threading.Event(),), {})


def test_the_element_that_cannot_travel_is_named() -> None:
    with pytest.raises(CannotPack, match=r"^cannot send element 12 for f \(a lock\): "):
        pack_elements(([1, 2, 3], [4, 5, LOCK]), "f", 10)


def test_the_value_that_cannot_travel_is_named() -> None:
    with pytest.raises(CannotPack, match=r"^cannot send the result of f \(a lock\): "):
        pack_value(LOCK, "the result of f")


def test_what_cannot_be_unpacked_is_named() -> None:
    with pytest.raises(CannotUnpack, match=r"^cannot unpack the result here: "):
        unpack_value(b"nonsense", (), "the result")


class Exits:
    """It ends the program where it arrives."""

    def __reduce__(self) -> tuple[object, ...]:
        return sys.exit, (1,)


def test_what_would_end_the_program_does_not() -> None:
    packed = pack_call("f", (Exits(),), {})
    with pytest.raises(CannotUnpack, match="the result here: SystemExit: 1"):
        unpack_value(packed.payload, packed.buffers, "the result")
    with pytest.raises(CannotUnpack, match="SystemExit: 1"):
        unpack_function(pack_function(partial(len, Exits())).code)


def test_what_the_client_lacks_is_to_be_had_here() -> None:
    payload = b"cno_such_module\nf\n."
    with pytest.raises(CannotUnpack) as caught:
        unpack_value(payload, (), "the result of f")
    assert str(caught.value) == (
        "cannot unpack the result of f here: the module 'no_such_module' cannot be "
        "imported here, though an engine has it: install it, or add its folder to "
        "sys.path"
    )
    with pytest.raises(CannotUnpack, match=r"rc\[:\].push_module\('no_such_module'\)"):
        unpack_value(payload, (), "the arguments")


def test_what_lacks_a_part_of_a_package_is_to_be_sent_all_of_it() -> None:
    with pytest.raises(CannotUnpack) as caught:
        unpack_value(b"cjson.not_there\nf\n.", (), "the arguments")
    assert "the module 'json.not_there' cannot be imported" in str(caught.value)
    assert "rc[:].push_module('json') sends it" in str(caught.value)


def test_an_object_that_refuses_says_why() -> None:
    class Refusing:
        lock: Any = None

        def __reduce__(self) -> str:
            raise RuntimeError("stays at home")

    refusing = Refusing()
    refusing.lock = LOCK
    with pytest.raises(CannotPack, match=r"Refusing.: RuntimeError: stays at home$"):
        pack_call("f", (refusing,), {})
