"""Which buffers of tasks are recorded, and how many bytes of them wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from ...protocol.wire import frames_nbytes
from ..limits import Limits
from .allowance import Allowance
from .entry import Entry

__all__ = ["Buffers"]

#: So many bytes of buffers that are not written yet have the writer begin at once.
HURRY_NBYTES = 32 << 20
#: So many bytes of results are recorded at once, and so many a second where more keep
#: coming; of arguments, which only a resubmission needs, a quarter of that. To record
#: a byte takes 3 ns: all that passes at 350 MB/s would take a core, and the disk.
MOST_NBYTES, RATE_NBYTES = 128 << 20, 32 << 20
#: So many bytes of buffers wait to be written at most: beside what the controller has
#: in hand anyway, which is twice that, should the disk be slow.
LINE_NBYTES = 64 << 20


class Buffers:
    """The buffers of tasks in line.

    The controller's thread counts what comes, the writer's what has gone: no number
    is written by both.

    Parameters
    ----------
    hurry
        Called by the controller's thread when much waits.
    """

    def __init__(self, limits: Limits, hurry: Callable[[], object]) -> None:
        self._most_of_task = limits.task_nbytes
        self._hurry = hurry
        self._come_nbytes = self._gone_nbytes = 0
        #: What comes between two writings cannot be dropped before it is written.
        self._most_in_line = min(LINE_NBYTES, limits.nbytes)
        most = min(MOST_NBYTES, limits.nbytes)
        self._results = Allowance(most, RATE_NBYTES)
        self._arguments = Allowance(most / 4, RATE_NBYTES / 4)
        #: Those of unfinished tasks, which the controller has in hand anyway.
        self._begun = Allowance(most / 4, RATE_NBYTES / 4)

    # The controller's thread

    def keep_result(self, frames: Sequence[Any], now: float) -> Sequence[Any] | None:
        """Return what is to be recorded of a result's buffers: all, or None."""
        return self._keep(frames, self._results, now)

    def trim(self, entry: Entry, now: float) -> None:
        """Leave of a finished task's buffers only those that are to be recorded."""
        if entry.result_frames:
            entry.result_frames = self._keep(entry.result_frames, self._results, now)
        if entry.frames:
            entry.frames = self._keep(entry.frames, self._arguments, now)

    def _keep(
        self, frames: Sequence[Any], allowance: Allowance, now: float
    ) -> Sequence[Any] | None:
        nbytes = frames_nbytes(frames)
        in_line = self._come_nbytes - self._gone_nbytes + nbytes
        if (
            nbytes > self._most_of_task
            or in_line > self._most_in_line
            or not allowance.take(nbytes, now)
        ):
            return None
        self._come_nbytes += nbytes
        if in_line > HURRY_NBYTES:
            self._hurry()
        return frames

    def drop(self, entry: Entry) -> None:
        """Note that a finished task has left the line unwritten."""
        self._come_nbytes -= _nbytes(entry)

    # The writer's thread

    def release(self, nbytes: int) -> None:
        """Note that so many bytes wait no more."""
        self._gone_nbytes += nbytes

    def release_all(self, entries: Iterable[Entry]) -> None:
        """Note that those of these finished tasks wait no more."""
        for entry in entries:
            if entry.frames or entry.result_frames:
                self._gone_nbytes += _nbytes(entry)

    def thinned(self, entry: Entry, now: float) -> Entry:
        """Return an unfinished task, without its buffers if they are too many."""
        nbytes = frames_nbytes(entry.frames or ())
        if not nbytes or self._begun.take(nbytes, now):
            return entry
        return replace(entry, frames=None)


def _nbytes(entry: Entry) -> int:
    """Return how many bytes of buffers an entry holds."""
    return frames_nbytes(entry.frames or ()) + frames_nbytes(entry.result_frames or ())
