"""What would open a prompt in a task says in words what to do instead."""

from __future__ import annotations

import builtins
import os
import sys
import types
from typing import Any

from ..errors import NotAvailable

__all__ = ["INSTEAD", "explain_prompt", "has_prompt", "refuse_breakpoint"]

INSTEAD = (
    "an engine has no terminal: %pxdebug in the session, or ar.debug(), looks at the "
    "variables of a task once it has failed"
)
#: What `input()` raises at the end of what there is to read, which is nothing.
UNANSWERED = "EOF when reading a line"


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


def explain_prompt(error: BaseException) -> None:
    """Say of what `pdb.set_trace()` or `input()` raises in a task why that is."""
    if has_prompt():
        return
    if type(error).__name__ == "BdbQuit" and not error.args:
        error.args = (f"the debugger has ended the task here, for {INSTEAD}",)
    elif isinstance(error, EOFError) and error.args == (UNANSWERED,):
        instead = "Ask in the session, and send the answer along, or push it"
        error.args = (f"{UNANSWERED}: nobody answers input() on an engine. {instead}",)
