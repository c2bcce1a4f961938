"""What the controller's thread puts in line for the writer's, and how it wakes it."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TypeVar

from ...state.naming import TaskKey
from ..limits import Limits
from .buffers import Buffers
from .early import EarlyEnds
from .entry import Entry

__all__ = ["Line", "taken"]

T = TypeVar("T")


class Line:
    """What is to be written.

    The controller's thread puts, and the writer's takes what is there. Nothing is
    locked: a deque's own operations are whole. What is put for each task is put into
    the deques directly, since a call would cost a tenth of all that is done for it.
    """

    # They are read for each task, which slots make a little faster.
    __slots__ = (
        "_wake", "buffers", "dropped", "early", "finished", "is_idle", "late",
        "opened",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        #: Tasks that were submitted, or are to be started again.
        self.opened: deque[Entry] = deque(maxlen=limits.records)
        self.finished: deque[Entry] = deque()
        #: Those that were dropped unwritten: as unfinished ones they may be there.
        self.dropped: deque[Entry] = deque()
        #: What was printed after the end, to stdout and stderr.
        self.late: deque[tuple[TaskKey, str, str]] = deque()
        self.early = EarlyEnds()
        self.buffers = Buffers(limits, self.hurry)
        #: The writer sleeps until it is roused: whoever puts something has to.
        self.is_idle = True
        self._wake = threading.Event()

    # The controller's thread

    def rouse(self) -> None:
        """Wake the writer if it sleeps."""
        self.is_idle = False
        self._wake.set()

    def hurry(self) -> None:
        """Have the writer wait no longer for more."""
        self._wake.set()

    # The writer's thread

    @property
    def has_tasks(self) -> bool:
        """Tell whether tasks are in line that were opened or have finished."""
        return bool(self.opened or self.finished)

    def attend(self) -> None:
        """Take note of what wakes from now on."""
        self._wake.clear()

    def wait(self, timeout: float | None) -> None:
        """Return once woken, or after so many seconds."""
        self._wake.wait(timeout)


def taken(line: deque[T]) -> list[T]:
    """Take out what is in line now; another thread may take from it, too."""
    found: list[T] = []
    with suppress(IndexError):
        found.extend(line.popleft() for _ in range(len(line)))
    return found
