"""One piece of what a launcher started, and where it stands."""

from __future__ import annotations

import msgspec

__all__ = ["ENDED", "RUNNING", "SUBMITTED", "Job"]

#: The states of a job, in the order in which it has them.
SUBMITTED, RUNNING, ENDED = "submitted", "running", "ended"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A process here, a host's processes, or a batch system's job.

    Parameters
    ----------
    name
        What its system knows it by: a pid, a host, a job's id.
    n
        The engines that were asked of it.
    state
        `submitted`, `running` or `ended`.
    reason
        Why it waits, or how it ended, in the system's words.
    exit_code
        How its command ended: as `subprocess` has it, negative for a signal; None
        where that is not known, or it has not ended.
    last_lines
        The end of what it wrote, for people.
    unattended
        It runs, and what watched its engines is gone: those that are not registered
        have ended, and nobody replaces them.
    """

    name: str
    n: int = 1
    state: str = SUBMITTED
    reason: str = ""
    exit_code: int | None = None
    last_lines: str = ""
    unattended: bool = False

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than in good order."""
        return self.state == ENDED and self.exit_code != 0
