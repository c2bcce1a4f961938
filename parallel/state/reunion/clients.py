"""Clients of earlier controllers: who is back, and what they have yet to tell."""

from __future__ import annotations

from collections.abc import Iterable

from ...aliases import Uuid
from ..naming import TaskKey

__all__ = ["PATIENCE", "Clients"]

#: Clients that have not come back within this, seconds, are not waited for.
PATIENCE = 10.0


class Clients:
    """What clients are waited for with."""

    def __init__(self) -> None:
        #: How many tasks each that is back had submitted to earlier controllers.
        self._submitted: dict[Uuid, int] = {}
        #: What they have said to be open, and have not submitted again yet.
        self._open: set[TaskKey] = set()
        #: Those of whose tasks the record is being asked.
        self._asking: set[Uuid] = set()
        #: Those that are not back are waited for.
        self.is_patient = True

    @property
    def is_any_expected(self) -> bool:
        """Tell whether something is to come of those that are back."""
        return bool(self._open or self._asking)

    def come_back(
        self, client: Uuid, submitted: int, unfinished: Iterable[int]
    ) -> None:
        """Take note that a client is back; the record is asked until `answered`."""
        self._submitted[client] = submitted
        self._open.update(TaskKey(client, seq) for seq in unfinished)
        self._asking.add(client)

    def answered(self, client: Uuid) -> None:
        """Take note that the record has told of a client's tasks."""
        self._asking.discard(client)

    def leave(self, client: Uuid) -> None:
        """Take note that a client has left: it submits nothing again."""
        self._open = {key for key in self._open if key.client != client}

    def told_of(self, key: TaskKey) -> None:
        """Take note that a client has told of a task: it is not waited for that."""
        self._open.discard(key)

    def is_back(self, client: Uuid) -> bool:
        """Tell whether a client has come back."""
        return client in self._submitted

    def is_asked_for(self, client: Uuid) -> bool:
        """Tell whether the record is being asked of a client's tasks."""
        return client in self._asking

    def is_open(self, key: TaskKey) -> bool:
        """Tell whether a client is to submit a task again."""
        return key in self._open

    def is_old(self, key: TaskKey) -> bool:
        """Tell whether a client had submitted a task to an earlier controller."""
        return key.seq < self._submitted.get(key.client, 0)

    def may_tell_of(self, key: TaskKey) -> bool:
        """Tell whether a client may yet tell of a task."""
        if key in self._open or key.seq < 0:  # or else it is a setup's
            return key.seq >= 0
        return self.is_patient and not self.is_back(key.client)
