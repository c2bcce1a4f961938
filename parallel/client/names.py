"""What values of engines are called where they are shown: `Out[0:1]:`."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["name_of", "named_value", "plain_name"]


def plain_name(number: str) -> str:
    """Return what the value of that number is called, as IPython calls its own."""
    return f"Out[{number}]:"


#: The same, in colours if the session has any: the magics see to that.
paint: Callable[[str], str] = plain_name


def name_of(engine: object, count: object) -> str:
    """Return what an engine's value is called here; `count` numbers its cells."""
    return paint(f"{engine}:{count}")


def named_value(engine: object, count: object, text: str) -> str:
    """Return a value's text with its name before it."""
    separator = "\n" if "\n" in text else ""
    return f"{name_of(engine, count)} {separator}{text}"
