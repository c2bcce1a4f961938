"""What the packed form of a function depends on, so that it is packed but once."""

from __future__ import annotations

import sys
from types import FunctionType, GenericAlias, ModuleType, UnionType
from typing import Any, Optional, get_args

from .names import ATOMS, found_by_name, runs_in_namespace, used_globals

__all__ = ["fingerprint"]

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
