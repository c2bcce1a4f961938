"""A record that is behind: what it has not written dies with the controller."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Container, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from msgspec.structs import replace

from parallel.aliases import Uuid
from parallel.controller.store.early import EarlyEnds
from parallel.controller.store.entry import Entry, lost
from parallel.controller.store.record import Record, settle
from parallel.protocol.messages import Outcome, Status, Submit
from parallel.state.naming import TaskKey
from parallel.state.past import later

__all__ = ["LaggingRecord"]

T = TypeVar("T")


class LaggingRecord(Record):
    """What controllers write, one after the other; each has to read the file first."""

    def __init__(self) -> None:
        super().__init__()
        #: What is in the file.
        self.disk: dict[TaskKey, Entry] = {}
        self._inherited: dict[TaskKey, Entry] = {}
        self._fresh: set[TaskKey] = set()
        self._early = EarlyEnds()
        #: Tasks with too large arguments to be written.
        self.bulky: set[TaskKey] = set()
        #: What it has been asked, and has not answered.
        self.questions: deque[Callable[[], None]] = deque()
        self.is_read = True

    def lose(self) -> None:
        """Lose what is not written: the controller was killed."""
        self._entries, self._inherited, self._fresh = {}, {}, set()
        self._early = EarlyEnds()
        self.questions.clear()
        self.is_read = False

    def read(self) -> None:
        """Take over what an earlier controller left unfinished."""
        if self.is_read:
            return
        self.is_read = True
        for key, entry in self.disk.items():
            if entry.outcome is None:
                self._inherited[key] = replace(entry)
                self._entries.setdefault(key, self._inherited[key])
        self._early.take(self._entries)

    def write(self) -> None:
        """Catch up."""
        self.read()
        for key in self._fresh:
            known = self._inherited.pop(key, None)
            if known is not None:
                self._entries[key].past = later(known.past, self._entries[key].past)
        self._fresh = set()
        for key, entry in list(self._entries.items()):
            self.disk[key] = written = replace(entry)
            if key in self.bulky:
                written.frames = None
            if entry.outcome is not None:
                del self._entries[key]

    def answer(self) -> None:
        """Answer the next question."""
        self.read()
        self.questions.popleft()()

    @property
    def over(self) -> dict[TaskKey, Status]:
        """How tasks ended, as it is written."""
        ended = (entry for entry in self.disk.values() if entry.outcome is not None)
        return {entry.key: _status(entry) for entry in ended}

    @property
    def ends(self) -> dict[TaskKey, Status]:
        """How tasks ended, as it answers: also what is not written."""
        known = (self.disk if self.is_read else {}) | self._entries
        ended = (entry for entry in known.values() if entry.outcome is not None)
        return {entry.key: _status(entry) for entry in ended}

    # What controllers tell, and ask

    def open(
        self, key: TaskKey, submit: Submit, frames: Sequence[Any], code: bytes,
        now: float,
    ) -> None:  # fmt: skip
        self._entries[key] = Entry(key, submit, now, code, frames or ())
        self._fresh.add(key)

    def finish(
        self, key: TaskKey, outcome: Outcome, frames: Sequence[Any] | None,
        engine_uuid: Uuid, now: float,
    ) -> None:  # fmt: skip
        entry = self._entries.get(key)
        if entry is not None:
            entry.finish(outcome, frames, engine_uuid, now)
        elif not self.is_read:
            self._early.add(key, outcome, frames, engine_uuid, now)

    def inherited(self) -> list[Entry]:
        return [
            entry
            for key, entry in self._inherited.items()
            if entry.outcome is None and self._entries.get(key) is entry
        ]

    def lose_inherited(self, now: float, but: Container[TaskKey] = ()) -> None:
        inherited, self._inherited = self._inherited, {}
        for key, entry in inherited.items():
            is_done = key in but or entry.outcome is not None
            if not is_done and self._entries.get(key) is entry:
                self.finish(key, lost(key.seq), (), b"", now)

    def _ask(self, do: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self.questions.append(lambda: settle(future, do))
        return future

    def _get(
        self, keys: Collection[TaskKey], *, frames: bool
    ) -> dict[TaskKey | None, Entry]:
        known = self.disk | self._entries
        return {key: known[key] for key in keys if key in known}


def _status(entry: Entry) -> Status:
    assert entry.outcome is not None
    return entry.outcome.status
