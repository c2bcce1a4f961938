"""Recorded tasks that clients, which do not come back, have left to be done."""

from __future__ import annotations

from collections.abc import Container
from time import time

from ...protocol.terms import USUAL, Terms
from ...state.dependencies import named_in
from ...state.events import TaskReturned, TasksEnded, TaskSubmitted
from ...state.history import FAILED
from ...state.naming import TaskKey
from ...state.past import FIRST, Past, later
from ...state.reunion.reunion import Reunion
from ...state.reunion.starts import Told
from ..host import Host
from ..store.entry import Entry
from ..work import Work
from .endings import Endings

__all__ = ["Leftovers"]

TOO_LARGE = (
    "it was not tried again: the controller was killed, the client that has its "
    "arguments was not there, and they were too large to be recorded"
)


class Leftovers:
    """Begins them anew, by what is recorded of them, or gives them up."""

    def __init__(self, host: Host, reunion: Reunion, endings: Endings) -> None:
        self._host = host
        self._reunion = reunion
        self._endings = endings
        self._has_taken_up = False
        #: Those that have been started, as an engine told, and are to be started again.
        self._again: dict[TaskKey, Past] = {}

    def take_up(self, now: float) -> None:
        """Submit what clients that are not there have left to be done, once.

        The record is asked first for how those ended that it depends on.
        """
        if self._has_taken_up:
            return
        self._has_taken_up = True
        left = self._left()
        named = {key for each in left.values() for key in named_in(_terms_of(each))}
        asked = {key for key in named if not self._host.machine.knows(key)}
        if asked := asked - left.keys():
            self._endings.learn(asked, self._begin)
        elif left:
            self._begin(now)

    def resumes(self, key: TaskKey, told: Told) -> bool:
        """Tell whether a task is taken up that has ended so: it is to be tried again.

        Its client is not there, so that the record's terms decide.
        """
        if self._reunion.is_back(key.client) or self._reunion.is_patient:
            return False
        entry = self._due_again(key, told)
        if entry is None or not _is_whole(entry):
            return False
        self._again[key] = later(self._again.get(key, FIRST), told.past)
        self._has_taken_up = False
        return True

    def note_on(self, key: TaskKey, told: Told) -> str:
        """Say why a task is not tried again as its terms say; '' if it need not be."""
        entry = self._due_again(key, told)
        return "" if entry is None or _is_whole(entry) else TOO_LARGE

    def _due_again(self, key: TaskKey, told: Told) -> Entry | None:
        """Return what is recorded of a task that has ended so, if it is due again."""
        entry = self._host.record.unfinished(key)
        if entry is None or entry.target is not None:
            return None
        return entry if told.may_go_on(_terms_of(entry)) else None

    def _left(self) -> dict[TaskKey, Entry]:
        """Return what nobody has in hand, as it was submitted."""
        record, tasks = self._host.record, self._host.machine.tasks
        left = {e.key: e for e in record.inherited() if _may_be_taken_up(e)}
        for key in self._again:
            if (entry := record.unfinished(key)) is not None:
                left[key] = entry
        is_back = self._reunion.is_back
        return {
            key: entry
            for key, entry in left.items()
            if key not in tasks and not is_back(key.client)
        }

    def _begin(self, now: float) -> None:
        """Submit what is left, but for what depends on tasks that nobody will do."""
        knows = self._host.machine.knows
        going: dict[TaskKey, TaskSubmitted] = {}
        for key, entry in self._left().items():
            others = named_in(_terms_of(entry))
            if all(each in going or knows(each) for each in others):
                going[key] = self._submission(entry)
        if going:
            self._host.handle(list(going.values()), now)

    def _submission(self, entry: Entry) -> TaskSubmitted:
        """Return what submits a recorded task for a client that is not there."""
        if entry.digest:
            self._host.functions.define(entry.digest, entry.code)
        self._host.functions.hold(entry.digest)
        key, terms = entry.key, _terms_of(entry)
        work = Work(entry.again(key.seq), entry.frames or ())
        past = later(self._again.pop(key, FIRST), entry.past)
        if not past.starts:
            return TaskSubmitted(key, work, entry.target, terms)
        lost = "" if terms.engine_retries else self._reunion.why_not(key)
        return TaskReturned(key, work, entry.target, terms, lost, past)

    def give_up(self, now: float) -> None:
        """End what is left, and nobody does; what depends on that goes by it."""
        record, tasks = self._host.record, self._host.machine.tasks
        if not self._reunion.awaited:
            self._note_lost(tasks.keys() | self._left(), now)
            self._begin(now)
        self._note_lost(tasks, now)
        record.lose_inherited(time(), tasks)

    def _note_lost(self, but: Container[TaskKey], now: float) -> None:
        """Have the machine know that all that is left is lost, but for these."""
        lost = [e.key for e in self._host.record.inherited() if e.key not in but]
        self._host.handle([TasksEnded([(key, FAILED, -1) for key in lost])], now)


def _may_be_taken_up(entry: Entry) -> bool:
    """Tell whether a task may be started by what is recorded of it, be it again."""
    may_run_twice = _terms_of(entry).engine_retries > 0
    return _is_whole(entry) and may_run_twice and entry.key.seq >= 0


def _is_whole(entry: Entry) -> bool:
    """Tell whether all is recorded that it takes to start a task."""
    return entry.frames is not None and bool(entry.code or not entry.digest)


def _terms_of(entry: Entry) -> Terms:
    """Return the terms that a recorded task was submitted with."""
    return entry.submit.terms or USUAL
