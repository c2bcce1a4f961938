"""How a cluster's jobs fare while somebody waits for their engines."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import monotonic

from .launchers.job import ENDED, RUNNING, SUBMITTED, Job
from .launchers.launcher import Launcher
from .launchers.registry import name_of
from .letgo import jobs_of

__all__ = ["CONTROLLER_NAME", "Watch", "tell_job"]

log = logging.getLogger("parallel.cluster")

#: What the controller is called among what is watched.
CONTROLLER_NAME = "the controller"
#: What waits for longer than so many seconds is worth a warning, with the reason.
LONG = 10.0
#: Systems are asked after so many seconds, and then less and less often.
FIRST, MOST, GROWTH = 0.25, 5.0, 1.5


def tell_job(what: str, launcher: Launcher, job: Job) -> str:
    """Say where a piece stands, with the last lines that it wrote.

    Parameters
    ----------
    what
        Whose it is, such as `the controller`.
    """
    how = job.reason
    if job.state == ENDED and not how:
        how = "ended" if job.exit_code is None else f"ended with {job.exit_code}"
    if job.state != ENDED:
        how = f"{job.state} ({how})" if how else job.state
    lines = job.last_lines and f"\n{job.last_lines}"
    return f"{what} ({name_of(launcher)} {job.name}): {how}{lines}"


class Watch:
    """Asks launchers how their jobs fare, at growing intervals.

    Parameters
    ----------
    launchers
        By what they started, in words.
    """

    def __init__(self, launchers: Mapping[str, Launcher]) -> None:
        self._launchers = launchers
        self._interval = FIRST
        self._next = 0.0
        self._begun = monotonic()
        self._told: set[tuple[str, str, bool]] = set()
        #: What waits to be started by its system, in words.
        self.queued: list[str] = []
        #: What runs, and is late, in words.
        self.late: list[str] = []
        #: What ended otherwise than in good order, in words.
        self.failed: list[str] = []
        #: What ended in any order, in words.
        self.ended: list[str] = []
        #: What has ended, in words, since somebody asked last.
        self.news: list[str] = []
        self._ended: set[tuple[str, str]] = set()
        #: Which of the launchers have nothing any more.
        self.over: set[str] = set()

    def follow(self, launchers: Mapping[str, Launcher]) -> None:
        """Watch these launchers from now on."""
        self._launchers = launchers

    def look(self) -> None:
        """Ask all of them, if it is time to."""
        now = monotonic()
        if now < self._next or not self._launchers:
            return
        found = [
            (what, launcher, job)
            for what, launcher in self._launchers.items()
            for job in jobs_of(launcher)
        ]
        waiting = [each for each in found if each[2].state == SUBMITTED]
        self.queued = [tell_job(*each) for each in waiting]
        late = [each for each in found if each[2].state == RUNNING and each[2].reason]
        self.late = [tell_job(*each) for each in late]
        self.failed = [tell_job(*each) for each in found if each[2].failed]
        self.ended = [tell_job(*each) for each in found if each[2].state == ENDED]
        alive = {what for what, _, job in found if job.state != ENDED}
        self.over = {what for what, *_ in found} - alive
        for what, launcher, job in found:
            is_known = not job.n or (what, job.name) in self._ended  # who let all go
            if job.state == ENDED and not is_known:
                self._ended.add((what, job.name))
                self.news.append(tell_job(what, launcher, job))
        self._tell_why([(what, job.reason) for what, _, job in waiting])
        self._interval = min(MOST, self._interval * GROWTH)
        self._next = monotonic() + self._interval

    def _tell_why(self, reasons: list[tuple[str, str]]) -> None:
        """Say why jobs wait, each reason once, and louder once that takes long."""
        is_long = monotonic() - self._begun > LONG
        for (what, reason), words in zip(reasons, self.queued, strict=True):
            key = (what, reason, is_long)
            if key not in self._told:
                self._told.add(key)
                log.log(logging.WARNING if is_long else logging.INFO, "%s", words)

    @property
    def is_over(self) -> bool:
        """Whether all that there was has ended."""
        return bool(self._launchers) and self.over == self._launchers.keys()

    @property
    def until_next(self) -> float | None:
        """In how many seconds it is time to ask again; None if there is nobody to."""
        return max(0.0, self._next - monotonic()) if self._launchers else None
