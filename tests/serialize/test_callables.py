"""A function is packed under its digest, once while it is the same, or is named."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from parallel.errors import CannotPack, CannotUnpack
from parallel.serialize import callables
from parallel.serialize.callables import (
    FunctionCache,
    name_of,
    pack_function,
    unpack_function,
)
from parallel.serialize.switches import use_cloudpickle, use_pickle
from tests.serialize.session import Session


def test_a_function_is_named_by_its_digest() -> None:
    first, second = pack_function(len), pack_function(str)
    assert first == pack_function(len)
    assert first.digest != second.digest
    assert (len(first.digest), first.name) == (16, "len")
    assert unpack_function(first.code) is len


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^3 is not callable$"):
        pack_function(3)


def test_a_function_that_cannot_be_packed_is_named() -> None:
    lock = threading.Lock()

    def locked() -> object:
        return lock

    with pytest.raises(CannotPack, match=r"^cannot send locked to the engines: .*lock"):
        pack_function(locked)
    with pytest.raises(TypeError):
        FunctionCache().pack(locked)


def test_what_is_no_function_cannot_be_unpacked() -> None:
    with pytest.raises(CannotUnpack, match=r"^the function cannot be unpacked here: "):
        unpack_function(b"nonsense")


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (len, "len"),
        (dict, "dict"),
        (partial(len), "len"),
        (json.JSONEncoder(), "JSONE"),
    ],
)
def test_what_a_message_calls_it(f: Any, name: str) -> None:
    assert name_of(f).startswith(name)


def test_a_known_function_is_not_packed_again() -> None:
    cache = FunctionCache()
    with Session() as session:
        session.run("k = 1\ndef f(): return k")
        f = session.value("f")
        first = cache.pack(f)
        assert cache.pack(f) is first
        session.run("k = 2")
        assert cache.pack(f) is not first


def test_a_switch_makes_the_cache_forget() -> None:
    cache = FunctionCache()
    with Session() as session:
        session.run("k = 1\ndef f(): return k")
        f = session.value("f")
        first = cache.pack(f)
        use_cloudpickle()
        try:
            other = cache.pack(f)
            assert other.digest != first.digest
            assert cache.pack(f) is other
        finally:
            use_pickle()
        assert cache.pack(f) == first


@pytest.mark.parametrize(
    ("source", "expression", "told"),
    [
        (
            "class C:\n lock = threading.Lock()\ndef f(): return C",
            "f",
            "attribute 'lock' of the class C",
        ),
        (
            "class C:\n def m(self, x=threading.Lock()): return x\ndef f(): return C",
            "f",
            "a default of m",
        ),
        (
            "class C:\n def __init__(self): self.parts = [threading.Lock()]",
            "functools.partial(print, [C()])",
            "attribute 'parts' of a C",
        ),
        (
            "def make(lock):\n def inner(): return lock\n return inner",
            "make(threading.Lock())",
            "variable 'lock' around inner",
        ),
    ],
)
def test_the_part_that_cannot_travel_is_named(
    source: str, expression: str, told: str
) -> None:
    with Session() as session:
        session.run(f"import functools, threading\n{source}\nobj = {expression}")
        with pytest.raises(CannotPack) as caught:
            pack_function(session.value("obj"))
    assert str(caught.value).endswith(
        f": TypeError: cannot pickle '_thread.lock' object ({told})"
    )


def test_the_cache_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callables, "REMEMBERED", 2)
    cache = FunctionCache()
    first = cache.pack(len)
    assert cache.pack(len) is first
    for f in (str, int):
        cache.pack(f)
    assert cache.pack(len) is not first


def result(f: Callable[[], Any]) -> object:
    """Return what a function returns, with its types, or raises."""
    try:
        return re.sub(" at 0x[0-9a-f]+", "", repr(f()))
    except RecursionError as error:  # where it ends differs
        return type(error)
    except Exception as error:
        return type(error), str(error)


#: What a session may give its names: numbers that are equal and not the same, what
#: can change, and functions that see the names.
VALUES = {
    **{
        text: text for text in ("0", "0.0", "-0.0", "False", "1", "True", "1.0", "None")
    },
    **{text: text for text in ("''", "b''", "'1'", "[]", "[1]", "{}", "len", "str")},
    "a module": "__import__('math')",
    "a lambda": "lambda: 1",
    "the same lambda": "lambda: 1",
    "another lambda": "lambda: 1.0",
    "a helper": "lambda: a",
    "a deep helper": "lambda: (lambda: (a, b))()",
    "a closure": "(lambda x: lambda: x)(1)",
    "another closure": "(lambda x: lambda: x)(True)",
    "a closure over a list": "(lambda x: lambda: x)([])",
    "defaults": "lambda x=1: x",
    "other defaults": "lambda x=1.0: x",
    "keyword defaults": "lambda *, x=1: x",
    "a class": "type('C', (), {'__module__': '__main__', '__repr__': lambda _: 'C'})",
}

#: Values that are easily taken for one another.
TWINS = (
    *(("0", "0.0"), ("0.0", "-0.0"), ("0", "False"), ("1", "True"), ("1", "'1'")),
    *(("''", "b''"), ("[]", "[1]"), ("a lambda", "the same lambda")),
    *(("a lambda", "another lambda"), ("a closure", "another closure")),
    *(("defaults", "other defaults"), ("a helper", "a deep helper")),
)

#: Ways to change a function, or what it sees, without a new one under its name.
CHANGES = (
    "f.__defaults__ = (1,)",
    "f.__defaults__ = (True,)",
    "f.__code__ = (lambda *, z=0: (2, a, z)).__code__; f.__kwdefaults__ = {'z': 1}",
    "f.__kwdefaults__['z'] += 1",
    "f.__code__ = (lambda y=0: (3, a, y)).__code__",
    "f.__name__ = 'renamed'",
    "f.__qualname__ = 'renamed'",
    "f.__doc__ = 'Said anew.'",
    "f.note = 'noted'",
    "a.append(1)",
    "g.__code__ = (lambda: ('changed', b)).__code__",
    "g.__defaults__ = None",
    "a.more = 1",
    "del b",
)

BEGIN = """
a = b = 0
def show(value):
    return show(value()) if callable(value) and type(value) is not type else value
def g(): return show(b)
def f(y=0):
    return show(a), g(), y, f.__name__, f.__qualname__, f.__doc__, f.__dict__
"""


class Caching(RuleBasedStateMachine):
    """A session changes what it likes; what the cache gives is never stale."""

    @initialize()
    def begin(self) -> None:
        self.session = Session()
        self.session.run(BEGIN)
        self.cache = FunctionCache()

    @rule(name=st.sampled_from("ab"), value=st.sampled_from(sorted(VALUES)))
    def assign(self, name: str, value: str) -> None:
        self.session.run(f"{name} = {VALUES[value]}")

    @rule(name=st.sampled_from("ab"), twins=st.sampled_from(TWINS))
    def assign_what_looks_the_same(self, name: str, twins: tuple[str, str]) -> None:
        for twin in twins:
            self.assign(name, twin)
            self.the_cached_function_does_what_the_real_one_does()

    @rule(helper=st.sampled_from(["show(b)", "show(a)", "f.__doc__", "1", "1.0"]))
    def define_the_helper_again(self, helper: str) -> None:
        self.session.run(f"def g(): return {helper}")

    @rule(change=st.sampled_from(CHANGES))
    def change(self, change: str) -> None:
        try:
            self.session.run(change)
        except (AttributeError, NameError, TypeError):
            return

    @invariant()
    def the_cached_function_does_what_the_real_one_does(self) -> None:
        with self.session:
            packed = self.cache.pack(self.session.value("f")).code
            fresh = pack_function(self.session.value("f")).code
            here = result(self.session.value("f"))
        with Session():
            assert result(unpack_function(fresh)) == here
        with Session():
            assert result(unpack_function(packed)) == here


TestCaching = pytest.mark.slow(Caching.TestCase)
TestCaching.settings = settings(max_examples=100, stateful_step_count=20)
