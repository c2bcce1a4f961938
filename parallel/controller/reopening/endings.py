"""Has the machine and the record know how tasks of earlier controllers ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic, time

from ...aliases import EngineId
from ...protocol.messages import Outcome, Status
from ...state.events import TasksEnded
from ...state.history import CANCELLED, OK, end_of
from ...state.naming import TaskKey
from ...state.reunion.reunion import Reunion
from ..host import Host
from ..store.entry import Entry, msg_id_of
from .asking import Asking
from .ends import End, end_in
from .engines import Engines

__all__ = ["Endings"]

#: That a client has the result of a task, and has not told how it ended.
NO_NEWS = OK, -1
#: How a task ended of which no more is known than its end.
STATUSES = {OK: Status.OK, CANCELLED: Status.ABORTED}


class Endings:
    """Ends that engines have told, and those that clients had been told before.

    Parameters
    ----------
    engines
        Keep what the record has yet to write.
    """

    def __init__(
        self, host: Host, engines: Engines, reunion: Reunion, asking: Asking
    ) -> None:
        self._host = host
        self._engines = engines
        self._reunion = reunion
        self._asking = asking
        #: How tasks ended, and where, by what their clients told.
        self._had: dict[TaskKey, tuple[int, EngineId]] = {}
        #: Of which the record is to be asked how they ended.
        self._recalled: set[TaskKey] = set()

    def note(self, key: TaskKey, end: End) -> None:
        """Have the machine know how a task ended for good: others may depend on it."""
        ended = key, end_of(end.outcome.status), end.outcome.engine_id
        self._host.handle([TasksEnded([ended])], monotonic())

    def record(self, key: TaskKey, end: End) -> None:
        """Have the machine know how a task ended for good, and the record.

        What its client has counts: it may be an earlier start that ended otherwise.
        """
        had = self._had.get(key)
        if had is not None and had[0] != end_of(end.outcome.status):
            self._host.handle([TasksEnded([(key, *had)])], monotonic())
            if not self._reunion.is_patient:  # else the last start may yet be told of
                self._record_without_result(key)
            return
        self.note(key, end)
        self._engines.leave_to_record()
        self._host.record.finish(key, *end, time())

    # What clients had

    def told(self, ends: Sequence[tuple[TaskKey, int, EngineId]], now: float) -> None:
        """Take in what a client tells of how its tasks ended."""
        self._had.update((key, (end, engine_id)) for key, end, engine_id in ends)
        self._host.handle([TasksEnded(ends)], now)

    def record_had(self) -> None:
        """Record of which tasks the clients have results that the record lacks.

        They ended just before the controller was killed: who asks is told so.
        """
        for entry in self._host.record.inherited():
            if self._reunion.has_had(entry.key):
                self._record_without_result(entry.key)

    def _record_without_result(self, key: TaskKey) -> None:
        """Record of a task that its client has the result: none but that one has."""
        if not self._host.record.is_open(msg_id_of(key)):
            return
        end, engine_id = self._had.get(key, NO_NEWS)
        status = STATUSES.get(end, Status.ERROR)
        outcome = Outcome(key.seq, status, b"", 0, engine_id, 0, 0)
        self._host.record.finish(key, outcome, None, b"", time())

    def recall(self, key: TaskKey) -> None:
        """Have the machine know how a task ended of which its client has the result.

        An engine has died that had a copy of that.
        """
        if not self._recalled:  # others of its engine follow: all are asked for
            asyncio.get_running_loop().call_soon(self._recall_all)
        self._recalled.add(key)

    def _recall_all(self) -> None:
        keys, self._recalled = self._recalled, set()

        def answered(entries: Iterable[Entry], now: float) -> None:
            ends = {e.key: end_in(e) for e in entries if e.outcome is not None}
            for key in keys - ends.keys():
                ends[key] = key, *self._had.get(key, NO_NEWS)
                self._record_without_result(key)
            self._host.handle([TasksEnded(list(ends.values()))], now)

        self._asking.ask(keys, answered, frames=False)

    def learn(self, keys: Collection[TaskKey], then: Callable[[float], None]) -> None:
        """Have the machine know of tasks what the record does; `then` do something."""

        def answered(entries: Iterable[Entry], now: float) -> None:
            ends = [end_in(entry) for entry in entries if entry.outcome is not None]
            self._host.handle([TasksEnded(ends)], now)
            then(now)

        self._asking.ask(keys, answered, frames=False)

    def forget(self) -> None:
        """Forget what clients told: nobody asks for it any more."""
        self._had.clear()
