"""The functions that every system is asked to run on its engines.

They stand in a module that each engine can import, so that every system sends
them in its cheapest way and the figures compare transport and scheduling.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any


def nothing() -> None:
    """Return at once: what is left is the system's own cost."""


def nothing_after(*_: Any) -> None:
    """Return at once, when something else has ended."""


def same(value: Any) -> Any:
    """Return the argument: the tiny call of the ``map`` rows."""
    return value


def turned(data: bytes) -> bytes:
    """Return new bytes of the same length, so that no system can reuse the old."""
    return data[1:] + data[:1]


def increased(array: Any) -> Any:
    """Return a new array of the same size."""
    return array + 1


def nap(duration: float) -> float:
    """Sleep for so many seconds, and return them."""
    time.sleep(duration)
    return duration


def pid() -> int:
    """Return the process that this runs in."""
    return os.getpid()


def pid_after(duration: float) -> int:
    """Return the process that this runs in, busy long enough for others to get work."""
    time.sleep(duration)
    return os.getpid()


def map_chunk(function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Call a function on each element: one chunk of a ``map``."""
    return [function(value) for value in values]
