"""What calls call: functions under their digests, packed once while they stay as is."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from ..aliases import Digest
from ..errors import CannotPack, CannotUnpack
from ..protocol.wire import digest_of
from .companions import Luggage
from .fingerprints import fingerprint
from .prepickled import PrePickled
from .reasons import RAISED, blamed, lacking
from .references import Late, Reference
from .steps import cause_of
from .switches import pickled, way

__all__ = [
    "Callee",
    "Function",
    "FunctionCache",
    "name_of",
    "pack_function",
    "unpack_function",
]

#: What a call may call: also what engines evaluate, or has been packed.
Callee: TypeAlias = Callable[..., Any] | Reference | PrePickled

#: So many functions are remembered with their packed form, each of so many bytes at
#: most.
REMEMBERED, REMEMBERED_NBYTES = 256, 64 << 10


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
            f"cannot send {name} to the engines: {blamed(f, error)}"
        ) from cause_of(error)
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
            f"the function cannot be unpacked here: {lacking(error)}"
        ) from cause_of(error)


def name_of(f: Any) -> str:
    """Return how a message should call a function."""
    if type(f) is Reference:
        return f.name
    inner = getattr(f, "func", None)  # partial
    name = getattr(f, "__name__", None) or getattr(inner, "__name__", None)
    return str(name) if name else type(f).__name__
