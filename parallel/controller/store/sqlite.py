"""The record on disk: written behind the controller's back, by a thread of its own."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Container,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ...aliases import Uuid
from ...protocol.messages import Outcome, Submit
from ...state.naming import TaskKey
from ...state.past import Past
from ..limits import Limits
from .conditions import Condition
from .entry import Entry, lost
from .inheritance import Inheritance
from .ledger import Ledger
from .line import Line
from .medium import Medium
from .record import Record
from .writer import Writer

__all__ = ["SqliteRecord"]

T = TypeVar("T")


class SqliteRecord(Record):
    """What is known of all tasks, on disk.

    The controller's thread puts entries in line; a writer's thread writes them into
    the ledger, and answers all questions from there once it has written what came
    before. If the disk fails, work goes on, users are told, and what comes then is
    kept in memory, until the file can be used again.

    Parameters
    ----------
    path
        The file; None for a temporary one that ends with this process.
    inherits
        What an earlier controller left unfinished may go on, until `lose_inherited`;
        otherwise it is lost.
    """

    def __init__(
        self, path: Path | None, limits: Limits | None = None, *, inherits: bool = False
    ) -> None:
        super().__init__(limits)
        self._inherits = inherits
        self._most = self._limits.records
        self._line = Line(self._limits)
        self._inheritance = Inheritance(self._entries)
        name = "" if path is None else str(path)
        self._medium = Medium(name, self._limits, self._take_over, inherits=inherits)
        self._ledger = Ledger(
            self._entries, self._line, self._inheritance, self._medium,
            self._tell_watchers,
        )  # fmt: skip
        self._writer = Writer(self._line, self._ledger)

    def start(self, tell: Callable[[str], None]) -> None:
        """Begin to write; `tell` is called by the writer's thread."""
        self._medium.tell = tell
        self._writer.start()

    def close(self) -> None:
        """Write what is in line, and let go of the file."""
        self._writer.close()

    # What the dispatcher tells

    def open(
        self, key: TaskKey, submit: Submit, frames: Sequence[Any], code: bytes,
        now: float,
    ) -> None:  # fmt: skip
        """Take note of a task that was submitted."""
        # Empty lists are not kept: the garbage collector would look at each.
        entry = Entry(key, submit, now, code, frames or ())
        self._entries[key] = entry
        line = self._line
        line.opened.append(entry)
        if line.is_idle:
            line.rouse()

    def finish(
        self, key: TaskKey, outcome: Outcome, frames: Sequence[Any] | None,
        engine_uuid: Uuid, now: float,
    ) -> None:  # fmt: skip
        """Take note of how a task ended."""
        line = self._line
        entry = self._entries.get(key)
        if entry is None:
            if self._inherits:  # the file may know it, and has not been read yet
                if frames:
                    frames = line.buffers.keep_result(frames, now)
                line.early.add(key, outcome, frames, engine_uuid, now)
                line.rouse()
            return
        kept = None if frames is None else frames or ()
        entry.finish(outcome, kept, engine_uuid, now)
        if self._watched:
            self._tell_watchers(key, entry)
        if kept or entry.frames:
            line.buffers.trim(entry, now)
        finished = line.finished
        finished.append(entry)
        if len(finished) > self._most:
            self._forget_oldest()
        if line.is_idle:
            line.rouse()

    def _forget_oldest(self) -> None:
        with suppress(IndexError):  # the writer took it
            entry = self._line.finished.popleft()
            self._line.dropped.append(entry)
            self._entries.pop(entry.key, None)
            self._line.buffers.drop(entry)

    def started(self, key: TaskKey, past: Past) -> None:
        """Take note that a task is to be started again, and of its earlier starts."""
        super().started(key, past)
        if (entry := self.unfinished(key)) is not None:
            self._line.opened.append(entry)
            if self._line.is_idle:
                self._line.rouse()

    def printed(
        self, key: TaskKey, stdout: str, stderr: str, *, running: bool = False
    ) -> None:
        """Take note of what a task printed beside its result."""
        entry = self._entries.get(key)
        if entry is not None and entry.outcome is None:
            entry.stdout += stdout
            entry.stderr += stderr
        elif not running:
            self._line.late.append((key, stdout, stderr))
            self._line.rouse()

    @property
    def is_on_disk(self) -> bool:
        """Tell whether what is written outlives this process."""
        return self._medium.is_on_disk

    def written(self) -> Future[None]:
        """Return what tells when all is written that came so far: no sooner for it."""
        return self._writer.written()

    def inherited(self) -> list[Entry]:
        """Return what an earlier controller left unfinished, if nobody asked for it."""
        return self._inheritance.unclaimed()

    def lose_inherited(self, now: float, but: Container[TaskKey] = ()) -> None:
        """End what an earlier controller left unfinished, and nobody asks for."""
        for entry in self._inheritance.give_up(but):
            if self._entries.get(entry.key) is not entry:  # asked for in a crowd
                self._line.dropped.append(entry)
            elif entry.outcome is None:
                self.finish(entry.key, lost(entry.key.seq), (), b"", now)

    # In the writer's thread: what the file had, and questions

    def _take_over(self, left: Sequence[Entry], is_new: bool) -> None:
        self.is_begun_anew = self._inherits and is_new
        self._inheritance.bring(left)

    def _ask(self, do: Callable[[], T]) -> Future[T]:
        return self._writer.ask(do)

    def _keys(self) -> list[TaskKey]:
        return self._ledger.keys()

    def _select(
        self, conditions: Sequence[Condition], *, frames: bool
    ) -> Iterator[Entry]:
        return self._ledger.select(conditions, frames=frames)

    def _get(
        self, keys: Collection[TaskKey], *, frames: bool
    ) -> dict[TaskKey | None, Entry]:
        return self._ledger.get(keys, frames=frames)

    def _delete(self, keys: Collection[TaskKey] | None) -> None:
        self._ledger.delete(keys)

    def _mark(self, again: Mapping[TaskKey, str]) -> None:
        self._ledger.change(
            {key: partial(_mark_one, msg_id=again[key]) for key in again}
        )


def _mark_one(entry: Entry, msg_id: str) -> None:
    entry.resubmitted = msg_id
