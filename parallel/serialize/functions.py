"""Functions of a session taken apart, and made again where they arrive.

There each runs with the engine's own namespace as its globals, as IPython's users
know it: what you pushed or executed there is what it sees. Names that it uses and the
engine lacks come along: see `companions`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from types import CodeType, FunctionType
from typing import Any

from .companions import Dumps, Luggage, companions
from .main import adopt, main_namespace
from .typed import keep_lines, lines_of

__all__ = [
    "ABSENT",
    "fill",
    "make_cached",
    "make_cached_property",
    "make_function",
    "state_of",
]

#: The attribute of an unpacked function that tells what did not come along, and why.
ABSENT = "__parallel_absent__"


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


def state_of(f: FunctionType, luggage: Luggage, dumps: Dumps) -> dict[str, Any]:
    """Return all of a function but its code."""
    values, absent = companions(f, luggage, dumps)
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
        "lines": lines_of(f.__code__),
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
    if state["lines"] is not None:
        keep_lines(state["lines"])
    if state["absent"]:
        setattr(f, ABSENT, state["absent"])
