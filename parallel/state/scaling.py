"""How many engines there should be: by what waits and who is idle, and not at once.

More are wanted as soon as tasks have waited for `UP_AFTER` while nobody was idle:
enough to do what waits within `HORIZON`, so that many short tasks do not ask for as
many engines. Fewer are wanted once some have not been needed for `DOWN_AFTER`: as many
fewer as were idle at the busiest moment of that time. A short pause therefore costs
nothing, and what was started for a burst stays while the next one may come.
"""

from __future__ import annotations

from math import ceil

from msgspec import Struct

__all__ = ["DOWN_AFTER", "HORIZON", "UP_AFTER", "Adaptation", "Load"]

#: Seconds that tasks wait, or engines are idle, before that changes anything.
UP_AFTER, DOWN_AFTER = 1.0, 30.0
#: What waits should be done within this, seconds.
HORIZON = 10.0


class Load(Struct, frozen=True):
    """What a cluster has to do, and who is there for it.

    Parameters
    ----------
    queued
        Tasks that no engine has.
    busy, idle
        Engines that have something in hand, and those that could have.
    mean
        Seconds that tasks took of late; None if that is not known.
    """

    queued: int
    busy: int
    idle: int
    mean: float | None = None


class Adaptation:
    """Says how many engines are wanted, from time to time.

    Parameters
    ----------
    minimum, maximum
        The bounds; what is asked for is within them at once.
    up_after, down_after, horizon
        See the module's constants.

    Raises
    ------
    ValueError
        The bounds make no sense.
    """

    def __init__(
        self,
        minimum: int,
        maximum: int,
        *,
        up_after: float = UP_AFTER,
        down_after: float = DOWN_AFTER,
        horizon: float = HORIZON,
    ) -> None:
        if not 0 <= minimum <= maximum or maximum < 1:
            raise ValueError(
                f"adapt(minimum={minimum}, maximum={maximum}): from 0 up, the maximum "
                "at least 1 and no less than the minimum"
            )
        if min(up_after, down_after) < 0 or horizon <= 0:
            raise ValueError("adapt: times are in seconds, from 0 up")
        self.minimum = minimum
        self.maximum = maximum
        self._up_after = up_after
        self._down_after = down_after
        self._horizon = horizon
        #: Since when tasks wait for engines, and since when engines wait for tasks.
        self._lacking_since: float | None = None
        self._spare_since: float | None = None
        #: As many engines at least were not needed in that time.
        self._spare = 0

    def wanted(self, load: Load, asked: int, now: float) -> int:
        """Return how many engines there should be.

        Parameters
        ----------
        asked
            Those that are there, and those that are on their way.
        now
            What time it is, seconds; it never goes back.
        """
        more, fewer = self._more(load, asked, now), self._fewer(load, asked, now)
        found = next((each for each in (more, fewer) if each is not None), asked)
        within = min(max(found, self.minimum), self.maximum)
        if within != asked:
            self._lacking_since = self._spare_since = None
        return within

    def _more(self, load: Load, asked: int, now: float) -> int | None:
        """Return how many are needed for what waits, once it has waited for long."""
        if not load.queued or load.idle:
            self._lacking_since = None
            return None
        if self._lacking_since is None:
            self._lacking_since = now
        if now - self._lacking_since < self._up_after:
            return None
        more = load.queued
        if load.mean is not None:
            more = min(more, max(1, ceil(load.queued * load.mean / self._horizon)))
        return max(asked, load.busy + more)

    def _fewer(self, load: Load, asked: int, now: float) -> int | None:
        """Return how many are enough, once some have not been needed for long."""
        spare = asked - load.busy
        if load.queued or spare <= 0:
            self._spare_since = None
            return None
        if self._spare_since is None:
            self._spare_since, self._spare = now, spare
        self._spare = min(self._spare, spare)
        if now - self._spare_since < self._down_after:
            return None
        return asked - self._spare
