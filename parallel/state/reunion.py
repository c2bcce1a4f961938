"""What a controller that was started again has yet to bring together.

The one before it was killed. Its engines have tasks that they have started, and
results that nobody has confirmed; its clients have tasks that have not ended for them.
Both come back in any order, and say so. A task must neither be lost nor be started
twice. So:

1. What an engine says that it has is in its hand again, before its client has told what
   it is; what has ended is kept until then.
2. What a client submits again, and no engine has said to have, waits until all engines
   have spoken, or are gone. A direct task waits for its own engine only.
3. It waits, too, until the record was asked: it may have ended while its client was
   away.
4. What depends on a task of which nothing is known waits while others may tell of it.
5. If an engine is gone that has not spoken, a task may have started there which nobody
   holds. One that must not be started twice then fails.

New submissions go at once, unless they depend on what waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..aliases import EngineId, Uuid
from ..protocol.messages import Status
from ..protocol.terms import Terms
from .events import TaskSubmitted
from .tasks import TaskKey, task_key

__all__ = ["PATIENCE", "Reunion", "Told"]

#: Clients that have not come back within this, seconds, are not waited for.
PATIENCE = 10.0
MAY_HAVE_RUN = (
    "the controller was killed, and an engine died before it had told what it had. The "
    "task may have been started there, and must not be started twice (engine_retries=0)"
)


class Told(NamedTuple):
    """How a task ended that its client has not told of yet.

    One that is `final` ended for good; else its client's terms decide.
    """

    status: Status
    outcome: Any
    final: bool = False


class Reunion:
    """Tasks, engines and clients of earlier controllers.

    Parameters
    ----------
    awaited
        The engines that are to speak, and their ids.
    holds
        Tells whether the scheduler has a task.
    knows
        Tells whether it has it, or knows how it ended.
    now
        When this began, seconds (monotonic).
    """

    def __init__(
        self,
        awaited: Mapping[Uuid, EngineId],
        holds: Callable[[TaskKey], bool],
        knows: Callable[[TaskKey], bool],
        now: float,
    ) -> None:
        self._holds = holds
        self._knows = knows
        self.begin = now
        #: The engines that have not spoken.
        self.awaited = dict(awaited)
        #: How many tasks each client had submitted to earlier controllers.
        self._submitted: dict[Uuid, int] = {}
        #: What clients have said to be open, and have not submitted again yet.
        self._open: set[TaskKey] = set()
        #: Clients of whose tasks the record is being asked.
        self._asking: set[Uuid] = set()
        self._waiting: dict[TaskKey, TaskSubmitted] = {}
        #: The direct ones of them, by client and engine: they keep their order.
        self._lines: dict[tuple[Uuid, EngineId], dict[TaskKey, None]] = {}
        #: What others wait for that is not known, and what was asked of the record.
        self._lacking: set[TaskKey] = set()
        self._asked: set[TaskKey] = set()
        self._answered: set[TaskKey] = set()
        #: Something has changed for what waits.
        self.is_stale = False
        #: Ends of tasks whose clients have not told of them yet.
        self.ended: dict[TaskKey, Told] = {}
        #: An engine is gone that has not spoken.
        self._misses_one = False
        self._patient = True

    @property
    def is_busy(self) -> bool:
        """Tell whether what clients submit is to be looked at."""
        return bool(self.awaited or self._open or self._asking or self._waiting)

    @property
    def is_settled(self) -> bool:
        """Tell whether all has come together that is known of."""
        return not self.is_busy and not self.ended

    # Who comes, and who does not

    def spoke(self, uuid: Uuid, held: Iterable[TaskKey]) -> list[TaskKey] | None:
        """Take note that an engine has these tasks; return who may go for that.

        None means all of those that wait.
        """
        engine_id = self.awaited.pop(uuid, None)
        if not self.awaited:
            return None
        going = dict.fromkeys(key for key in held if key in self._waiting)
        for (_, pinned), line in self._lines.items():
            if pinned == engine_id:
                going.update(line)
        return list(going)

    def gone(self, uuid: Uuid) -> None:
        """Take note that an engine will not come back."""
        if self.awaited.pop(uuid, None) is not None:
            self._misses_one = self.is_stale = True

    def reopen(
        self, client: Uuid, submitted: int, unfinished: Iterable[int]
    ) -> dict[TaskKey, Told]:
        """Take note that a client is back, with so many tasks submitted before.

        Those that are unfinished for it, it will submit again. The record is asked of
        them until `answered`.

        Returns
        -------
        dict[TaskKey, Told]
            How tasks ended of which it has been told.
        """
        self._submitted[client] = submitted
        self._open.update(TaskKey(client, seq) for seq in unfinished)
        self._asking.add(client)
        had = [k for k in self.ended if k.client == client and k not in self._open]
        return {key: self.ended.pop(key) for key in had}

    def has_had(self, key: TaskKey) -> bool:
        """Tell whether a client that is back was told before how this task ended."""
        if not 0 <= key.seq < self._submitted.get(key.client, 0):
            return False
        return not (key in self._open or key in self._waiting or self._holds(key))

    def is_back(self, client: Uuid) -> bool:
        """Tell whether a client has come back."""
        return client in self._submitted

    def answered(self, client: Uuid, ended: Mapping[TaskKey, Told]) -> None:
        """Take in what the record knows of a client's tasks: how some ended."""
        self._asking.discard(client)
        self.is_stale = True
        for key, told in ended.items():
            if not self._holds(key) and (key in self._open or key in self._waiting):
                self.ended.setdefault(key, told)

    def left(self, client: Uuid) -> dict[TaskKey, Told]:
        """Take note that a client has left; return how tasks ended that it had."""
        self._open = {key for key in self._open if key.client != client}
        self.is_stale = True
        if not self.is_back(client):  # another one, of an earlier controller
            return {}
        keys = [key for key in self.ended if key.client == client]
        return {key: self.ended.pop(key) for key in keys}

    def hurry(self) -> None:
        """Wait no longer for clients that have not come back."""
        self._patient = False
        self.is_stale = True

    @property
    def is_patient(self) -> bool:
        """Tell whether clients are waited for that have not come back."""
        return self._patient

    # Tasks

    def wants(self, key: TaskKey) -> bool:
        """Tell whether a client may yet tell of a task."""
        if key in self._open or key.seq < 0:  # or else it is a setup's
            return key.seq >= 0
        return self._patient and not self.is_back(key.client)

    def submit(self, event: TaskSubmitted) -> TaskSubmitted | Told | None:
        """Take in what a client submits, or submits again.

        Returns
        -------
        TaskSubmitted | Told | None
            What the scheduler is to be told; or how the task ended; None if it waits.
        """
        key = event.key
        told = self.ended.pop(key, None)
        self._open.discard(key)
        if told is not None and not _may_go_on(event, told):
            return told
        if key in self._lacking:
            self._lacking.discard(key)
            self.is_stale = True
        if self._may_go(event, ()):
            return self._judged(event)
        self._waiting[key] = event
        if event.pinned is not None:
            self._lines.setdefault((key.client, event.pinned), {})[key] = None
        return None

    def release(
        self, keys: Iterable[TaskKey] | None = None
    ) -> Iterator[tuple[TaskSubmitted, Told | None]]:
        """Yield what waits no longer, in order; what has ended with its end.

        Parameters
        ----------
        keys
            Only these may have a reason to; by default all.
        """
        going: set[TaskKey] = set()
        if keys is None:
            self.is_stale = False
        for key in list(self._waiting if keys is None else keys):
            event, told = self._waiting[key], self.ended.get(key)
            if told is not None and not _may_go_on(event, told):
                del self.ended[key]
            elif self._may_go(event, going):
                self.ended.pop(key, None)
                event, told = self._judged(event), None
            else:
                continue
            going.add(key)
            self._forget(key)
            yield event, told
        if not self._waiting:  # what comes next is asked for again: it may have ended
            for known in (self._lacking, self._asked, self._answered):
                known.clear()
        if not going and self._is_over() and keys is None:
            for key, event in list(self._waiting.items()):  # they wait for one another
                self._forget(key)
                yield self._judged(event), None

    def _is_over(self) -> bool:
        """Tell whether nobody will say anything more."""
        if self._patient or self.awaited or self._open or self._asking:
            return False
        return self._lacking <= self._answered

    def _forget(self, key: TaskKey) -> TaskSubmitted:
        event = self._waiting.pop(key)
        if event.pinned is not None:
            line = self._lines[key.client, event.pinned]
            del line[key]
            if not line:
                del self._lines[key.client, event.pinned]
        return event

    def to_ask(self) -> set[TaskKey]:
        """Return of which tasks the record is to be asked how they ended, once."""
        asked = self._lacking - self._asked
        self._asked |= asked
        return asked

    def found(self, asked: Iterable[TaskKey]) -> None:
        """Take note that the record has told all that it knows of these."""
        self._answered.update(asked)
        self.is_stale = True

    def withdraw(self, client: Uuid, seqs: Iterable[int]) -> list[TaskSubmitted]:
        """Take out those of these tasks that wait, and return them."""
        keys = (TaskKey(client, seq) for seq in seqs)
        self.is_stale = True  # others may depend on them
        return [self._forget(key) for key in keys if key in self._waiting]

    def is_waiting(self, key: TaskKey) -> bool:
        """Tell whether a task waits here."""
        return key in self._waiting

    def say(self, now: float) -> str:
        """Say what the tasks wait for."""
        since = f"the controller was started again {now - self.begin:.1f} s ago"
        ids = sorted(self.awaited.values())
        if not ids:
            return f"{since}, and asks others and the record of tasks"
        which = ", ".join(str(each) for each in ids if each >= 0) or "that joined last"
        return f"{since}: waiting for engine {which} to tell what it has"

    def _may_go(self, event: TaskSubmitted, going: Collection[TaskKey]) -> bool:
        key = event.key
        client = key.client
        if self._holds(key):
            return True
        is_old = key.seq < self._submitted.get(client, 0)
        if is_old and client in self._asking:
            return False
        if event.pinned is not None:
            line = self._lines.get((client, event.pinned))
            is_next = line is None or next(iter(line)) == key
            return is_next and event.pinned not in self.awaited.values()
        if is_old and self.awaited:
            return False
        named = [each for each in _named(event.terms) if each != key]
        return not any(self._lacks(each, going) for each in named)

    def _lacks(self, key: TaskKey, going: Collection[TaskKey]) -> bool:
        """Tell whether it is to be waited for that something is known of a task."""
        if key in going or self._knows(key):
            return False
        comes = key in self._waiting or key in self._open or self._patient
        if comes or key not in self._answered:
            self._lacking.add(key)
            return True
        return False

    def _judged(self, event: TaskSubmitted) -> TaskSubmitted:
        """Return a task that goes on; it fails if it may have been started."""
        key = event.key
        if (
            self._misses_one
            and not event.terms.engine_retries
            and event.pinned is None
            and key.seq < self._submitted.get(key.client, 0)
            and not self._holds(key)
        ):
            return TaskSubmitted(key, event.body, None, event.terms, MAY_HAVE_RUN)
        return event


def _named(terms: Terms) -> Iterator[TaskKey]:
    """Yield the tasks that one with these terms depends on."""
    for condition in (terms.after, terms.follow):
        if condition is not None:
            for msg_id in condition.msg_ids:
                key = task_key(msg_id)
                if key is not None:
                    yield key


def _may_go_on(event: TaskSubmitted, told: Told) -> bool:
    """Tell whether a task is to be tried again, whatever it ended with."""
    if told.final or event.pinned is not None:
        return False
    if told.status is Status.ERROR:
        return event.terms.retries > 0
    if told.status is Status.LOST:
        return event.terms.engine_retries > 0
    return told.status is Status.UNMET
