"""An exception of users' code is raised elsewhere as what it was."""

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

import pytest

from parallel.errors import CannotPack, RemoteError
from parallel.serialize.exceptions import pack_error, unpack_error
from tests.serialize.session import Session

LOCK = threading.Lock()
WHERE = {"engine_id": 3, "engine_uuid": "uuid", "method": "apply"}


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
def test_an_exception_whose_message_ends_the_program_does_not() -> None:
    error = there_and_back(raised(lambda: Ending("a")))
    assert error.ename == "Ending"
    assert "its message cannot be had" in error.evalue
    assert "in raised" in error.traceback


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
