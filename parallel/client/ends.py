"""How tasks ended that others wait for."""

from __future__ import annotations

from collections import Counter

from ..aliases import EngineId
from ..protocol.messages import EndedTask, Outcome, Status
from ..protocol.terms import Terms
from ..state.history import end_of

__all__ = ["Ends", "ended"]


def ended(seq: int, status: Status, engine_id: EngineId) -> EndedTask:
    """Return how a task ended, as a controller is told it."""
    return EndedTask(seq, end_of(status), engine_id)


class Ends:
    """How tasks ended that unfinished ones depend on.

    The controller knows that; one that takes its place has to be told.
    """

    def __init__(self) -> None:
        #: Which tasks each unfinished one depends on.
        self._named: dict[int, list[int]] = {}
        #: How many depend on each.
        self._wanted: Counter[int] = Counter()
        self._ends: dict[int, EndedTask] = {}

    def __bool__(self) -> bool:
        return bool(self._named)

    def depend(self, seq: int, terms: Terms, session: str) -> None:
        """Take note of what a task depends on that is this client's own."""
        named: list[int] = []
        for condition in (terms.after, terms.follow):
            for msg_id in condition.msg_ids if condition is not None else ():
                client, _, number = msg_id.rpartition("_")
                if client == session and number.isdigit():
                    named.append(int(number))
        if named:
            self._named[seq] = named
            self._wanted.update(named)

    def ended(self, outcome: Outcome) -> None:
        """Take note of how a task ended."""
        seq = outcome.seq
        if seq in self._wanted:
            self._ends[seq] = ended(seq, outcome.status, outcome.engine_id)
        for named in self._named.pop(seq, ()):
            self._wanted[named] -= 1
            if not self._wanted[named]:
                del self._wanted[named]
                self._ends.pop(named, None)

    def all(self) -> list[EndedTask]:
        """Return what is known."""
        return list(self._ends.values())
