"""A shell for tasks that import IPython by themselves, so that they can display.

IPython's `display` prints where no shell is, and `get_ipython` finds none. So when
users' code imports it, it is told of a shell that is made when somebody asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["ShellOffer"]

_MODULE = "IPython.core.interactiveshell"


class ShellOffer(MetaPathFinder):
    """Waits among the finders of modules until IPython's shell is imported.

    Parameters
    ----------
    make
        Makes the shell, unless it is there or about to be.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        sys.meta_path.insert(0, self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find the one module, and see to it when it has been run."""
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                self._extend(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def _extend(self, module: Any) -> None:
        shell, make = module.InteractiveShell, self._make

        def initialized(cls: Any) -> bool:
            del shell.initialized  # from now on as it was
            make()
            return bool(shell.initialized())

        shell.initialized = classmethod(initialized)
