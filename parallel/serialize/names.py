"""The names of functions: those that they are found by, and those that they use.

A function of a module that can be imported is known everywhere by its name there. One
of `__main__`, or one marked with `interactive`, is known only in its session, and uses
the names of whatever namespace it is in.
"""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

__all__ = [
    "ATOMS",
    "Cached",
    "found_by_name",
    "global_names",
    "interactive",
    "runs_in_namespace",
    "used_globals",
]

#: Values of these types never change, and know no names.
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis)})

#: Functions with a memory, and what else may be known by name in its module.
Cached: Any = type(lru_cache(len))
_NAMED = (FunctionType, type, type(len), Cached)

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
