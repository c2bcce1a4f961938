"""How many tasks an engine should have in hand: enough to hide the way there."""

from __future__ import annotations

from math import ceil

__all__ = ["Depth"]

#: So much work an engine should have before it while an answer travels, seconds.
#: A round trip takes 0.2–0.4 ms on an idle machine, several when all cores are busy.
AHEAD = 2e-3
#: From this duration on, the way (0.3 ms) costs under 2 %: nothing waits in line.
LONG = 20e-3
#: Between this and `LONG`, one task waits behind the one that runs.
SHORT = 1e-3
MOST = 128
#: A task that does nothing takes an engine so long, seconds.
LEAST = 20e-6
#: A message to one engine of many, and its answer, cost so much work in all, seconds.
MESSAGE = 250e-6
#: The weight of a new duration in the running mean.
WEIGHT = 0.2


class Depth:
    """The right number of tasks in hand, learned from how long tasks took."""

    __slots__ = ("limit", "mean")

    def __init__(self) -> None:
        #: The running mean of durations, seconds; None before the first.
        self.mean: float | None = None
        #: So many tasks at most; one until something is known.
        self.limit = 1

    @property
    def row(self) -> int:
        """So many tasks are worth a message, if many engines wait for one."""
        mean = self.mean
        return 1 if mean is None else max(1, int(MESSAGE / (LEAST + mean)))

    def learn(self, duration: float) -> None:
        """Take a task's duration into account."""
        if not duration >= 0.0:  # a clock was set back
            duration = 0.0
        mean = self.mean
        if mean is None:
            mean = duration
        elif duration > LONG > mean:
            mean = duration  # long ones have begun: believe it at once
        else:
            mean += WEIGHT * (duration - mean)
        self.mean = mean
        if mean >= LONG:
            self.limit = 1
        elif mean >= SHORT:
            self.limit = 2
        elif mean > AHEAD / (MOST - 1):
            self.limit = 1 + ceil(AHEAD / mean)
        else:
            self.limit = MOST
