"""What would open a prompt in a task says in words what to do instead."""

from __future__ import annotations

import builtins
import os
import sys
import types
from typing import Any

from ..errors import NotAvailable

__all__ = ["INSTEAD", "explain_quit", "has_prompt", "refuse_breakpoint"]

INSTEAD = (
    "an engine has no terminal: %pxdebug in the session, or ar.debug(), looks at the "
    "variables of a task once it has failed"
)


def has_prompt() -> bool:
    """Tell whether somebody answers `input()`: the console of a bound kernel does."""
    return not isinstance(builtins.input, types.BuiltinFunctionType)


def refuse_breakpoint(*args: Any, **kwargs: Any) -> Any:
    """Be `breakpoint()`: fail here, so that one can look at it from the session.

    Raises
    ------
    NotAvailable
        Nobody would answer, nor has the user named a debugger of their own.
    """
    if has_prompt() or os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*args, **kwargs)  # noqa: T100
    raise NotAvailable(f"breakpoint() ends the task here, for {INSTEAD}")


def explain_quit(error: BaseException) -> None:
    """Say of what `pdb.set_trace()` raises in a task why that is."""
    if type(error).__name__ == "BdbQuit" and not error.args and not has_prompt():
        error.args = (f"the debugger has ended the task here, for {INSTEAD}",)
