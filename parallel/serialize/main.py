"""The namespace that users' functions run in: that of this process's `__main__`."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["adopt", "main_namespace"]

_adopted: dict[str, Any] = {}


def main_namespace() -> dict[str, Any]:
    """Return the globals of `__main__`: on an engine, the user's namespace."""
    return sys.modules["__main__"].__dict__


def adopt(name: str, value: Any) -> None:
    """Put a name that came along with a function into the namespace.

    What the user has put there stays; what came along earlier is renewed.
    """
    namespace = main_namespace()
    if name not in namespace or (
        name in _adopted and namespace[name] is _adopted[name]
    ):
        namespace[name] = _adopted[name] = value
