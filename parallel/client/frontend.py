"""What shows this session to its user: a notebook, a terminal, or a console of Jupyter.

Such a console is a terminal, too, in which another process shows what its kernel says.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

__all__ = [
    "comm_of",
    "in_notebook",
    "in_qt_console",
    "in_terminal",
    "ipython",
    "terminal_size",
]


def ipython() -> Any:
    """Return the running IPython, if this is one."""
    # Another thread may be about to import it.
    found = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return found() if found is not None else None


def in_notebook() -> bool:
    """Tell whether a notebook shows this: what is displayed changes there.

    It does so by its updates, and as a widget. Consoles may have a kernel, too.
    """
    is_console = _is_of_console(os.getppid()) or in_qt_console()
    return _is_kernel() and not is_console


def in_qt_console() -> bool:
    """Tell whether a Qt console shows this, as in Spyder.

    No display changes there, but lines of text do.
    """
    if not _is_kernel():
        return False
    is_spyders = type(ipython().kernel).__module__.startswith("spyder")
    return is_spyders or b"qtconsole" in _command_of(os.getppid())


def comm_of(model: str) -> Any:
    """Return the comm by which the front end has the model of a widget, or None."""
    manager = getattr(sys.modules.get("comm"), "get_comm_manager", None)
    return manager().comms.get(model) if manager is not None else None


def in_terminal() -> bool:
    """Tell whether a terminal shows this, whose lines can be drawn anew."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return False
    if sys.stdout.isatty() and sys.stderr.isatty():
        return True
    return _size_of_console() is not None


def terminal_size() -> os.terminal_size:
    """Return how many columns and lines the terminal has."""
    return _size_of_console() or shutil.get_terminal_size()


def _is_kernel() -> bool:
    return getattr(ipython(), "kernel", None) is not None


def _size_of_console() -> os.terminal_size | None:
    """Return the size of the terminal of the console that started this kernel."""
    parent = os.getppid()
    if not _is_kernel() or not _is_of_console(parent):
        return None
    with contextlib.suppress(OSError):
        terminal = os.open(f"/proc/{parent}/fd/1", os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.get_terminal_size(terminal)
        finally:
            os.close(terminal)
    return None


def _is_of_console(parent: int) -> bool:
    """Tell whether a process is such a console, as far as it is known."""
    return re.search(rb"jupyter[-_]console", _command_of(parent)) is not None


@functools.cache
def _command_of(pid: int) -> bytes:
    """Return how a process was started; nothing if that cannot be known."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
