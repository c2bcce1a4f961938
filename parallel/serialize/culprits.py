"""Which part of an object keeps it from being pickled, for the error's words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from types import FunctionType
from typing import Any

from .names import found_by_name, runs_in_namespace, used_globals
from .switches import pickled

__all__ = ["culprit"]

#: So many levels, and so many parts of each, are looked through.
DEPTH, WIDTH = 8, 100


def culprit(obj: Any) -> str:
    """Return which attribute of what is to blame, or nothing if it is not one."""
    return _culprit(obj, DEPTH)


def _culprit(obj: Any, depth: int) -> str:
    for label, part in islice(_parts(obj), WIDTH) if depth else ():
        if not _travels(part):
            return _culprit(part, depth - 1) or label
    return ""


def _travels(part: Any) -> bool:
    try:
        pickled(part)
    except Exception:
        return False
    return True


def _parts(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object is made of, each with what to call it in a message."""
    if isinstance(obj, type):
        if not found_by_name(obj):
            for name, value in list(vars(obj).items()):
                if name not in ("__dict__", "__weakref__"):
                    yield f"attribute {name!r} of the class {obj.__name__}", value
    elif isinstance(obj, FunctionType):
        yield from _parts_of_function(obj)
    elif isinstance(obj, partial):
        yield from (("", part) for part in (obj.func, obj.args, obj.keywords))
    elif isinstance(obj, dict):
        yield from (("", value) for value in obj.values())
    elif isinstance(obj, (list, tuple, set, frozenset)):
        yield from (("", value) for value in obj)
    elif hasattr(obj, "__dict__") and _has_usual_pickle(type(obj)):
        kind = type(obj)
        yield "", kind
        for name, value in vars(obj).items():
            yield f"attribute {name!r} of a {kind.__name__}", value


def _has_usual_pickle(kind: type) -> bool:
    """Tell whether instances are pickled by their attributes, or else by own rules."""
    own = ("__reduce__", "__reduce_ex__", "__getstate__")
    return not any(name in vars(cls) for cls in kind.__mro__[:-1] for name in own)


def _parts_of_function(f: FunctionType) -> Iterator[tuple[str, Any]]:
    if found_by_name(f):
        return
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # not yet bound
            continue
        yield f"variable {name!r} around {f.__name__}", value
    for value in f.__defaults__ or ():
        yield f"a default of {f.__name__}", value
    if runs_in_namespace(f):
        for name, value in used_globals(f):
            if isinstance(value, (type, FunctionType)):
                yield f"global {name!r} of {f.__name__}", value
