"""Modules that users' code may import, and what an engine does once it has."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeAlias

__all__ = ["Awaiting"]

#: Told of a module that was imported just now.
Heir: TypeAlias = Callable[[Any], object]


class Awaiting(MetaPathFinder):
    """Waits among the finders of modules until some are imported.

    Parameters
    ----------
    heirs
        By the name of a module, what is called with it when it has been run; at once,
        if that was before.
    """

    def __init__(self, heirs: Mapping[str, Heir]) -> None:
        self._heirs = dict(heirs)
        sys.meta_path.insert(0, self)
        for name in [each for each in heirs if each in sys.modules]:
            self._heirs.pop(name)(sys.modules[name])

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find one of these modules, and see to it when it has been run."""
        if fullname not in self._heirs:
            return None
        tell = self._heirs.pop(fullname)
        if not self._heirs:
            sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                tell(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
