"""The namespace that users' functions run in: that of this process's `__main__`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["adopt", "gathered", "main_namespace"]

_adopted: dict[str, Any] = {}
#: Where names go that come along with what is unpacked just now, if anywhere.
_gathering: ContextVar[list[tuple[str, Any]] | None]
_gathering = ContextVar("gathering", default=None)


def main_namespace() -> dict[str, Any]:
    """Return the globals of `__main__`: on an engine, the user's namespace."""
    return sys.modules["__main__"].__dict__


@contextmanager
def gathered() -> Iterator[list[tuple[str, Any]]]:
    """Gather the names that come along, rather than adopt them at once."""
    names: list[tuple[str, Any]] = []
    token = _gathering.set(names)
    try:
        yield names
    finally:
        _gathering.reset(token)


def adopt(name: str, value: Any) -> None:
    """Put a name that came along with a function into the namespace.

    What the user has put there stays; what came along earlier is renewed.
    """
    gathering = _gathering.get()
    if gathering is not None:
        gathering.append((name, value))
        return
    namespace = main_namespace()
    if name not in namespace or (
        name in _adopted and namespace[name] is _adopted[name]
    ):
        namespace[name] = _adopted[name] = value
