"""Names that mean something only where they arrive: `Reference`.

A reference pickles to a call that looks its expression up where a resolver is
installed, as on every engine, and that makes a reference again anywhere else.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Late", "Reference", "Unresolved", "loads", "look_up"]

#: Evaluates an expression in this process's namespace. An engine sets it.
resolver: Callable[[str], Any] | None = None


class Reference:
    """An expression that the engine evaluates in its own namespace.

    It stands for its value as the function of a call, as an argument, and anywhere
    inside arguments::

        view.push({"a": 5})
        view.apply_sync(lambda x: x + 1, Reference("a"))

    Parameters
    ----------
    name
        A name, or any expression, such as `a[0]` or `module.f`.

    Raises
    ------
    TypeError
        It is no string.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a Reference takes an expression as a str, not {name!r}")
        #: The expression.
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return look_up, (self.name,)

    def __repr__(self) -> str:
        return f"<Reference: {self.name!r}>"


class Unresolved(Exception):
    """Carries what an expression raised past those who unpack what holds it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def look_up(name: str) -> Any:
    """Return what an expression means here: without a resolver, a `Reference`."""
    if resolver is None:
        return Reference(name)
    try:
        return resolver(name)
    except (Exception, SystemExit) as error:
        raise Unresolved(error) from error


def loads(payload: Any, buffers: Sequence[Any] = ()) -> Any:
    """Unpickle; what a reference raises comes as it was raised."""
    try:
        return pickle.loads(payload, buffers=buffers)
    except Unresolved as unresolved:
        error = unresolved.error
    raise error


class Late:
    """A function with references in it: they are looked up at each call.

    Engines keep a function that they were told, and the names that it refers to
    change between calls.
    """

    def __init__(self, packed: bytes, name: str) -> None:
        self._packed = packed
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the function, and call it."""
        return loads(self._packed)(*args, **kwargs)
