"""What keeps objects in their process that stand for something of it."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["refuse_pickling"]


def refuse_pickling(what: str) -> NoReturn:
    """Raise the error of an object that stands for something of its own process.

    Raises
    ------
    TypeError
        Always.
    """
    raise TypeError(
        f"a {what} stands for a connection of this process and cannot travel to "
        "another; make one there if you need it"
    )
