"""Calls and results come back as they were, and what cannot travel is named."""

from __future__ import annotations

import builtins
import json
import pickle
import re
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from parallel.errors import CannotPack, CannotUnpack, RemoteError
from parallel.serialize import calls
from parallel.serialize.calls import (
    FunctionCache,
    name_of,
    pack_call,
    pack_elements,
    pack_error,
    pack_function,
    pack_value,
    unpack_error,
    unpack_function,
    unpack_value,
)
from parallel.serialize.switches import use_cloudpickle, use_pickle
from tests.serialize.session import Session

WHERE = {"engine_id": 3, "engine_uuid": "uuid", "method": "apply"}
LOCK = threading.Lock()

# Functions


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
    monkeypatch.setattr(calls, "REMEMBERED", 2)
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

# Arguments and values

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
    assert isinstance(caught.value.__cause__, TypeError)


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
    error = there_and_back(raised(lambda: Ending("a")))
    assert error.ename == "Ending"
    assert "its message cannot be had" in error.evalue
    assert "in raised" in error.traceback


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


# Exceptions


class Odd(Exception):
    """Its `__init__` asks for more than `args` has."""

    def __init__(self, name: str, *, code: int) -> None:
        super().__init__(f"{name} has {code}")
        self.name = name
        self.code = code


class OddFile(OSError):
    def __init__(self, path: str) -> None:
        super().__init__(2, "is gone", path)


class Slotted(Exception):
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Mute(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class Holding(Exception):
    def __init__(self, code: int) -> None:
        super().__init__("holds", LOCK)
        self.lock = LOCK
        self.code = code


class Clashing(Exception):
    """Its attributes are called as some of a `RemoteError`'s."""

    def __init__(self) -> None:
        super().__init__("clashes")
        self.engine_id = self.failure = self.traceback = "mine"
        self.code = 5


class Final(Exception):
    """It can have no subclass."""

    def __init_subclass__(cls) -> None:
        raise TypeError("final")


class Exiting(Exception):
    """Its `__init__` ends the program when it is made of what `args` has."""

    def __init__(self, name: str, made: bool = False) -> None:
        super().__init__(name)

    def __reduce__(self) -> tuple[object, ...]:
        return sys.exit, (1,)


class Ending(Exception):
    """Whatever is asked of it ends the program."""

    def __getattr__(self, name: str) -> Any:
        raise SystemExit(name)

    def __str__(self) -> str:
        raise SystemExit("str")


class TwoOfThem(KeyError, AttributeError):
    pass


def raised(do: Callable[[], Any]) -> BaseException:
    """Return what a call raises, or the exception that it returns."""
    try:
        error = do()
        assert isinstance(error, BaseException)
        raise error
    except BaseException as error:
        return error


def there_and_back(error: BaseException) -> RemoteError:
    """Return what is raised here for an exception of an engine."""
    return unpack_error(pack_error(error, WHERE).payload)


TAKEN_OVER: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "division": (lambda: 1 / 0, {}),
    "key": (lambda: {}["k"], {"args": ("k",)}),
    "file": (Path("/no/such").stat, {"errno": 2}),
    "two files": (
        lambda: OSError(1, "m", "a", None, "b"),
        {"errno": 1, "strerror": "m", "filename": "a", "filename2": "b"},
    ),
    "syntax": (lambda: compile("a b", "f", "exec"), {"lineno": 1, "filename": "f"}),
    "decoding": (b"\xff".decode, {"start": 0, "object": b"\xff", "encoding": "utf-8"}),
    "import": (lambda: __import__("no_such"), {"name": "no_such"}),
    "json": (lambda: json.loads("{"), {"pos": 1, "doc": "{"}),
    "one that exits when it is made again": (lambda: Exiting("a"), {"args": ("a",)}),
    "process": (
        lambda: subprocess.CalledProcessError(3, ["x"], "out", "err"),
        {"returncode": 3, "cmd": ["x"], "stdout": "out", "stderr": "err"},
    ),
    "pattern": (lambda: re.compile("("), {"pos": 0}),
    "group": (
        lambda: getattr(builtins, "ExceptionGroup", Odd)("g", [ValueError(1)]),
        {"message": "g"},
    ),
    "timeout": (lambda: TimeoutError("late"), {"args": ("late",)}),
    "odd": (lambda: Odd("x", code=3), {"name": "x", "code": 3, "args": ("x has 3",)}),
    "odd file": (lambda: OddFile("f"), {"errno": 2, "filename": "f"}),
    "slots": (lambda: Slotted(3), {"code": 3}),
    "silent": (lambda: Silent("x"), {"args": ("x",)}),
    "mute": (lambda: Mute("x"), {"args": ("x",)}),
    "lock": (lambda: Holding(3), {"code": 3}),
    "clashing": (Clashing, {"engine_id": 3, "code": 5}),
    "two types": (lambda: TwoOfThem("k"), {"args": ("k",)}),
    "a refusal": (lambda: CannotPack("m"), {"args": ("m",)}),
}


@pytest.mark.parametrize("name", TAKEN_OVER)
def test_an_exception_is_its_own_type_too(name: str) -> None:
    if name == "group" and sys.version_info < (3, 11):
        pytest.skip("3.10 has no groups")
    do, attributes = TAKEN_OVER[name]
    original = raised(do)
    kind = type(original)
    for found in (error := there_and_back(original), pickle.loads(pickle.dumps(error))):
        assert isinstance(found, RemoteError)
        assert isinstance(found, kind)
        assert found.ename == type(found).__name__ == kind.__name__
        assert {each: getattr(found, each) for each in attributes} == attributes
        assert str(found).startswith(f"[3:apply] {kind.__name__}: ")
        assert kind.__name__ in found.traceback


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), Final("f")],
    ids=lambda error: type(error).__name__,
)
def test_what_would_end_the_program_is_not_taken_over(error: BaseException) -> None:
    found = there_and_back(raised(lambda: error))
    assert type(found) is RemoteError
    assert found.ename == type(error).__name__


@pytest.mark.skipif(sys.platform == "win32", reason="its files are others'")
def test_an_exception_that_holds_a_file_leaves_it_behind() -> None:
    error = urllib.error.HTTPError("u", 404, "not found", {}, None)  # type: ignore[arg-type]
    found = there_and_back(error)
    error.close()
    assert isinstance(found, urllib.error.HTTPError)
    assert (found.code, found.url) == (404, "u")


@pytest.mark.parametrize(
    "payload", [b"", b"garbage", pickle.dumps(1), pickle.dumps(((1,), None))]
)
def test_an_error_that_cannot_be_read_says_so(payload: bytes) -> None:
    found = unpack_error(payload)
    assert type(found) is RemoteError
    assert "cannot be read" in str(found)


def test_an_exception_without_words_says_so() -> None:
    found = there_and_back(raised(lambda: Silent("x")))
    assert found.evalue == "its message cannot be had (ValueError in its __str__)"


def test_an_exception_whose_type_is_not_here_keeps_its_words() -> None:
    with Session() as session:
        session.run("class Away(Exception): pass\nclass Near(ValueError): pass")
        away = pack_error(session.value("Away")("words"), WHERE)
    payload = away.payload.replace(b"Away", b"Gone")
    failure, _ = pickle.loads(away.payload)
    lost = pickle.dumps((failure, b"nonsense"))
    for found in (unpack_error(payload), unpack_error(lost)):
        assert isinstance(found, RemoteError)
        assert found.evalue == "words"


def test_the_traceback_begins_where_the_users_code_does() -> None:
    engine: dict[str, Any] = {"__name__": "parallel.engine.execution"}
    exec("def run(f): f()", engine)

    def users() -> None:
        raise ValueError("mine")

    text = there_and_back(raised(lambda: engine["run"](users))).traceback
    assert "in users" in text
    error = raised(partial(engine["run"], users))
    step = error.__traceback__
    while step is not None and step.tb_frame.f_globals is not engine:
        step = step.tb_next
    text = there_and_back(error.with_traceback(step)).traceback
    assert "in users" in text
    assert "in run" not in text


def test_causes_are_in_the_traceback() -> None:
    def chained() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    text = there_and_back(raised(chained)).traceback
    assert "KeyError: 'inner'" in text
    assert "direct cause" in text
    assert text.rstrip().endswith("ValueError: outer")


def test_code_without_a_name_may_raise() -> None:
    names: dict[str, Any] = {"__name__": None}
    exec("def f(): 1 / 0", names)
    assert isinstance(there_and_back(raised(names["f"])), ZeroDivisionError)
