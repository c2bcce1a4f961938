"""Widgets that show what is printed and displayed while they are entered.

A front end would sort that by the cell it is of, which means nothing on an engine. So
the client is told where it begins and ends, and has it shown in the widget.
"""

from __future__ import annotations

from typing import Any

from . import publishing

__all__ = ["innermost", "mark_outputs"]

#: The models of those that are entered, the innermost last.
_entered: list[str] = []


def innermost() -> str:
    """Return the model of the widget in which things are shown, '' for none."""
    return _entered[-1] if _entered else ""


def mark_outputs(module: Any) -> None:
    """Have widgets for output say when they are entered and left.

    Parameters
    ----------
    module
        That of these widgets.
    """
    kind = module.Output
    enter, leave = kind.__enter__, kind.__exit__

    def enter_and_say(self: Any) -> Any:
        entered = enter(self)
        _entered.append(str(self.model_id))
        _say()
        return entered

    def leave_and_say(self: Any, *error: Any) -> Any:
        try:
            return leave(self, *error)  # it may print the error
        finally:
            _entered.pop()
            _say()

    kind.__enter__, kind.__exit__ = enter_and_say, leave_and_say


def _say() -> None:
    if publishing.current is not None:
        mark = {"data": {}, "metadata": {}, "into": innermost()}
        publishing.current.publish("display", mark)
