"""What is told of tasks' starts after a kill: how they ended, and which one counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...aliases import Uuid
from ...protocol.messages import Status
from ...protocol.terms import Terms
from ..events import TaskSubmitted
from ..naming import TaskKey
from ..past import FIRST, Past
from ..tasks import Task

__all__ = ["Starts", "Told"]


class Told(NamedTuple):
    """How a task ended that its client has not told of yet.

    One that is `final` ended for good; else its client's terms decide.
    """

    status: Status
    outcome: Any
    final: bool = False
    #: What has become of all its starts, this one included.
    past: Past = FIRST

    @property
    def number(self) -> int:
        """Which of its starts ended so, counted from 0."""
        counted = self.status in (Status.ERROR, Status.UNMET, Status.LOST)
        return self.past.starts - counted

    @property
    def has_started(self) -> bool:
        """Whether it was started at all."""
        return self.status is not Status.LOST or bool(self.past.deaths)

    def counts(self, known: Told | None) -> bool:
        """Tell whether this counts, and not what was told before: the last start."""
        return known is None or not (known.final or known.number > self.number)

    def may_go_on(self, terms: Terms) -> bool:
        """Tell whether a balanced task with these terms is to be tried again."""
        if self.final:
            return False
        if self.status is Status.LOST:
            return 0 < terms.engine_retries >= len(self.past.deaths)
        if self.status is Status.ERROR:
            return self.past.tries <= terms.retries
        return self.status is Status.UNMET


class Starts:
    """Earlier starts of tasks whose clients are back, as far as these know of them.

    Parameters
    ----------
    tasks
        Those that the scheduler has.
    """

    def __init__(self, tasks: Mapping[TaskKey, Task]) -> None:
        self._tasks = tasks
        self._pasts: dict[TaskKey, Past] = {}

    def tell(self, pasts: Mapping[TaskKey, Past]) -> None:
        """Take in what a client knows, or the record: who knows of more is right."""
        for key, past in pasts.items():
            if past.starts > self._pasts.get(key, FIRST).starts:
                self._pasts[key] = past

    def forget(self, client: Uuid) -> None:
        """Forget what a client knew: it has left."""
        for key in [key for key in self._pasts if key.client == client]:
            del self._pasts[key]

    def take(self, key: TaskKey) -> Past | None:
        """Return what is known of a task, for the last time; None if nothing is."""
        return self._pasts.pop(key, None)

    def holds(self, key: TaskKey) -> bool:
        """Tell whether the scheduler has a task: its last start, if it was started."""
        task = self._tasks.get(key)
        if task is None or key not in self._pasts:
            return task is not None
        return task.starts >= self._pasts[key].starts

    def may_go_on(self, event: TaskSubmitted, told: Told) -> bool:
        """Tell whether a task is to be tried again, though a start of it has ended."""
        past = told.past
        if told.final or event.pinned is not None:
            return False
        known, status = self._pasts.get(event.key, FIRST), told.status
        if status not in (Status.ERROR, Status.UNMET, Status.LOST):
            return False
        if past.starts < known.starts + (status is not Status.LOST):
            return True  # its client has been told that it is to be started again
        if past.starts > known.starts:
            self._pasts[event.key] = past.with_names_of(known)
        return told.may_go_on(event.terms)
