"""Imports made here and on engines at once."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Executor", "mirrored_imports"]


class Executor(Protocol):
    """What runs source text on the engines."""

    def execute(self, code: str, *, block: bool | None = None) -> Any:
        """Run it."""


@contextmanager
def mirrored_imports(view: Executor, quiet: bool) -> Iterator[None]:
    """Repeat on the engines what the `with` block imports; raise what they raise."""
    original = builtins.__import__
    pending: list[Any] = []
    seen: set[str] = set()
    caller = sys._getframe(2 + 2)  # past contextlib's and the view's own

    def importing(
        name: str,
        globals: Any = None,  # noqa: A002 - as __import__ calls them
        locals: Any = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        module = original(name, globals, locals, fromlist or (), level)
        from_block = globals is caller.f_globals
        if from_block and level == 0:
            code = _as_code(name, fromlist or ())
            if code not in seen:
                seen.add(code)
                if not quiet:
                    print(_announce(name, fromlist or ()))
                pending.append(view.execute(code, block=False))
        return module

    builtins.__import__ = importing
    try:
        yield
    finally:
        builtins.__import__ = original
    for result in pending:
        result.get()


def _as_code(name: str, fromlist: Sequence[str]) -> str:
    if fromlist:
        return f"from {name} import {', '.join(fromlist)}"
    return f"import {name}"


def _announce(name: str, fromlist: Sequence[str]) -> str:
    if fromlist:
        return f"importing {','.join(fromlist)} from {name} on engine(s)"
    return f"importing {name} on engine(s)"
