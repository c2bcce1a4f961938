"""Calls and their ends: packed here, unpacked there, each failure told by name."""

from __future__ import annotations

import pickle
import re
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias

from ..aliases import Digest
from ..errors import (
    CannotPack,
    CannotUnpack,
    Failure,
    RemoteError,
    parts_of,
    remote_error,
    without_init,
)
from ..protocol.wire import digest_of
from .culprits import culprit
from .functions import ATOMS, Luggage, fingerprint
from .objects import Packed, pack, unpack
from .prepickled import PrePickled
from .references import Late, Reference, Unresolved
from .switches import pickled, way

__all__ = [
    "Callee",
    "Caught",
    "Function",
    "FunctionCache",
    "name_of",
    "pack_call",
    "pack_elements",
    "pack_error",
    "pack_function",
    "pack_value",
    "unpack_error",
    "unpack_function",
    "unpack_value",
]

#: What a call may call: also what engines evaluate, or has been packed.
Callee: TypeAlias = Callable[..., Any] | Reference | PrePickled

#: So many functions are remembered with their packed form, each of so many bytes at
#: most.
REMEMBERED, REMEMBERED_NBYTES = 256, 64 << 10

#: How pickle says that a module has not what it should have.
LACKS = re.compile(r"Can't get attribute .* on <module '(?!__main__')([\w.]+)'")

#: What the code of users' objects may raise where they are made or described: a type
#: may well call `sys.exit` for want of an argument, and end an engine, or a client.
RAISED = (Exception, SystemExit)

#: What engines call what they unpack.
ARGUMENTS = "the arguments"

#: Whose steps at the beginning of a traceback say nothing to the user.
OWN = ("parallel.engine", "parallel.serialize")


class Function(NamedTuple):
    """A function on its way."""

    digest: Digest
    code: bytes
    name: str


class FunctionCache:
    """Packs functions, each only once while nothing that it sees changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Any, Any, Function]] = OrderedDict()
        self._way = way()

    def pack(self, f: Any) -> Function:
        """Return the packed form of a function.

        Raises
        ------
        TypeError
            It is not callable.
        CannotPack
            It cannot be pickled; the error names it.
        """
        if self._way is not way():  # another one packs differently
            self._way = way()
            self._known.clear()
        mark = fingerprint(f)
        if mark is not None:
            known = self._known.get(id(f))
            if known is not None and known[0] is f and known[1] == mark:
                return known[2]
        function = pack_function(f)
        if mark is not None and len(function.code) <= REMEMBERED_NBYTES:
            self._known[id(f)] = (f, mark, function)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return function


def pack_function(f: Any) -> Function:
    """Return a function's packed form under its digest: see `FunctionCache.pack`."""
    if not (callable(f) or _stands_for_function(f)):
        raise TypeError(f"{f!r} is not callable")
    name = name_of(f)
    luggage = Luggage()
    try:
        code = pickled(f, luggage)
        if luggage.late:
            code = pickled(Late(code, name))
    except Exception as error:
        raise CannotPack(
            f"cannot send {name} to the engines: {_blamed(f, error)}"
        ) from error
    return Function(digest_of(code), code, name)


def _stands_for_function(f: Any) -> bool:
    return isinstance(f, Reference) or (isinstance(f, PrePickled) and f.is_callable)


def unpack_function(code: bytes) -> Any:
    """Return a function that another process packed.

    Raises
    ------
    CannotUnpack
        Its module is not here, or lacks it; the error says which, and what to do.
    """
    try:
        return pickle.loads(code)
    except RAISED as error:
        raise CannotUnpack(
            f"the function cannot be unpacked here: {_lacking(error)}"
        ) from (error)


def _lacking(error: BaseException, is_engine: bool = True) -> str:
    """Say what a process lacks to unpack something, and how to bring it there."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        if not is_engine:
            return (
                f"the module {error.name!r} cannot be imported here, though an engine "
                "has it: install it, or add its folder to sys.path"
            )
        return (
            f"the module {error.name!r} cannot be imported on this engine. If it is a "
            f"file of yours, {_pushing(error.name)} sends it to the engines; a library "
            "has to be installed where they run, or found by their PYTHONPATH. What "
            "you define in your session, or mark with @interactive, travels by value"
        )
    lacks_name = LACKS.match(_message(error))
    if isinstance(error, AttributeError) and lacks_name and is_engine:
        module = lacks_name[1]
        return (
            f"{_say(error)}. The {module!r} here is another version than yours: "
            f"{_pushing(module)} sends yours to the engines"
        )
    return _say(error)


def _pushing(module: str) -> str:
    return f"rc[:].push_module({module.partition('.')[0]!r})"


def name_of(f: Any) -> str:
    """Return how a message should call a function."""
    if type(f) is Reference:
        return f.name
    inner = getattr(f, "func", None)  # partial
    name = getattr(f, "__name__", None) or getattr(inner, "__name__", None)
    return str(name) if name else type(f).__name__


def pack_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Packed:
    """Return the arguments of one call.

    Raises
    ------
    CannotPack
        The error names the argument.
    """
    if not kwargs and all(type(arg) in ATOMS for arg in args):
        return Packed(pickle.dumps((args, kwargs), 5))
    try:
        return pack((args, kwargs))
    except Exception as error:
        _blame(name, args, kwargs, error)


def _blame(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> NoReturn:
    for key, value in (*enumerate(args), *kwargs.items()):
        try:
            pack(value)
        except Exception as own:
            where = f"argument {key}" if isinstance(key, int) else f"argument {key!r}"
            kind = type(value).__name__
            raise CannotPack(
                f"cannot send {where} of {name} (a {kind}): {_blamed(value, own)}"
            ) from own
    raise CannotPack(f"cannot send the arguments of {name}: {_say(error)}") from error


def pack_value(value: Any, what: str) -> Packed:
    """Return a value that `what` names.

    Raises
    ------
    CannotPack
        The error calls it by that name.
    """
    try:
        return pack(value)
    except Exception as error:
        raise CannotPack(
            f"cannot send {what} (a {type(value).__name__}): {_blamed(value, error)}"
        ) from error


def pack_elements(parts: Sequence[Any], name: str, begin: int = 0) -> Packed:
    """Return one part of each sequence of a map.

    Parameters
    ----------
    begin
        The index of the first element, for the error.

    Raises
    ------
    CannotPack
        The error names the element.
    """
    try:
        return pack(parts)
    except Exception as error:
        for part in parts:
            for i, element in enumerate(part, begin):
                pack_value(element, f"element {i} for {name}")
        raise CannotPack(f"cannot send elements for {name}: {_say(error)}") from error


def pack_error(error: BaseException, engine_info: dict[str, Any]) -> Packed:
    """Return an exception of the user's code, with its traceback as text."""
    name = type(error).__name__
    failure = Failure(name, _message(error), _traceback(error), engine_info)
    BaseException.with_traceback(error, None)
    original = _pack_whole(error) or _pack_parts(error)
    return Packed(pickle.dumps((tuple(failure), original), 5))


class Caught(NamedTuple):
    """The results of a map of which some elements raised.

    `errors` holds what they raised, packed, by their place among the `values`.
    """

    values: list[Any]
    errors: dict[int, bytes]

    def filled(self) -> list[Any]:
        """Return the results, with the exceptions in their places."""
        for place, packed in self.errors.items():
            self.values[place] = unpack_error(packed)
        return self.values


def _traceback(error: BaseException) -> str:
    step = _users_part(error.__traceback__)
    try:
        return "".join(traceback.format_exception(type(error), error, step))
    except RAISED:  # by an attribute of it
        return "".join(traceback.format_tb(step))


def _pack_whole(error: BaseException) -> bytes:
    """Return an exception's pickle, or nothing if it cannot be had or used."""
    try:
        packed = pickled(error)
        pickle.loads(packed)  # an __init__ may ask for more than `args` has
    except RAISED:  # as one's that checks its arguments
        return b""
    return packed


def _pack_parts(error: BaseException) -> bytes:
    """Return an exception's type with what of it can travel, or nothing."""
    try:
        cls, args, attributes = parts_of(error)
        if not _can_travel(args):
            args = (_message(error),)
        can = {name: value for name, value in attributes.items() if _can_travel(value)}
        return pickled(_Parts(cls, args, can))
    except RAISED:
        return b""


class _Parts:
    """An exception that is made again without its own `__init__`."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return without_init, self._parts


def _can_travel(value: Any) -> bool:
    try:
        pickle.loads(pickled(value))
    except RAISED:
        return False
    return True


def _users_part(step: Any) -> Any:
    """Return a traceback from where the user's code begins."""
    while step is not None and _is_engines(step.tb_frame.f_globals):
        step = step.tb_next
    return step


def _is_engines(names: dict[str, Any]) -> bool:
    return str(names.get("__name__")).startswith(OWN)


def unpack_error(payload: Any) -> RemoteError:
    """Return the exception to raise here for one that `pack_error` packed.

    What is none says so: an engine may send anything.
    """
    try:
        found, packed = pickle.loads(payload)
        failure = Failure(*found)
    except RAISED as error:
        text = f"an engine told of an error that cannot be read: {_say(error)}"
        failure, packed = Failure("CannotUnpack", text, "", {}), None
    original: BaseException | None = None
    if packed:
        try:
            original = pickle.loads(packed)
        except RAISED:  # not importable here: the text remains
            original = None
    return remote_error(failure, original)


def unpack_value(payload: Any, buffers: Sequence[Any], what: str) -> Any:
    """Return a value that another process packed.

    Raises
    ------
    CannotUnpack
        The error calls it by the name of `what`.
    Exception
        Whatever looking up a `Reference` in it raised.
    """
    try:
        return unpack(payload, buffers)
    except Unresolved as error:
        reason = error.error
    except RAISED as error:
        why = _lacking(error, is_engine=what == ARGUMENTS)
        raise CannotUnpack(f"cannot unpack {what} here: {why}") from error
    raise reason


def _blamed(obj: Any, error: BaseException) -> str:
    """Say what went wrong, and with which part of an object."""
    part = culprit(obj)
    return f"{_say(error)} ({part})" if part else _say(error)


def _say(error: BaseException) -> str:
    return f"{type(error).__name__}: {_message(error)}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except RAISED as own:
        return f"its message cannot be had ({type(own).__name__} in its __str__)"
