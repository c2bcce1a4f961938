"""May it be started again? So many deaths in such a window, and then no more.

The rule of OTP's supervisors. A death while a task ran is the task's doing, and
does not count: a bad task must not use up the cluster.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable

__all__ = ["Restarts"]

#: So many deaths in the window, seconds, end the attempts.
MOST_DEATHS = 3
WINDOW = 60.0


class Restarts:
    """Counts deaths, each place for itself."""

    def __init__(self, most: int = MOST_DEATHS, window: float = WINDOW) -> None:
        self._most = most
        self._window = window
        self._deaths: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def may_restart(self, place: Hashable, now: float, *, had_worked: bool) -> bool:
        """Take a death into account and tell whether to start another one there."""
        if had_worked:
            return True
        deaths = self._deaths[place]
        deaths.append(now)
        while deaths[0] <= now - self._window:
            deaths.popleft()
        return len(deaths) < self._most
