"""How tasks ended, told before the file was read that knows of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ...aliases import Uuid
from ...protocol.messages import Outcome
from ...protocol.wire import frames_nbytes
from ...state.naming import TaskKey
from .entry import Entry

__all__ = ["EarlyEnds"]

_End: TypeAlias = tuple[TaskKey, Outcome, Sequence[Any] | None, Uuid, float]


class EarlyEnds:
    """Ends that engines and clients have told of an earlier controller's tasks.

    They are back sooner than a large file is open. One thread adds, another takes.
    """

    def __init__(self) -> None:
        self._ends: deque[_End] = deque()

    def add(
        self, key: TaskKey, outcome: Outcome, frames: Sequence[Any] | None,
        engine_uuid: Uuid, now: float,
    ) -> None:  # fmt: skip
        """Keep how a task ended; `frames` are None if they are not to be recorded."""
        self._ends.append((key, outcome, frames, engine_uuid, now))

    def take(self, entries: Mapping[TaskKey, Entry]) -> tuple[list[Entry], int]:
        """End those of these tasks that have not ended; return them.

        With them come the bytes of buffers that nobody holds any more: of the results
        of other tasks, less those of arguments that were in hand without being counted.
        """
        ended: list[Entry] = []
        nbytes = 0
        while self._ends:
            key, outcome, frames, engine_uuid, now = self._ends.popleft()
            entry = entries.get(key)
            if entry is None or entry.outcome is not None:
                nbytes += frames_nbytes(frames or ())
                continue
            nbytes -= frames_nbytes(entry.frames or ())
            kept = None if frames is None else frames or ()
            entry.finish(outcome, kept, engine_uuid, now)
            ended.append(entry)
        return ended, nbytes
