"""Why something could not be packed or unpacked, in words for its user."""

from __future__ import annotations

import re
from typing import Any

from .culprits import culprit

__all__ = ["RAISED", "blamed", "lacking", "message_of", "say"]

#: How pickle says that a module has not what it should have.
LACKS = re.compile(r"Can't get attribute .* on <module '(?!__main__')([\w.]+)'")

#: What the code of users' objects may raise where they are made or described: a type
#: may well call `sys.exit` for want of an argument, and end an engine, or a client.
RAISED = (Exception, SystemExit)


def blamed(obj: Any, error: BaseException) -> str:
    """Say what went wrong, and with which part of an object."""
    part = culprit(obj)
    return f"{say(error)} ({part})" if part else say(error)


def say(error: BaseException) -> str:
    """Say what an error is, and its message."""
    return f"{type(error).__name__}: {message_of(error)}"


def message_of(error: BaseException) -> str:
    """Return an error's message, or why it has none."""
    try:
        return str(error)
    except RAISED as own:
        return f"its message cannot be had ({type(own).__name__} in its __str__)"


def lacking(error: BaseException, is_engine: bool = True) -> str:
    """Say what a process lacks to unpack something, and how to bring it there."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        if not is_engine:
            return (
                f"the module {error.name!r} cannot be imported here, though an engine "
                "has it: install it, or add its folder to sys.path"
            )
        return (
            f"the module {error.name!r} cannot be imported on this engine. If it is a "
            f"file of yours, {_pushing(error.name)} sends it to the engines; a library "
            "has to be installed where they run, or found by their PYTHONPATH. What "
            "you define in your session, or mark with @interactive, travels by value"
        )
    lacks_name = LACKS.match(message_of(error))
    if isinstance(error, AttributeError) and lacks_name and is_engine:
        module = lacks_name[1]
        return (
            f"{say(error)}. The {module!r} here is another version than yours: "
            f"{_pushing(module)} sends yours to the engines"
        )
    return say(error)


def _pushing(module: str) -> str:
    return f"rc[:].push_module({module.partition('.')[0]!r})"
