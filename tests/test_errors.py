"""The errors stand as their tree says, and survive pickling with all they tell."""

from __future__ import annotations

import concurrent.futures
import gc
import inspect
import pickle
import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parallel import errors
from parallel.errors import (
    AlreadyDisplayedError,
    CompositeError,
    EngineError,
    Failure,
    InvalidTransition,
    IPythonError,
    KernelError,
    ParallelError,
    RemoteError,
    collect_exceptions,
    parts_of,
    remote_error,
    unwrap_exception,
    without_init,
    wrap_exception,
)

WHERE = {"engine_id": 3, "engine_uuid": "uuid", "method": "apply"}
FAILURE = Failure("ValueError", "no good", "Traceback:\n  line 1", WHERE)


def walk(cls: type[ParallelError]) -> list[type[ParallelError]]:
    """Return a class and all below it that the file defines, the highest first."""
    below = [
        walk(sub) for sub in cls.__subclasses__() if sub.__module__ == "parallel.errors"
    ]
    return [cls, *[each for branch in below for each in branch]]


CLASSES = walk(ParallelError)

#: What those are made of that need more than a message.
MADE: dict[type[ParallelError], tuple[Any, ...]] = {
    InvalidTransition: ("task 1", "done", "queued", ["engine 3 died"]),
    RemoteError: tuple(FAILURE),
    CompositeError: ("a call on 2 engines", [FAILURE, FAILURE]),
    AlreadyDisplayedError: (CompositeError("a call on 2 engines", [FAILURE] * 2),),
}


def told(error: BaseException) -> tuple[Any, ...]:
    """Return all that an error tells."""
    facts = {
        name: told(value) if isinstance(value, BaseException) else value
        for name, value in vars(error).items()
    }
    return type(error), str(error), repr(error), error.args, facts


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_it_survives_pickling(cls: type[ParallelError]) -> None:
    error = cls(*MADE.get(cls, ("the message",)))
    found = pickle.loads(pickle.dumps(error))
    assert told(found) == told(error)
    assert str(found.__cause__) == str(error.__cause__)


def test_the_drawn_tree_is_the_real_one() -> None:
    entry = re.compile(r"[ │]*(?:[├└]── )?([A-Z]\w+)(  |$)")
    lines = map(entry.match, inspect.getdoc(errors).splitlines())
    drawn = [(found.start(1), found[1]) for found in lines if found]
    parents: dict[str, str] = {}
    for i, (indent, name) in enumerate(drawn):
        above = [each for depth, each in drawn[:i] if depth < indent]
        parents[name] = above[-1] if above else ""
    real = {cls.__name__: cls.__mro__[1].__name__ for cls in CLASSES[1:]}
    shown = {name: parent for name, parent in parents.items() if parent}
    assert shown == real


def test_all_of_them_are_exported() -> None:
    assert {cls.__name__ for cls in CLASSES} <= set(errors.__all__)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("CannotPack", TypeError), ("ControllerUnreachable", TimeoutError)],
)
def test_some_are_also_what_a_caller_expects(name: str, kind: type) -> None:
    assert issubclass(getattr(errors, name), kind)


# Remote errors


def test_a_remote_error_says_where_and_what() -> None:
    error = RemoteError(*FAILURE)
    assert str(error) == "[3:apply] ValueError: no good"
    assert repr(error) == "<RemoteError[3]:ValueError(no good)>"
    assert (error.engine_id, error.failure) == (3, FAILURE)
    assert error.render_traceback() == ["Traceback:", "  line 1"]
    assert str(error.__cause__) == "\nTraceback:\n  line 1"


def test_one_without_a_place_says_what() -> None:
    error = RemoteError("ValueError", "no good")
    assert str(error) == "ValueError: no good"
    assert error.engine_id is None
    assert error.render_traceback() == ["ValueError: no good"]


def test_it_prints_the_remote_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    RemoteError(*FAILURE).print_traceback()
    assert capsys.readouterr().out == "Traceback:\n  line 1\n"


def test_it_is_the_original_type_too_and_keeps_the_original() -> None:
    original = FileNotFoundError(2, "No such file", "name")
    error = remote_error(FAILURE, original)
    assert isinstance(error, FileNotFoundError)
    assert error.original is original
    assert (error.errno, error.filename) == (2, "name")
    found = pickle.loads(pickle.dumps(error))
    assert isinstance(found, FileNotFoundError)
    assert found.failure == FAILURE
    assert (found.errno, found.filename) == (2, "name")


def test_one_type_is_made_once() -> None:
    first, second = (remote_error(FAILURE, ValueError(i)) for i in range(2))
    assert type(first) is type(second)


def test_types_of_which_no_more_come_are_forgotten() -> None:
    made = []
    for number in range(1000):
        kind = type(f"Error{number}", (Exception,), {})
        made.append(weakref.ref(type(remote_error(FAILURE, kind()))))
        del kind
    gc.collect()
    assert sum(each() is not None for each in made) < 500


@pytest.mark.parametrize(
    "original",
    [
        None, KeyboardInterrupt(), SystemExit(1), RemoteError(*FAILURE),
        StopIteration("of its own"), StopAsyncIteration("of its own"),
    ],
)  # fmt: skip
def test_some_are_remote_errors_only(original: BaseException | None) -> None:
    error = remote_error(FAILURE, original)
    assert type(error) is RemoteError
    assert error.failure == FAILURE


class Asking(OSError):
    """Its `__init__` asks for more than `args` has."""

    __slots__ = ("slot",)

    def __init__(self, *, path: str) -> None:
        super().__init__(2, "is gone", path)
        self.slot = 1
        self.path = path


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


def test_parts_make_an_exception_again() -> None:
    found = without_init(*parts_of(Asking(path="name")))
    assert type(found) is Asking
    assert (found.errno, found.filename, found.slot) == (2, "name", 1)
    assert (found.path, found.args) == ("name", (2, "is gone"))
    assert without_init(*parts_of(Frozen(5))).code == 5


def test_one_that_cannot_be_changed_is_taken_over() -> None:
    error = remote_error(FAILURE, Frozen(5))
    assert isinstance(error, Frozen)
    assert (error.code, error.failure) == (5, FAILURE)


class Final(Exception):
    def __init_subclass__(cls) -> None:
        raise TypeError("final")


def test_one_that_can_have_no_subclass_is_a_remote_error_only() -> None:
    assert type(remote_error(FAILURE, Final())) is RemoteError


def test_what_cannot_be_made_so_is_told() -> None:
    with pytest.raises(TypeError, match="int cannot be made without its own __init__"):
        without_init(int, ("x", 1, 2, 3), {})  # type: ignore[arg-type]


# Several


def test_a_composite_error_names_the_first_few() -> None:
    error = CompositeError("6 engines raised", [FAILURE] * 6)
    assert str(error).splitlines() == [
        "6 engines raised",
        *["[3:apply] ValueError: no good"] * 4,
        "... 2 more exceptions ...",
    ]
    assert repr(error) == "<CompositeError(6)>"
    assert error.render_traceback(1) == ["Traceback:", "  line 1", ""]
    assert error.render_traceback() == [
        *["[3:apply]", "Traceback:", "  line 1", ""] * 4,
        "... 2 more exceptions ...",
    ]


def test_a_composite_error_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    CompositeError("1 engine raised", [FAILURE]).print_traceback()
    assert capsys.readouterr().out == "[3:apply]\nTraceback:\n  line 1\n\n"


def test_one_of_several_can_be_raised_by_itself() -> None:
    error = CompositeError(
        "2 engines raised", [FAILURE, FAILURE._replace(ename="Oops")]
    )
    with pytest.raises(RemoteError, match="Oops: no good"):
        error.raise_exception(1)
    with pytest.raises(IndexError, match="no exception 2: there are 2"):
        error.raise_exception(2)


def test_errors_that_were_displayed_are_only_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = AlreadyDisplayedError(CompositeError("3 engines raised", [FAILURE] * 3))
    assert (str(error), repr(error)) == (
        "3 errors",
        "<AlreadyDisplayedError(3 errors)>",
    )
    assert isinstance(error.original_error, CompositeError)
    error.print_traceback()
    assert capsys.readouterr().out == "3 errors\n"
    assert str(AlreadyDisplayedError(RemoteError(*FAILURE))) == "1 error"


def test_ipython_shows_what_happened_there() -> None:
    one, several = RemoteError(*FAILURE), CompositeError("2 engines raised", [FAILURE])
    there = ["Traceback:", "  line 1"]
    assert one._render_traceback_() == [*there, "[3:apply] ValueError: no good"]
    assert several._render_traceback_() == [
        *("[3:apply]", *there, ""),
        "2 engines raised",
    ]
    alike = [FAILURE._replace(engine_info={"engine_id": i}) for i in range(6)]
    assert CompositeError("6 engines raised", alike)._render_traceback_() == [
        *("[0:?]", *there, ""),
        *(f"[{i}:?] ValueError: no good (as on engine 0)" for i in (1, 2, 3)),
        *("... 2 more exceptions ...", "6 engines raised"),
    ]
    flat = RemoteError("TypeError", "no", "TypeError: no", {"engine_id": 3})
    assert flat._render_traceback_() == ["[3:?] TypeError: no"], "it has no steps"
    silent = RemoteError("EngineError", "it died", "", {"engine_id": 3})
    assert silent._render_traceback_() == ["[3:?] EngineError: it died"]
    named = RemoteError("Odd", "a: b\nc", "its.Odd: a: b\nc\n", {"engine_id": 3})
    assert named._render_traceback_() == ["[3:?] Odd: a: b\nc"]
    assert AlreadyDisplayedError(one)._render_traceback_() == ["1 error"]
    assert remote_error(FAILURE, KeyError("k"))._render_traceback_()[:2] == there


@pytest.mark.parametrize("gather", [list, lambda each: dict(enumerate(each))])
def test_remote_errors_among_results_are_collected(
    gather: Callable[[list[Any]], Any],
) -> None:
    fine = gather([1, ValueError("a value"), None])
    assert collect_exceptions(fine, "f") is fine
    other = FAILURE._replace(ename="Oops")
    several = CompositeError("2 engines raised", [FAILURE, other])
    with pytest.raises(CompositeError) as caught:
        collect_exceptions(gather([1, RemoteError(*FAILURE), several]), "f")
    assert caught.value.message == "one or more exceptions raised in: f"
    assert caught.value.elist == [FAILURE, FAILURE, other]


def test_an_exception_travels_as_a_dict() -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        content = wrap_exception({"engine_id": 1, "method": "execute"})
    error = unwrap_exception(content)
    assert content["status"] == "error"
    assert str(error) == "[1:execute] KeyError: 'lost'"
    assert error.render_traceback() == content["traceback"]
    assert content["traceback"][-1] == "KeyError: 'lost'"
    assert str(RemoteError("E", "m", "", {"engine_id": 2})) == "[2:?] E: m"


def test_users_of_ipython_find_the_names_that_they_know() -> None:
    assert issubclass(EngineError, KernelError)
    assert issubclass(RemoteError, IPythonError)
    with pytest.raises(KernelError):
        raise CompositeError("a call", [FAILURE])


def test_an_invalid_transition_tells_its_story() -> None:
    error = InvalidTransition("task 1", "done", "queued", ["sent", "ended"])
    assert str(error) == "task 1 cannot go from done to queued\n  sent\n  ended"


@pytest.mark.parametrize("known", [TimeoutError, concurrent.futures.TimeoutError])
def test_who_catches_a_timeout_of_python_catches_ours(known: type[Exception]) -> None:
    assert issubclass(errors.TimeoutError, known)


def test_each_timeout_that_is_raised_is_ours() -> None:
    """Where Python is so old that there are several, all catch this one only."""
    folder = Path(errors.__file__).parent
    raising = [
        path
        for path in folder.rglob("*.py")
        if re.search(r"raise TimeoutError\b", text := path.read_text())
        and not re.search(r"from \.{2,}errors import [\w\s,(]*\bTimeoutError\b", text)
    ]
    assert not raising
