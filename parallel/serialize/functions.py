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
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, NoReturn

import cloudpickle

from .main import adopt, main_namespace

__all__ = [
    "ABSENT",
    "ATOMS",
    "FunctionPickler",
    "dumps",
    "fingerprint",
    "interactive",
    "refuse_pickling",
]

#: A companion value larger than this stays at home: pushing it is the user's
#: decision. An engine that misses it says so.
COMPANION_NBYTES = 1 << 20

#: Values of these types never change, and know no names.
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})

#: The attribute of an unpacked function that tells what did not come along, and why.
ABSENT = "__parallel_absent__"
_INTERACTIVE = "__parallel_interactive__"
_LOADS_GLOBAL = frozenset(
    op for op in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL") if op in dis.opmap
)


def interactive(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a module's function to run in the engine's namespace, as `__main__`'s do."""
    setattr(f, _INTERACTIVE, True)
    return f


def runs_in_namespace(f: FunctionType) -> bool:
    """Tell whether a function's globals are the engine's namespace."""
    return f.__module__ == "__main__" or hasattr(f, _INTERACTIVE)


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
        if name in f.__globals__ and not hasattr(builtins, name):
            yield name, f.__globals__[name]


class FunctionPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A cloudpickle pickler that sends the functions of `__main__` our way."""

    def reducer_override(self, obj: Any) -> Any:
        """Reduce functions of the session; leave the rest to cloudpickle."""
        if type(obj) is FunctionType and runs_in_namespace(obj):
            cells = len(obj.__closure__ or ())
            return make_function, (obj.__code__, cells), state_of(obj), None, None, fill
        return super().reducer_override(obj)


def make_function(code: CodeType, cells: int) -> FunctionType:
    """Return a function of this process's `__main__`, its closure still empty."""
    from types import CellType

    closure = tuple(CellType() for _ in range(cells))
    return FunctionType(code, main_namespace(), None, None, closure)


def state_of(f: FunctionType) -> dict[str, Any]:
    """Return all of a function but its code."""
    values, absent = companions(f)
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


def companions(f: FunctionType) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what comes along with a function, and what cannot, with the reason."""
    values: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for name, value in used_globals(f):
        small = type(value) in ATOMS and sys.getsizeof(value) <= COMPANION_NBYTES
        if small or isinstance(value, (FunctionType, type, ModuleType)):
            values[name] = value
            continue
        try:
            packed = dumps(value)
        except Exception as error:
            absent[name] = f"it cannot be pickled ({type(error).__name__}: {error})"
            continue
        if len(packed) > COMPANION_NBYTES:
            absent[name] = f"its {len(packed):,} bytes travel only if you push them"
        else:
            values[name] = Companion(packed)
    return values, absent


def dumps(obj: Any) -> bytes:
    """Return the bytes of any object, functions and classes of `__main__` included."""
    import io

    with io.BytesIO() as file:
        FunctionPickler(file, protocol=5).dump(obj)
        return file.getvalue()


def fingerprint(f: Any, depth: int = 8) -> tuple[Any, ...] | None:
    """Return what the packed form of a function depends on, or None if unknown.

    Two equal fingerprints of one function object mean equal packed bytes. A
    function that can see anything mutable has none, and is packed at each call:
    it costs some 50 µs, and is never wrong.
    """
    if type(f) is not FunctionType:
        named = isinstance(f, (type, type(len))) and f.__module__ != "__main__"
        return (f,) if named else None
    if not runs_in_namespace(f):
        return (f,) if _found_by_name(f) else None
    if depth == 0 or f.__dict__ or f.__kwdefaults__ or f.__annotations__:
        return None
    parts: list[Any] = [f.__code__, f.__name__]
    try:
        values = [cell.cell_contents for cell in f.__closure__ or ()]
    except ValueError:
        return None
    seen = [("", value) for value in (*values, *(f.__defaults__ or ()))]
    for name, value in (*seen, *used_globals(f)):
        part = () if value is f else _fingerprint_value(value, depth)
        if part is None:
            return None
        parts.append((name, part))
    return tuple(parts)


def _fingerprint_value(value: Any, depth: int) -> tuple[Any, ...] | None:
    if type(value) in ATOMS:
        # 1 == 1.0 == True, and 0.0 == -0.0: the text tells them apart.
        return type(value), value if type(value) in (str, bytes) else repr(value)
    if type(value) is ModuleType:
        return (value,)
    return fingerprint(value, depth - 1)


def _found_by_name(f: FunctionType) -> bool:
    found: Any = sys.modules.get(f.__module__ or "")
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
