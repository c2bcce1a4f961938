"""The steps that IPython shows of an error: up to where the user's code calls ours."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from ..errors import ParallelError

__all__ = ["shorten_in"]

PACKAGE = __name__.partition(".")[0]


def shorten_in(shell: Any) -> None:
    """Have errors of ours shown without the steps in this package, from now on.

    `%xmode Verbose` shows all, and `%debug` has them.

    Parameters
    ----------
    shell
        The session's `InteractiveShell`.
    """

    def render(error: BaseException) -> list[str]:
        formatter, steps = shell.InteractiveTB, error.__traceback__
        if formatter.mode != "Verbose":
            steps = _up_to_call(steps)
        found: list[str] = formatter.structured_traceback(type(error), error, steps)
        return found

    # What IPython asks an error for.
    ParallelError._render_traceback_ = render  # type: ignore[attr-defined]


def _up_to_call(first: TracebackType | None) -> TracebackType | None:
    """Return a traceback that ends where ours was called, if the error is from there.

    One that the user's code raises, in what ours calls, is shown whole.
    """
    steps: list[TracebackType] = []
    calls = 0  # so many steps lead to the last call
    step = first
    while step is not None:
        if steps and _module_of(step) == PACKAGE != _module_of(steps[-1]):
            calls = len(steps)
        steps.append(step)
        step = step.tb_next
    inside = {_module_of(each) for each in steps[calls:]}
    if not calls or inside - sys.stdlib_module_names - {PACKAGE}:
        return first
    shown: TracebackType | None = None
    for each in reversed(steps[:calls]):
        shown = TracebackType(shown, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return shown


def _module_of(step: TracebackType) -> str:
    """Return the name of the module, or of the package it is in, that a step is of."""
    return str(step.tb_frame.f_globals.get("__name__")).partition(".")[0]
