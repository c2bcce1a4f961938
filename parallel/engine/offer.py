"""A shell for tasks that import IPython by themselves, so that they can display.

IPython's `display` prints where no shell is, and `get_ipython` finds none. So when
users' code imports it, it is told of a shell that is made when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["SHELL_MODULE", "offer_shell"]

#: The module of IPython's shells.
SHELL_MODULE = "IPython.core.interactiveshell"


def offer_shell(module: Any, make: Callable[[], object]) -> None:
    """Have a shell made when somebody asks IPython for one.

    Parameters
    ----------
    module
        That of the shells.
    make
        Makes the shell, unless it is there or about to be.
    """
    shell = module.InteractiveShell

    def initialized(cls: Any) -> bool:
        del shell.initialized  # from now on as it was
        make()
        return bool(shell.initialized())

    shell.initialized = classmethod(initialized)
