"""Functions made portable: which travel by name, which by value, and what with them.

A function of an importable module travels by its name, and must be importable
where it runs. A function of `__main__`, or one marked with `interactive`, travels
by value and runs with the engine's own namespace as its globals, as IPython's
users know it: what you pushed or executed there is what it sees.

Names that it uses and the engine lacks come along from the session that sent it
(`Companions`): imports, other functions, classes, small values. What a user
defined on the engine always wins over what came along; what came along is
renewed when it changes in the session.
"""

from __future__ import annotations

import builtins
import dis
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, singledispatchmethod
from types import CodeType, FunctionType, GenericAlias, ModuleType, UnionType
from typing import IO, Any, NoReturn, Optional, get_args

import cloudpickle

from .canning import can_map, reduce_canned
from .dispatchers import (
    is_dispatcher,
    reduce_dispatcher,
    reduce_dispatching_method,
)
from .main import adopt, main_namespace
from .references import Reference

__all__ = [
    "ABSENT",
    "ATOMS",
    "FunctionPickler",
    "Luggage",
    "ValuePickler",
    "dumps",
    "fingerprint",
    "found_by_name",
    "global_names",
    "interactive",
    "reduce_value",
    "refuse_pickling",
    "runs_in_namespace",
    "used_globals",
]

#: A companion value larger than this stays at home: pushing it is the user's
#: decision. An engine that misses it says so.
COMPANION_NBYTES = 1 << 20

#: Values of these types never change, and know no names.
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})

#: The attribute of an unpacked function that tells what did not come along, and why.
ABSENT = "__parallel_absent__"
_INTERACTIVE = "__parallel_interactive__"
_UNSET: Any = object()
_LOADS_GLOBAL = {
    *("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL"),
    "LOAD_FROM_DICT_OR_GLOBALS",  # 3.12: a class body among type parameters
}


def interactive(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a module's function to run in the engine's namespace, as `__main__`'s do."""
    setattr(f, _INTERACTIVE, True)
    return f


def runs_in_namespace(f: FunctionType) -> bool:
    """Tell whether a function's globals are the engine's namespace.

    What `functools.wraps` says of its module is another function's.
    """
    # Sessions have names of their own: `__console__` that of `code.interact`, which
    # has none if it is given names, `__mp_main__` a script's in multiprocessing.
    name = f.__globals__.get("__name__")
    return not name or name.startswith("__") or hasattr(f, _INTERACTIVE)


#: Functions with a memory, and what else may be known by name in its module.
_Cached: Any = type(lru_cache(len))
_NAMED = (FunctionType, type, type(len), _Cached)
#: What a pickler looks at before it leaves the rest to cloudpickle.
_SPECIAL = frozenset(
    {FunctionType, Reference, _Cached, cached_property, singledispatchmethod}
)


@lru_cache(maxsize=1024)
def global_names(code: CodeType) -> tuple[str, ...]:
    """Return the global names that a function's code uses, nested code included."""
    names = {
        str(step.argval)
        for step in dis.get_instructions(code)
        if step.opname in _LOADS_GLOBAL
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(global_names(constant))
    return tuple(sorted(names))


def used_globals(f: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of its own globals that a function uses."""
    for name in global_names(f.__code__):
        if name not in f.__globals__:
            continue
        value = f.__globals__[name]
        if hasattr(builtins, name) and name.startswith("__"):
            continue  # `__name__` and its like: each module has its own
        if value is not getattr(builtins, name, _UNSET):
            yield name, value


class Luggage:
    """What comes along with one thing that is packed: each global only once.

    Without it, two objects whose class uses both would be packed into one another
    without end.
    """

    def __init__(self) -> None:
        #: Names and identities of the globals that are packed, or being packed.
        self.brought: set[tuple[str, int]] = set()
        #: Why others are not.
        self.left: dict[tuple[str, int], str] = {}
        #: The functions whose globals came along with those of another.
        self.told: set[int] = set()
        #: Whether there is a `Reference` in it.
        self.late = False


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A cloudpickle pickler that knows what users registered, and references.

    Parameters
    ----------
    luggage
        Of the whole that this pickle is a part of.
    """

    def __init__(
        self,
        file: IO[bytes],
        buffer_callback: Callable[[Any], Any] | None = None,
        luggage: Luggage | None = None,
    ) -> None:
        super().__init__(file, 5, buffer_callback)
        self._luggage = luggage or Luggage()
        self._canned: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what cloudpickle does not know; leave the rest to it."""
        if type(obj) in _SPECIAL or can_map:
            reduced = self.reduce(obj)
            if reduced is not NotImplemented:
                return reduced
        return super().reducer_override(obj)

    def reduce(self, obj: Any) -> Any:
        """Return how to pickle what cloudpickle does not know; else NotImplemented."""
        return reduce_value(obj, self._luggage, self._canned)


def reduce_value(obj: Any, luggage: Luggage, canned: set[int]) -> Any:
    """Return how to pickle what no other pickler knows; else NotImplemented."""
    kind = type(obj)
    if kind is Reference:
        luggage.late = True
    elif kind is FunctionType and is_dispatcher(obj) and not found_by_name(obj):
        return reduce_dispatcher(obj)
    elif kind is _Cached and not found_by_name(obj):
        return make_cached, (obj.__wrapped__, obj.cache_parameters())
    elif kind is singledispatchmethod:
        return reduce_dispatching_method(obj)
    elif kind is cached_property:  # it has a lock before Python 3.12
        return make_cached_property, (obj.func, obj.attrname)
    elif can_map:
        return reduce_canned(obj, canned)
    return NotImplemented


class FunctionPickler(ValuePickler):
    """A pickler that sends the functions of `__main__` our way."""

    def reduce(self, obj: Any) -> Any:
        """Return how to pickle functions of the session, and what else is ours."""
        if type(obj) is FunctionType and runs_in_namespace(obj):
            cells = len(obj.__closure__ or ())
            state = state_of(obj, self._luggage)
            return make_function, (obj.__code__, cells), state, None, None, fill
        return super().reduce(obj)


def make_function(code: CodeType, cells: int) -> FunctionType:
    """Return a function of this process's `__main__`, its closure still empty."""
    from types import CellType

    closure = tuple(CellType() for _ in range(cells))
    return FunctionType(code, main_namespace(), None, None, closure)


def make_cached(f: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """Return a function that remembers its results, as `functools.lru_cache` does."""
    return lru_cache(**parameters)(f)


def make_cached_property(f: Callable[..., Any], name: str | None) -> Any:
    """Return a property that is computed once, as `functools` makes it in a class."""
    made: Any = cached_property(f)
    made.attrname = name
    return made


def state_of(f: FunctionType, luggage: Luggage) -> dict[str, Any]:
    """Return all of a function but its code."""
    values, absent = companions(f, luggage)
    cells = []
    for cell in f.__closure__ or ():
        try:
            cells.append((True, cell.cell_contents))
        except ValueError:  # a name of an enclosing function, not yet bound
            cells.append((False, None))
    return {
        "cells": cells,
        "companions": values,
        "absent": absent,
        "dict": f.__dict__,
        "attributes": {
            "__name__": f.__name__,
            "__qualname__": f.__qualname__,
            "__module__": f.__module__,
            "__doc__": f.__doc__,
            "__defaults__": f.__defaults__,
            "__kwdefaults__": f.__kwdefaults__,
            "__annotations__": f.__annotations__,
        },
    }


def fill(f: FunctionType, state: dict[str, Any]) -> None:
    """Give a function made by `make_function` the rest of itself."""
    f.__dict__.update(state["dict"])
    for name, value in state["attributes"].items():
        setattr(f, name, value)
    for cell, (bound, value) in zip(f.__closure__ or (), state["cells"], strict=True):
        if bound:
            cell.cell_contents = value
    for name, value in state["companions"].items():
        adopt(name, value)
    if state["absent"]:
        setattr(f, ABSENT, state["absent"])


class Companion:
    """A value that comes along, already packed: see `companions`."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.packed,)


def companions(
    f: FunctionType, luggage: Luggage
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what comes along with a function, and what cannot, with the reason.

    What its helpers use is among it, and theirs, however long the chain: packed
    inside one another, some two hundred would end in a RecursionError.
    """
    values: dict[str, Any] = {}
    absent: dict[str, str] = {}
    waiting = [f]
    for helper in waiting:  # grows as it is read
        if id(helper) in luggage.told:
            continue
        luggage.told.add(id(helper))
        for name, value in used_globals(helper):
            if name not in values:
                _bring(name, value, values, absent, luggage)
            if type(value) is FunctionType and runs_in_namespace(value):
                waiting.append(value)
    return values, absent


def _bring(
    name: str,
    value: Any,
    values: dict[str, Any],
    absent: dict[str, str],
    luggage: Luggage,
) -> None:
    item = name, id(value)
    small = type(value) in ATOMS and sys.getsizeof(value) <= COMPANION_NBYTES
    if small or isinstance(value, (FunctionType, type, ModuleType, _Cached)):
        values[name] = value
    elif item not in luggage.brought:
        if item not in luggage.left:
            _try_to_bring(name, value, values, luggage)
        if item in luggage.left:
            absent[name] = luggage.left[item]


def _try_to_bring(
    name: str, value: Any, values: dict[str, Any], luggage: Luggage
) -> None:
    item = name, id(value)
    before = set(luggage.brought), set(luggage.told)
    luggage.brought.add(item)
    try:
        packed = dumps(value, luggage)
    except Exception as error:
        reason = f"it cannot be pickled ({type(error).__name__}: {error})"
    else:
        if len(packed) <= COMPANION_NBYTES:
            values[name] = Companion(packed)
            return
        reason = f"its {len(packed):,} bytes travel only if you push them"
    # What it would have brought stays here with it.
    luggage.brought, luggage.told = before
    luggage.left[item] = reason


def dumps(
    obj: Any,
    luggage: Luggage | None = None,
    buffer_callback: Callable[[Any], Any] | None = None,
) -> bytes:
    """Return the bytes of any object, functions and classes of `__main__` included."""
    with io.BytesIO() as file:
        FunctionPickler(file, buffer_callback, luggage).dump(obj)
        return file.getvalue()


#: What `list[int]`, `int | None` and `Optional[int]` are: they change with their parts.
_ANNOTATIONS = (GenericAlias, UnionType, type(Optional[int]))  # noqa: UP045


def fingerprint(f: Any) -> tuple[Any, ...] | None:
    """Return what the packed form of a function depends on, or None if unknown.

    Two equal fingerprints of one function object mean equal packed bytes. A
    function that can see anything mutable has none, and is packed at each call:
    it costs some 50 µs, and is never wrong.
    """
    return _fingerprint(f, set(), 8)


def _fingerprint(f: Any, told: set[int], depth: int) -> tuple[Any, ...] | None:
    if type(f) is not FunctionType or not runs_in_namespace(f):
        return (f,) if found_by_name(f) else None
    if id(f) in told:
        return (f,)
    told.add(id(f))
    if depth == 0 or f.__dict__ or f.__kwdefaults__:
        return None
    parts: list[Any] = [f.__code__]
    parts += [f.__name__, f.__qualname__, f.__module__, f.__doc__]
    try:
        values = [cell.cell_contents for cell in f.__closure__ or ()]
    except ValueError:
        return None
    seen = [("", value) for value in (*values, *(f.__defaults__ or ()))]
    seen += f.__annotations__.items()
    for name, value in (*seen, *used_globals(f)):
        part = _fingerprint_value(value, told, depth)
        if part is None:
            return None
        parts.append((name, part))
    return tuple(parts)


def _fingerprint_value(
    value: Any, told: set[int], depth: int
) -> tuple[Any, ...] | None:
    if type(value) in ATOMS:
        # 1 == 1.0 == True, and 0.0 == -0.0: the text tells them apart.
        return type(value), value if type(value) in (str, bytes) else repr(value)
    if isinstance(value, _ANNOTATIONS):
        parts = [_fingerprint_value(part, told, depth) for part in get_args(value)]
        return None if None in parts else (value, *parts)
    if value is type(None):
        return (value,)
    if type(value) is ModuleType:
        return (value,) if sys.modules.get(value.__name__) is value else None
    return _fingerprint(value, told, depth - 1)


def found_by_name(f: Any) -> bool:
    """Tell whether a function or class travels as the name of one of a module."""
    module = getattr(f, "__module__", None)
    if not isinstance(f, _NAMED) or module == "__main__":
        return False
    if cloudpickle.list_registry_pickle_by_value():
        return False
    found: Any = sys.modules.get(module or "")
    for name in f.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is f


def refuse_pickling(what: str) -> NoReturn:
    """Raise the error of an object that stands for something of its own process.

    Raises
    ------
    TypeError
        Always.
    """
    raise TypeError(
        f"a {what} stands for a connection of this process and cannot travel to "
        "another; make one there if you need it"
    )
