"""Decides which submissions may go to the scheduler, and which of them have to fail."""

from __future__ import annotations

from collections.abc import Container, Mapping

from ...aliases import EngineId, Uuid
from ..events import TaskReturned, TaskSubmitted
from ..naming import TaskKey
from ..tasks import Task
from .clients import Clients
from .doubts import Doubts
from .lacking import Lacking
from .starts import Starts
from .waiting import Waiting

__all__ = ["Gate"]


class Gate:
    """Goes by what is known of engines, clients, starts and dependencies.

    Parameters
    ----------
    tasks
        Those that the scheduler has.
    awaited
        The engines that have not spoken.
    """

    def __init__(
        self,
        tasks: Mapping[TaskKey, Task],
        awaited: Mapping[Uuid, EngineId],
        clients: Clients,
        starts: Starts,
        doubts: Doubts,
        waiting: Waiting,
        lacking: Lacking,
    ) -> None:
        self._tasks = tasks
        self._awaited = awaited
        self._clients = clients
        self._starts = starts
        self._doubts = doubts
        self._waiting = waiting
        self._lacking = lacking

    def may_pass(self, event: TaskSubmitted, going: Container[TaskKey] = ()) -> bool:
        """Tell whether a task need not wait, once those that are `going` have gone."""
        key = event.key
        client = key.client
        if self._starts.holds(key):  # another engine may have a later start
            may_be_later = event.pinned is None and event.terms.retries
            return not (may_be_later and self._awaited)
        if key in self._tasks:  # an engine has an earlier start, and tells its end
            return False
        is_old = self._clients.is_old(key)
        if is_old and self._clients.is_asked_for(client):
            return False
        if event.pinned is not None:
            is_next = self._waiting.is_next(client, event.pinned, key)
            return is_next and event.pinned not in self._awaited.values()
        if is_old and self._awaited:
            return False
        return not self._lacking.holds_up(key, event.terms, going)

    def may_be_had(self, event: TaskSubmitted) -> bool:
        """Tell whether an engine, or the record, may yet tell of a task that waits."""
        key = event.key
        if key in self._tasks:
            return True
        if not self._clients.is_old(key):
            return False
        if self._clients.is_asked_for(key.client):
            return True
        ids = self._awaited.values()
        return bool(ids) if event.pinned is None else event.pinned in ids

    def passed(self, event: TaskSubmitted) -> TaskSubmitted:
        """Return a task that goes on; it fails if it may have been started."""
        key, pinned, lost = event.key, event.pinned, ""
        if pinned is not None or not event.terms.engine_retries:
            lost = self._why_not(event)
        past = self._starts.take(key)
        if past is not None:
            return TaskReturned(key, event.body, pinned, event.terms, lost, past)
        if lost:
            return TaskSubmitted(key, event.body, pinned, event.terms, lost)
        return event

    def _why_not(self, event: TaskSubmitted) -> str:
        """Say why a task must fail that may be started once; '' if it need not."""
        key = event.key
        if not self._clients.is_old(key) or self._starts.holds(key):
            return ""
        if event.pinned is not None:  # its engine has told all that it has
            return self._doubts.why_forgotten(key)
        return self._doubts.why_not(key)
