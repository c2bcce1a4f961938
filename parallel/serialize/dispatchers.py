"""`functools.singledispatch` functions, and methods, made portable.

Each keeps weak references to types that it has met, which no pickler can handle:
what travels is the functions that were registered with it.
"""

from __future__ import annotations

import types
from functools import WRAPPER_ASSIGNMENTS, singledispatch, singledispatchmethod
from typing import Any

__all__ = ["is_dispatcher", "reduce_dispatcher", "reduce_dispatching_method"]


def _nothing(*_: Any) -> None:
    """Stand in for the functions that are still to come."""


_CODE = getattr(singledispatch(_nothing), "__code__", None)


def is_dispatcher(f: types.FunctionType) -> bool:
    """Tell whether `functools.singledispatch` made a function."""
    return f.__code__ is _CODE


def reduce_dispatcher(f: Any) -> tuple[Any, ...]:
    """Return how to pickle such a function."""
    own = vars(singledispatch(_nothing)).keys() - {"__wrapped__"}
    attributes = {name: value for name, value in vars(f).items() if name not in own}
    names = {name: getattr(f, name) for name in WRAPPER_ASSIGNMENTS if hasattr(f, name)}
    return (
        singledispatch,
        (_nothing,),
        (dict(f.registry), attributes, names),
        None,
        None,
        _fill,
    )


def _fill(
    f: Any, state: tuple[dict[type, Any], dict[str, Any], dict[str, Any]]
) -> None:
    """Give the function the rest of itself, which may refer to it."""
    registry, attributes, names = state
    for cls, implementation in registry.items():
        f.register(cls, implementation)
    f.__dict__.update(attributes)
    for name, value in names.items():
        setattr(f, name, value)


def reduce_dispatching_method(method: singledispatchmethod[Any]) -> tuple[Any, ...]:
    """Return how to pickle what `functools.singledispatchmethod` made.

    Since Python 3.13 it has a cache of weak references to the objects it has met.
    """
    cache = vars(singledispatchmethod(_nothing)).keys() - {"dispatcher", "func"}
    state = {name: value for name, value in vars(method).items() if name not in cache}
    return singledispatchmethod, (_nothing,), state, None, None, _fill_method


def _fill_method(method: singledispatchmethod[Any], state: dict[str, Any]) -> None:
    vars(method).update(state)
