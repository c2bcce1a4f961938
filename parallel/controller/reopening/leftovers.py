"""Recorded tasks that clients, which do not come back, have left to be done."""

from __future__ import annotations

from collections.abc import Container, Iterable
from time import time

from ...protocol.terms import USUAL, Terms
from ...state.dependencies import named_in
from ...state.events import TasksEnded, TaskSubmitted
from ...state.history import FAILED
from ...state.naming import TaskKey
from ...state.reunion.reunion import Reunion
from ..host import Host
from ..store.entry import Entry
from ..work import Work
from .asking import Asking
from .ends import end_in

__all__ = ["Leftovers"]


class Leftovers:
    """Begins them anew, by what is recorded of them, or gives them up."""

    def __init__(self, host: Host, reunion: Reunion, asking: Asking) -> None:
        self._host = host
        self._reunion = reunion
        self._asking = asking
        self._has_taken_up = False

    def take_up(self, now: float) -> None:
        """Submit what clients that are not there have left to be done, once.

        The record is asked first for how those ended that it depends on.
        """
        if self._has_taken_up:
            return
        self._has_taken_up = True
        left = self._left()
        named = {key for entry in left for key in named_in(_terms_of(entry))}
        asked = {key for key in named if not self._host.machine.knows(key)}

        def answered(entries: Iterable[Entry], now: float) -> None:
            ends = [end_in(entry) for entry in entries if entry.outcome is not None]
            self._host.handle([TasksEnded(ends)], now)
            self._begin(now)

        if asked.difference(entry.key for entry in left):
            self._asking.ask(asked, answered, frames=False)
        elif left:
            self._begin(now)

    def _left(self) -> list[Entry]:
        """Return what nobody has in hand, as it was submitted."""
        tasks = self._host.machine.tasks
        return [
            entry
            for entry in self._host.record.inherited()
            if entry.key not in tasks
            and not self._reunion.is_back(entry.key.client)
            and _may_be_taken_up(entry)
        ]

    def _begin(self, now: float) -> None:
        """Submit what is left, but for what depends on tasks that nobody will do."""
        knows = self._host.machine.knows
        going: dict[TaskKey, TaskSubmitted] = {}
        for entry in self._left():
            others = named_in(_terms_of(entry))
            if all(each in going or knows(each) for each in others):
                going[entry.key] = self._submission(entry)
        if going:
            self._host.handle(list(going.values()), now)

    def returned(self) -> None:
        """Take note that an engine has died that had some: it is taken up, too."""
        self._has_taken_up = False

    def _submission(self, entry: Entry) -> TaskSubmitted:
        """Return what submits a recorded task for a client that is not there."""
        if entry.digest:
            self._host.functions.define(entry.digest, entry.code)
        self._host.functions.hold(entry.digest)
        submit = entry.again(entry.key.seq)
        work = Work(submit, entry.frames or ())
        return TaskSubmitted(entry.key, work, entry.target, submit.terms or USUAL)

    def has(self, key: TaskKey) -> bool:
        """Tell whether a task is one that is taken up, once its engine has died."""
        if self._reunion.is_back(key.client) or self._reunion.is_patient:
            return False
        left = (each for each in self._host.record.inherited() if each.key == key)
        return any(_may_be_taken_up(each) for each in left)

    def give_up(self, now: float) -> None:
        """End what is left, and nobody does; what depends on that goes by it."""
        record, tasks = self._host.record, self._host.machine.tasks
        if not self._reunion.awaited:
            left = {entry.key for entry in self._left()}
            self._note_lost(tasks.keys() | left, now)
            self._begin(now)
        self._note_lost(tasks, now)
        record.lose_inherited(time(), tasks)

    def _note_lost(self, but: Container[TaskKey], now: float) -> None:
        """Have the machine know that all that is left is lost, but for these."""
        lost = [e.key for e in self._host.record.inherited() if e.key not in but]
        self._host.handle([TasksEnded([(key, FAILED, -1) for key in lost])], now)


def _may_be_taken_up(entry: Entry) -> bool:
    """Tell whether a task may be started by what is recorded of it, be it again."""
    is_whole = entry.frames is not None and bool(entry.code or not entry.digest)
    may_run_twice = _terms_of(entry).engine_retries > 0
    return is_whole and may_run_twice and entry.key.seq >= 0


def _terms_of(entry: Entry) -> Terms:
    """Return the terms that a recorded task was submitted with."""
    return entry.submit.terms or USUAL
