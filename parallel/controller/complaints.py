"""Complaints about what came, in the log: some of each kind, and how many more."""

from __future__ import annotations

import logging

__all__ = ["Complaints"]

#: So many of a kind are written within so long, seconds: a log is no place for what a
#: stranger can send a thousand times a second.
MOST, EVERY = 10, 60.0


class Complaints:
    """What is wrong with what peers send."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        #: Since when each kind is counted, and how many there were.
        self._counts: dict[str, tuple[float, int]] = {}

    def tell(
        self, now: float, text: str, *args: object, error: Exception | None = None
    ) -> None:
        """Log a warning; its `text` is its kind.

        Parameters
        ----------
        error
            Whose traceback is logged too.
        """
        since, count = self._counts.get(text, (now, 0))
        if now - since > EVERY:
            if count > MOST:
                self._log.warning("%d more times: %s", count - MOST, text)
            since, count = now, 0
        self._counts[text] = since, count + 1
        if count < MOST:
            self._log.warning(text, *args, exc_info=error)
