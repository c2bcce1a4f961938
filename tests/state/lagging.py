"""A record that is behind: what it has not written dies with the controller."""

from __future__ import annotations

from parallel.protocol.messages import Status
from parallel.state.naming import TaskKey

__all__ = ["LaggingRecord"]


class LaggingRecord:
    """Which tasks had begun, and how they had ended, as it is written."""

    def __init__(self) -> None:
        self.begun: set[TaskKey] = set()
        self.over: dict[TaskKey, Status] = {}
        self._begins: set[TaskKey] = set()
        self._ends: dict[TaskKey, Status] = {}

    def begin(self, key: TaskKey) -> None:
        """Take note that a task begins."""
        self._begins.add(key)

    def end(self, key: TaskKey, status: Status) -> None:
        """Take note of how a task ended, if it has not."""
        if key not in self.ends:
            self._ends[key] = status

    @property
    def ends(self) -> dict[TaskKey, Status]:
        """How tasks ended, as it answers: also what is not written."""
        return self.over | self._ends

    def write(self) -> None:
        """Catch up."""
        self.begun |= self._begins
        self.over |= self._ends

    def lose(self) -> None:
        """Lose what is not written."""
        self._begins, self._ends = set(), {}

    def left(self) -> list[TaskKey]:
        """Return the tasks that are written down as unfinished, for all it knows."""
        return sorted(self.begun - self.ends.keys())
