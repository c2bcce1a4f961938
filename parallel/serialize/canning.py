"""Types that travel in a form of the user's own: `can_map` and `uncan_map`.

A type that pickle cannot handle, or not well, gets a function that makes something
of it that can travel, and one that undoes it where it arrives::

    can_map[Connection] = lambda connection: CannedConnection(connection.address)
    uncan_map[CannedConnection] = lambda canned, namespace: canned.connect()

The first is looked up where an object leaves, the second where it arrives: engines
have to be told too. A `CannedObject` brings its own way back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from .main import main_namespace

__all__ = [
    "CannedObject",
    "can",
    "can_map",
    "reduce_canned",
    "uncan",
    "uncan_map",
]

#: A type, or its dotted name, so that its module need not be imported for it.
Kind: TypeAlias = type | str


class CannedObject:
    """An object in the form that travels; subclasses say how, and how back.

    Parameters
    ----------
    obj
        The object; a copy of it is kept.
    keys
        Those of its attributes that are canned too.
    hook
        Called with the object and the namespace where it arrives.
    """

    def __init__(
        self,
        obj: Any,
        keys: Iterable[str] = (),
        hook: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self.keys = list(keys)
        self.hook = hook
        self.obj = copy.copy(obj)
        for key in self.keys:
            setattr(self.obj, key, can(getattr(obj, key)))

    def get_object(self, g: Any = None) -> Any:
        """Return the object again; `g` is the namespace where it arrived."""
        for key in self.keys:
            setattr(self.obj, key, uncan(getattr(self.obj, key), g))
        if self.hook is not None:
            self.hook(self.obj, g)
        return self.obj


#: What makes of an object of some type something that can travel. Numbers, strings
#: and the built-in containers always travel as they are.
can_map: dict[Kind, Callable[[Any], Any]] = {}

#: What undoes it, given what came and the namespace where it arrived.
uncan_map: dict[Kind, Callable[[Any, Any], Any]]
uncan_map = {CannedObject: lambda canned, g: canned.get_object(g)}


def can(obj: Any) -> Any:
    """Return the form in which an object travels: mostly itself; see `can_map`."""
    canner = _entry(can_map, type(obj))
    return obj if canner is None else canner(obj)


def uncan(obj: Any, g: Any = None) -> Any:
    """Undo `can`; `g` is the namespace to do it in, by default that of `__main__`."""
    for cls in type(obj).__mro__:
        uncanner = _entry(uncan_map, cls)
        if uncanner is not None:
            return uncanner(obj, main_namespace() if g is None else g)
    return obj


def _entry(
    known: Mapping[Kind, Callable[..., Any]], cls: type
) -> Callable[..., Any] | None:
    return known.get(cls) or known.get(f"{cls.__module__}.{cls.__qualname__}")


def reduce_canned(obj: Any, done: set[int]) -> Any:
    """Return how to pickle an object of a registered type; else NotImplemented.

    Parameters
    ----------
    done
        The identities of what is canned already: what a `CannedObject` holds is of
        the very type that it is made for.
    """
    if id(obj) in done:
        return NotImplemented
    canned = can(obj)
    if canned is obj:
        return NotImplemented
    done.update((id(obj), id(getattr(canned, "obj", None))))
    return uncan, (canned,)
