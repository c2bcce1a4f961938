"""Brings together what engines and clients of an earlier controller have.

That one was killed. Its engines have tasks that they have started, and results that
nobody has confirmed; its clients have tasks that have not ended for them. Both come
back in any order, and say so. A task must neither be lost nor be started twice. So:

1. What an engine says that it has is in its hand again, before its client has told what
   it is; what has ended is kept until then.
2. What a client submits again, and no engine has said to have, waits until all engines
   have spoken, or are gone. A direct task waits for its own engine only.
3. It waits, too, until the record was asked: it may have ended while its client was
   away.
4. What depends on a task of which nothing is known waits while others may tell of it.
5. If an engine is gone that has not spoken, a task may have started there which nobody
   holds. One that must not be started twice then fails, unless its agent has told that
   it was not among those that were. So it does if the engine may have let go of how it
   ended, since the record had that, and the record is lost.

New submissions go at once, unless they depend on what waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from ...aliases import EngineId, Uuid
from ..events import TaskSubmitted
from ..naming import TaskKey
from ..past import Past
from ..tasks import Task
from .clients import Clients
from .doubts import Doubts
from .gate import Gate
from .lacking import Lacking
from .starts import Starts, Told
from .waiting import Waiting

__all__ = ["Reunion"]

NOTHING: Mapping[TaskKey, Past] = MappingProxyType({})


class Reunion:
    """Tasks, engines and clients of earlier controllers.

    Parameters
    ----------
    awaited
        The engines that are to speak, and their ids.
    tasks
        Those that the scheduler has.
    knows
        Tells whether it has it, or knows how it ended.
    now
        When this began, seconds (monotonic).
    is_doubtful
        An engine is gone of which nobody knows what it had started.
    """

    def __init__(
        self,
        awaited: Mapping[Uuid, EngineId],
        tasks: Mapping[TaskKey, Task],
        knows: Callable[[TaskKey], bool],
        now: float,
        *,
        is_doubtful: bool = False,
    ) -> None:
        self.begin = now
        #: The engines that have not spoken.
        self.awaited = dict(awaited)
        self._clients = Clients()
        self._starts = Starts(tasks)
        self._doubts = Doubts(is_doubtful=is_doubtful)
        self._waiting = Waiting()
        self._lacking = Lacking(knows, lambda k: self._may_come(k) or self.is_patient)
        self._gate = Gate(
            tasks, self.awaited, self._clients, self._starts, self._doubts,
            self._waiting, self._lacking,
        )  # fmt: skip
        #: Something has changed for what waits.
        self.is_stale = False
        #: Ends of tasks whose clients have not told of them yet.
        self.ended: dict[TaskKey, Told] = {}

    @property
    def is_busy(self) -> bool:
        """Tell whether what clients submit is to be looked at."""
        return bool(self.awaited or self._clients.is_any_expected or len(self._waiting))

    # Who comes, and who does not

    def spoke(self, uuid: Uuid, held: Iterable[TaskKey]) -> list[TaskKey] | None:
        """Take note that an engine has these tasks; return who may go for that.

        None means all of those that wait.
        """
        engine_id = self.awaited.pop(uuid, None)
        if not self.awaited:
            return None
        going = dict.fromkeys(key for key in held if key in self._waiting)
        going.update(dict.fromkeys(self._waiting.for_engine(engine_id)))
        return list(going)

    def gone(
        self, uuid: Uuid, started: Iterable[TaskKey] | None = None, reason: str = ""
    ) -> None:
        """Take note that an engine will not come back.

        Parameters
        ----------
        started
            What it has started that must not be started twice; None if nobody knows.
        reason
            How it died.
        """
        self._doubts.started(started or (), reason)
        if self.awaited.pop(uuid, None) is not None:
            self.is_stale = True
            if started is None:
                self._doubts.lost_engine()

    def lost_record(self) -> None:
        """Take note that how some tasks ended was known to the record alone."""
        self._doubts.lost_record()

    def reopen(
        self,
        client: Uuid,
        submitted: int,
        unfinished: Iterable[int],
        pasts: Mapping[TaskKey, Past] = NOTHING,
    ) -> dict[TaskKey, Told]:
        """Take note that a client is back, with so many tasks submitted before.

        Those that are unfinished for it, it will submit again. The record is asked of
        them until `answered`. It knows what became of earlier starts of some.

        Returns
        -------
        dict[TaskKey, Told]
            How tasks ended of which it has been told.
        """
        self._clients.come_back(client, submitted, unfinished)
        self._starts.tell(pasts)
        is_open = self._clients.is_open
        had = [k for k in self.ended if k.client == client and not is_open(k)]
        return {key: self.ended.pop(key) for key in had}

    def has_had(self, key: TaskKey) -> bool:
        """Tell whether a client that is back was told before how this task ended."""
        if key.seq < 0 or not self._clients.is_old(key):
            return False
        return not (self._may_come(key) or self._starts.holds(key))

    def _may_come(self, key: TaskKey) -> bool:
        """Tell whether a task waits, or its client, which is back, submits it again."""
        return key in self._waiting or self._clients.is_open(key)

    def is_back(self, client: Uuid) -> bool:
        """Tell whether a client has come back."""
        return self._clients.is_back(client)

    def answered(
        self,
        client: Uuid,
        ended: Mapping[TaskKey, Told],
        pasts: Mapping[TaskKey, Past] = NOTHING,
    ) -> None:
        """Take in what the record knows of a client's tasks: how some ended.

        Of others, it knows what became of earlier starts.
        """
        self._clients.answered(client)
        self._starts.tell(pasts)
        self.is_stale = True
        for key, told in ended.items():
            if not self._starts.holds(key) and self._may_come(key):
                self.ended.setdefault(key, told)

    def left(self, client: Uuid) -> dict[TaskKey, Told]:
        """Take note that a client has left; return how tasks ended that it had."""
        self._clients.leave(client)
        self._starts.forget(client)
        self.is_stale = True
        if not self.is_back(client):  # another one, of an earlier controller
            return {}
        keys = [key for key in self.ended if key.client == client]
        return {key: self.ended.pop(key) for key in keys}

    def hurry(self) -> None:
        """Wait no longer for clients that have not come back."""
        self._clients.is_patient = False
        self.is_stale = True

    @property
    def is_patient(self) -> bool:
        """Tell whether clients are waited for that have not come back."""
        return self._clients.is_patient

    def forget(self, key: TaskKey) -> None:
        """Take note that nobody keeps how a task ended: its client is too late."""
        self._doubts.forgotten.add(key)

    def is_forgotten(self, key: TaskKey) -> bool:
        """Tell whether it is known no more how a task ended."""
        return key in self._doubts.forgotten

    def why_not(self, key: TaskKey) -> str:
        """Say why a task must not go on that may be started once; '' if it may."""
        return self._doubts.why_not(key)

    # Tasks

    def wants(self, key: TaskKey) -> bool:
        """Tell whether a client may yet tell of a task."""
        return self._clients.may_tell_of(key)

    def keep(self, key: TaskKey, told: Told, *, is_unknown: bool = False) -> bool:
        """Keep how a task ended, if its client may tell of it; tell whether it may.

        Engines may tell of several starts, in any order: the last one counts.

        Parameters
        ----------
        is_unknown
            Nobody else knows of it: its client may be late.
        """
        if self.is_waiting(key):
            self.is_stale = True
        elif not (self.wants(key) or (is_unknown and self._is_to_come(key))):
            return False
        if told.counts(self.ended.get(key)):
            self.ended[key] = told
        return True

    def _is_to_come(self, key: TaskKey) -> bool:
        return key.seq >= 0 and not self.is_back(key.client)

    def submit(self, event: TaskSubmitted) -> TaskSubmitted | Told | None:
        """Take in what a client submits, or submits again.

        Returns
        -------
        TaskSubmitted | Told | None
            What the scheduler is to be told; or how the task ended; None if it waits.
        """
        key = event.key
        told = self.ended.pop(key, None)
        self.told_of(key)
        if told is not None and not self._starts.may_go_on(event, told):
            self._starts.take(key)
            return told
        if self._gate.may_pass(event):
            return self._gate.passed(event)
        self._waiting.add(event)
        return None

    def told_of(self, key: TaskKey) -> None:
        """Take note that a client has told of a task: it is not waited for that."""
        self._clients.told_of(key)
        if self._lacking.told_of(key):
            self.is_stale = True

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
            if told is not None and not self._starts.may_go_on(event, told):
                del self.ended[key]
                self._starts.take(key)
            elif self._gate.may_pass(event, going):
                self.ended.pop(key, None)
                event, told = self._gate.passed(event), None
            else:
                continue
            going.add(key)
            self._waiting.take(key)
            if self._lacking.told_of(key):  # be it that those wait before it
                self.is_stale = True
            yield event, told
        if not len(self._waiting):
            self._lacking.clear()
        if not going and self._is_over() and keys is None:
            for key in list(self._waiting):  # they wait for one another
                yield self._gate.passed(self._waiting.take(key)), None

    def _is_over(self) -> bool:
        """Tell whether nobody will say anything more."""
        clients = self._clients
        if clients.is_patient or self.awaited or clients.is_any_expected:
            return False
        return self._lacking.is_answered

    def to_ask(self) -> set[TaskKey]:
        """Return of which tasks the record is to be asked how they ended, once."""
        return self._lacking.to_ask()

    def found(self, asked: Iterable[TaskKey]) -> None:
        """Take note that the record has told all that it knows of these."""
        self._lacking.found(asked)
        self.is_stale = True

    def withdraw(
        self, client: Uuid, seqs: Iterable[int]
    ) -> tuple[list[TaskSubmitted], list[TaskKey]]:
        """Take out those of these tasks that wait, and that nobody else can have.

        Returns
        -------
        tuple[list[TaskSubmitted], list[TaskKey]]
            These, and those that may run, or have ended: they wait until it is known.
        """
        keys = [TaskKey(client, seq) for seq in seqs]
        waiting = [key for key in keys if key in self._waiting]
        had = [k for k in waiting if self._gate.may_be_had(self._waiting[k])]
        self.is_stale = True  # others may depend on them
        return [self._waiting.take(key) for key in waiting if key not in had], had

    def waiting_of(self, client: Uuid) -> list[TaskSubmitted]:
        """Return what a client has submitted that waits here."""
        return self._waiting.of_client(client)

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
