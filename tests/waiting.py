"""Waiting for a condition, with a deadline: what tests do instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds between two looks at a condition.
INTERVAL = 0.01


def wait_until(condition: Callable[[], T], timeout: float = 30, what: str = "") -> T:
    """Return what the condition returns, once that is true.

    Parameters
    ----------
    condition
        Called again and again; it may be called more than once after it is true.
    timeout
        Seconds after which to give up.
    what
        What is waited for, in words, for the message.

    Raises
    ------
    AssertionError
        If the deadline passes; names what was waited for and what came instead.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            what = what or getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"no {what} within {timeout} s, only {result!r}")
        time.sleep(INTERVAL)
