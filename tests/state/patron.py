"""A client as the model of kills has it."""

from __future__ import annotations

from collections import deque
from itertools import count

from parallel.protocol.messages import (
    Again,
    EndedTask,
    Outcome,
    Reopen,
    StartedTask,
    Status,
    Submit,
)
from parallel.state.history import end_of
from parallel.state.naming import TaskKey

__all__ = ["Patron"]


class Patron:
    """A client: it keeps its tasks until it has got their outcomes.

    Parameters
    ----------
    number
        Makes its name.
    """

    def __init__(self, number: int) -> None:
        self.uuid = b"client %9d" % number
        self.submitted: dict[TaskKey, Submit] = {}
        self.got: dict[TaskKey, Outcome] = {}
        #: What it knows of earlier starts.
        self.started: dict[TaskKey, StartedTask] = {}
        #: What it has given up, and whether that is to be interrupted.
        self.aborted: dict[TaskKey, bool] = {}
        #: On its way here: ends of tasks, and of starts but for the last.
        self.told: deque[tuple[TaskKey, Outcome | Again]] = deque()
        #: What its user is warned of.
        self.warnings: list[str] = []
        #: The controller knows it; it has left for good.
        self.is_there, self.is_gone = True, False
        #: It had not come back when it was waited for no longer, and when what it had
        #: left was given up.
        self.was_absent = self.was_late = False
        self.seqs = count()

    def __repr__(self) -> str:
        return f"<client {self.uuid[-1:].decode()}>"

    @property
    def is_away(self) -> bool:
        """It has yet to come back."""
        return not (self.is_there or self.is_gone)

    @property
    def open(self) -> list[TaskKey]:
        """Its tasks that have not ended for it."""
        return [key for key in self.submitted if key not in self.got]

    def lose_controller(self) -> None:
        """Take note that what was on its way is lost."""
        self.is_there = False
        self.told.clear()

    def receive(self) -> None:
        """Take in the next that it is told."""
        key, message = self.told.popleft()
        if isinstance(message, Again):
            if key not in self.got:
                self.started[key] = message.task
            return
        assert key not in self.got, f"task {key.seq} ended twice"
        self.got[key] = message
        self.started.pop(key, None)

    def reopen(self) -> Reopen:
        """Return what it tells another controller."""
        ends = [
            EndedTask(key.seq, end_of(got.status), got.engine_id)
            for key, got in self.got.items()
        ]
        unfinished = [key.seq for key in self.open]
        return Reopen(len(self.submitted), unfinished, ends, [*self.started.values()])

    def status(self, key: TaskKey) -> Status | None:
        """Return how a task ended for it."""
        got = self.got.get(key)
        return None if got is None else got.status
