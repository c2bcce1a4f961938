"""A session's `__main__` in this very process, for as long as it is entered."""

from __future__ import annotations

import sys
import types
from typing import Any


class Session:
    """A `__main__` that can take the place of this process's own."""

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")

    def run(self, source: str) -> None:
        exec(compile(source, "<session>", "exec", dont_inherit=True), vars(self.module))

    def value(self, name: str) -> Any:
        return vars(self.module)[name]

    def __enter__(self) -> Session:
        self._before = sys.modules["__main__"]
        sys.modules["__main__"] = self.module
        return self

    def __exit__(self, *_: object) -> None:
        sys.modules["__main__"] = self._before
