"""The record in memory, and none at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, TypeVar

from ...aliases import Uuid
from ...protocol.messages import Outcome, Submit
from ...protocol.wire import frames_nbytes
from ...state.naming import TaskKey
from ..limits import Limits
from .conditions import Condition, matches
from .entry import Entry
from .record import Record

__all__ = ["MemoryRecord", "NoRecord"]

T = TypeVar("T")

IN_MEMORY = Limits(records=10_000, nbytes=256 << 20)


class MemoryRecord(Record):
    """What is known of all tasks, until the controller ends."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits or IN_MEMORY)
        #: The finished tasks, in the order of their ends.
        self._finished: dict[TaskKey, Entry] = {}
        self._nbytes = 0

    def open(
        self, key: TaskKey, submit: Submit, frames: Sequence[Any], code: bytes,
        now: float,
    ) -> None:  # fmt: skip
        """Take note of a task that was submitted."""
        self._entries[key] = Entry(key, submit, now, code, frames or ())

    def finish(
        self, key: TaskKey, outcome: Outcome, frames: Sequence[Any] | None,
        engine_uuid: Uuid, now: float,
    ) -> None:  # fmt: skip
        """Take note of how a task ended."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        kept = None if frames is None else frames or ()
        entry.finish(outcome, kept, engine_uuid, now)
        if self._watched:
            self._tell_watchers(key, entry)
        if frames and frames_nbytes(frames) > self._limits.task_nbytes:
            entry.result_frames = None
        if entry.frames and frames_nbytes(entry.frames) > self._limits.task_nbytes:
            entry.frames = None
        self._finished[key] = entry
        self._nbytes += _nbytes(entry)
        if (
            len(self._finished) > self._limits.records
            or self._nbytes > self._limits.nbytes
        ):
            self._cull()

    def _cull(self) -> None:
        """Drop the oldest tenth of the finished tasks while there are too many."""
        limits, finished = self._limits, self._finished
        while finished and (
            len(finished) > limits.records or self._nbytes > limits.nbytes
        ):
            self._delete(list(islice(finished, max(1, len(finished) // 10))))

    def printed(
        self, key: TaskKey, stdout: str, stderr: str, *, running: bool = False
    ) -> None:
        """Take note of what a task printed beside its result."""
        entry = self._entries.get(key)
        if entry is None and not running:
            entry = self._finished.get(key)
        if entry is not None:
            entry.stdout += stdout
            entry.stderr += stderr

    def _all(self) -> list[Entry]:
        return [*self._finished.values(), *self._entries.values()]

    def _keys(self) -> list[TaskKey]:
        found = sorted(self._all(), key=lambda entry: (entry.submitted, entry.key[1]))
        return [entry.key for entry in found]

    def _select(
        self, conditions: Sequence[Condition], *, frames: bool
    ) -> Iterator[Entry]:
        return (entry for entry in self._all() if matches(conditions, entry))

    def _get(
        self, keys: Collection[TaskKey], *, frames: bool
    ) -> dict[TaskKey | None, Entry]:
        found = {key: self._entries.get(key) or self._finished.get(key) for key in keys}
        return {key: entry for key, entry in found.items() if entry is not None}

    def _delete(self, keys: Collection[TaskKey] | None) -> None:
        for key in list(self._finished) if keys is None else keys:
            entry = self._finished.pop(key, None)
            if entry is not None:
                self._nbytes -= _nbytes(entry)

    def _mark(self, again: Mapping[TaskKey, str]) -> None:
        for key, entry in self._get(list(again), frames=False).items():
            if key is not None:
                entry.resubmitted = again[key]


class NoRecord(Record):
    """Nothing is recorded: whoever asks is told so."""

    def open(
        self, key: TaskKey, submit: Submit, frames: Sequence[Any], code: bytes,
        now: float,
    ) -> None:  # fmt: skip
        """Do nothing."""

    def finish(
        self, key: TaskKey, outcome: Outcome, frames: Sequence[Any] | None,
        engine_uuid: Uuid, now: float,
    ) -> None:  # fmt: skip
        """Do nothing."""

    def printed(
        self, key: TaskKey, stdout: str, stderr: str, *, running: bool = False
    ) -> None:
        """Do nothing."""

    def _ask(self, do: Callable[[], T]) -> Future[T]:
        raise ValueError(
            "this cluster keeps no record of its tasks (its controller was started "
            "with --nodb): start it with --sqlitedb or --dictdb to ask for them"
        )


def _nbytes(entry: Entry) -> int:
    """Return what an entry has of arguments and results, bytes."""
    result = entry.outcome.payload if entry.outcome is not None else b""
    return (
        len(entry.submit.payload)
        + len(result)
        + frames_nbytes(entry.frames or ())
        + frames_nbytes(entry.result_frames or ())
    )
