"""The user's names on an engine: the globals of its `__main__`."""

from __future__ import annotations

import builtins
import linecache
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Namespace"]

#: The sources of so many executed texts are kept for tracebacks.
REMEMBERED = 256


class Namespace:
    """A fresh `__main__`, in which users' code runs."""

    def __init__(self) -> None:
        self._module = types.ModuleType("__main__", "The namespace of an engine.")
        self._module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self._module
        self._executed = 0

    @property
    def names(self) -> dict[str, Any]:
        """The names and their values."""
        return self._module.__dict__

    def execute(self, code: str) -> None:
        """Run source text."""
        self._executed += 1
        filename = f"<execute {self._executed}>"
        lines = code.splitlines(keepends=True)
        linecache.cache.pop(f"<execute {self._executed - REMEMBERED}>", None)
        linecache.cache[filename] = (len(code), None, lines, filename)
        # The user's own __future__ imports count, and not those of this file.
        exec(compile(code, filename, "exec", dont_inherit=True), self.names)

    def push(self, values: Mapping[str, Any]) -> None:
        """Bind names; a dotted one is an assignment to an attribute.

        Raises
        ------
        NameError
            There is nothing under a dotted one's first name.
        """
        for name, value in values.items():
            first, *rest = name.split(".")
            if not rest:
                self.names[first] = value
                continue
            found = self.pull(first)
            for part in rest[:-1]:
                found = getattr(found, part)
            setattr(found, rest[-1], value)

    def pull(self, names: str | Iterable[str]) -> Any:
        """Return the value of a name or expression, or a list of such values.

        Raises
        ------
        NameError
            There is no such name.
        """
        if isinstance(names, str):
            return eval(names, self.names)
        return [eval(name, self.names) for name in names]
