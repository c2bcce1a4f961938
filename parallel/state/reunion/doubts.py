"""Why a task that nobody holds may have started before the controller was killed."""

from __future__ import annotations

from collections.abc import Iterable

from ..naming import TaskKey

__all__ = ["Doubts"]

MAY_HAVE_RUN = (
    "the controller was killed, and an engine died before it had told what it had. The "
    "task may have been started there, and must not be started twice (engine_retries=0)"
)
MAY_HAVE_ENDED = (
    "the controller was killed, and the record of tasks was lost. The task may have "
    "been started, and must not be started twice (engine_retries=0)"
)
HAS_RUN = (
    "the task had been started, and must not be started twice (engine_retries=0), when "
    "its engine died as the controller was killed"
)
FORGOTTEN = (
    "the controller was killed, and this client was away for minutes then. The task "
    "had been started, and must not be started twice: how it ended was not recorded, "
    "and is known no more"
)


class Doubts:
    """What is known of starts on dead engines, and whether some are not known.

    Parameters
    ----------
    is_doubtful
        An engine is gone of which nobody knows what it had started.
    """

    def __init__(self, *, is_doubtful: bool) -> None:
        #: What dead engines had started that must not be started twice, and how they
        #: died; and why any other may have been started, in words, for nobody knows.
        self._started: dict[TaskKey, str] = {}
        self._why_not = MAY_HAVE_RUN if is_doubtful else ""
        #: Those that were started, and of which nobody knows any more how they ended.
        self.forgotten: set[TaskKey] = set()

    def started(self, keys: Iterable[TaskKey], reason: str) -> None:
        """Take note of what an engine had started that must not be started twice.

        Parameters
        ----------
        reason
            How it died.
        """
        self._started.update(dict.fromkeys(keys, reason))

    def lost_engine(self) -> None:
        """Take note that nobody knows what an engine had started."""
        self._why_not = MAY_HAVE_RUN

    def lost_record(self) -> None:
        """Take note that how some tasks ended was known to the record alone."""
        self._why_not = self._why_not or MAY_HAVE_ENDED

    def why_not(self, key: TaskKey) -> str:
        """Say why a task must not go on that may be started once; '' if it may."""
        if key in self._started:
            return f"{HAS_RUN}: it {self._started[key]}"
        return self.why_forgotten(key) or self._why_not

    def why_forgotten(self, key: TaskKey) -> str:
        """Say that it is known no more how a task ended; '' if that is not so."""
        return FORGOTTEN if key in self.forgotten else ""
