"""The time of day as the scheduler's clock has it."""

from __future__ import annotations

from time import time

__all__ = ["as_machine_time"]


def as_machine_time(until: float, now: float) -> float:
    """Return a moment of the day, seconds since 1970, by a clock that now says `now`.

    Nothing, 0, remains so.
    """
    return max(1e-9, now + until - time()) if until else 0.0
