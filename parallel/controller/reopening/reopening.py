"""Brings together what engines and clients of an earlier controller have: the shell.

What is decided is in `state.reunion`; here messages become what that is told, and the
record is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from time import monotonic, time

from msgspec.structs import replace

from ...aliases import Uuid
from ...errors import ProtocolError
from ...protocol.messages import (
    EngineDied,
    EngineInfo,
    Held,
    Reopen,
    Stage,
    Status,
    Submit,
    Trouble,
)
from ...state.events import (
    EngineJoined,
    Event,
    Holding,
    TasksAborted,
    TaskSubmitted,
)
from ...state.naming import NAME_NBYTES, TaskKey, key_of
from ...state.past import after, past_in
from ...state.reunion.clients import PATIENCE
from ...state.reunion.reunion import Reunion
from ...state.reunion.starts import Told
from ...state.stories import ABORTED
from ...state.tasks import Task
from ..clocks import as_machine_time
from ..host import Host
from ..muster import LEASE, Muster
from ..pasts import pasts_of
from ..store.entry import Entry, msg_id_of, without_result
from ..work import UNKNOWN, Work
from .asking import Asking
from .endings import Endings
from .ends import End, told_in
from .engines import Engines
from .leftovers import Leftovers
from .readmission import Readmission

__all__ = ["Reopening"]


class Reopening:
    """All that is left of earlier controllers.

    Parameters
    ----------
    muster
        Knows the engines that may come back, and what may be lost with others.
    engines
        Keep what this controller may lose.
    """

    def __init__(
        self,
        host: Host,
        muster: Muster,
        engines: Engines,
        now: float,
    ) -> None:
        self._host = host
        machine = host.machine
        awaited = {u: each.info.engine_id for u, each in muster.awaited.items()}
        self._reunion = Reunion(
            awaited,
            machine.tasks,
            machine.knows,
            now,
            is_doubtful=muster.is_doubtful,
        )
        self._is_reliant = muster.is_reliant
        self._engines = engines
        self._holds_back = False
        #: Nobody comes back any more for what the record does not know.
        self._is_over = False
        #: What clients have given up that may run, and whether that is to be stopped.
        self._given_up: dict[TaskKey, bool] = {}
        #: Called when something has changed outside of a turn.
        self._on_late: Callable[[], None] = lambda: None
        self._asking = Asking(host.record, lambda: self._on_late())
        self._endings = Endings(host, engines, self._reunion, self._asking)
        self._leftovers = Leftovers(host, self._reunion, self._endings)
        self._readmission = Readmission(host, self._reunion, self._endings)

    def start(self, loop: asyncio.AbstractEventLoop, turn: Callable[[], None]) -> None:
        """Watch the time; `turn` has said what is to be said outside of a turn."""
        self._on_late = turn

        def late(do: Callable[[float], None]) -> None:
            # What it decides on is in the record, and a large one takes time to open.
            self._asking.ask((), lambda _, now: do(now), frames=False)

        loop.call_later(PATIENCE, late, self.hurry)
        loop.call_later(LEASE, late, self.end)

    @property
    def is_busy(self) -> bool:
        """Tell whether something waits, or is to come."""
        return self._reunion.is_busy

    def concerns(self, submit: Submit) -> bool:
        """Tell whether a submission goes by `admitted`."""
        terms = submit.terms
        depends = terms is not None and (terms.after or terms.follow) is not None
        return depends or self._reunion.is_busy

    def is_coming(self, key: TaskKey) -> bool:
        """Tell whether a task waits, or its client may yet submit it again."""
        return self._reunion.is_waiting(key) or self._reunion.wants(key)

    # Engines

    def engine_returned(self, info: EngineInfo, held: Held, now: float) -> None:
        """Take in an engine with all that it has."""
        keys = [(key_of(each.task), each) for each in held.tasks]
        holdings = [
            Holding(
                key, UNKNOWN, each.ordinal, each.stage is Stage.SUSPENDED, each.ran,
                past_in(each.task[NAME_NBYTES:]),
            )
            for key, each in keys
            if key is not None
        ]  # fmt: skip
        joined = EngineJoined(
            info.uuid, info.engine_id, info.resources, info.labels,
            holdings=holdings, reach=held.reach,
            until=as_machine_time(info.until, now),
        )  # fmt: skip
        self._host.handle([joined], now)
        self.spoke(info.uuid, [each.key for each in holdings], now)

    def spoke(self, uuid: Uuid, held: Collection[TaskKey], now: float) -> None:
        """Take note that an engine is there, and of all that it has."""
        if uuid in self._reunion.awaited:
            self.release(now, self._reunion.spoke(uuid, held))

    def missed(self, died: EngineDied, now: float) -> None:
        """Take note that an engine will not come back."""
        engine_id, started = died.engine_id, None
        if engine_id is not None:
            self._host.machine.departed.setdefault(engine_id, died.reason)
        if died.once is not None:
            keys = [key_of(task) for task in died.once]
            started = [key for key in keys if key is not None]
        self._reunion.gone(died.uuid, started, died.reason)
        self.release(now)

    # Clients

    def reopen(self, client: Uuid, message: Reopen, now: float) -> None:
        """Take in what a client that is back has under way.

        Raises
        ------
        ProtocolError
            It has told so before: each time the record is asked, and more is expected.
        """
        if self._reunion.is_back(client):
            raise ProtocolError("it has told before what it has under way")
        ends = [(TaskKey(client, e.seq), e.end, e.engine_id) for e in message.ends]
        self._endings.told(ends, now)
        pasts = pasts_of(client, message.started)
        had = self._reunion.reopen(client, message.submitted, message.unfinished, pasts)
        for key, told in had.items():
            if told.status is Status.LOST:
                self._endings.recall(key)
            else:
                self._endings.record(key, told.outcome)
        keys = {TaskKey(client, seq) for seq in message.unfinished}

        def answered(entries: Iterable[Entry], now: float) -> None:
            if self._is_reliant and self._host.record.is_begun_anew:
                self._reunion.lost_record()
            told = {entry.key: told_in(entry) for entry in entries}
            begun = map(self._host.record.unfinished, keys)
            pasts = {each.key: each.past for each in begun if each and each.past.starts}
            self._reunion.answered(client, told, pasts)
            self._tell_forgotten(keys - told.keys())
            self.release(now)
            if not self._reunion.is_patient:
                self._endings.record_had()

        self._asking.ask(keys, answered, frames=True)

    def _tell_forgotten(self, keys: Iterable[TaskKey]) -> None:
        """Tell a client of which of its tasks it is known no more how they ended."""
        forgotten = [key for key in keys if self._reunion.is_forgotten(key)]
        if forgotten:
            text = (
                f"this client was away for more than {LEASE:g} s after the controller "
                f"was killed: how {len(forgotten):,} of its tasks ended was not "
                "recorded by then, and is known no more. Those that may be started "
                "twice are started again"
            )
            self._host.tell_client(forgotten[0], Trouble(text, hinders=False))

    def left(self, client: Uuid, now: float) -> None:
        """Take note that a client has left."""
        for key, told in self._reunion.left(client).items():
            self._endings.record(key, told.outcome)
        self.release(now)

    def admitted(self, client: Uuid, work: Work, when: float) -> list[TaskSubmitted]:
        """Take in one submission; return the tasks of it that may go now."""
        return self._readmission.admitted(client, work, when)

    def waiting_of(self, client: Uuid) -> Iterator[Work]:
        """Yield a client's submissions that wait here."""
        for event in self._reunion.waiting_of(client):
            yield event.body

    def withdraw(self, client: Uuid, seqs: Iterable[int], *, interrupt: bool) -> None:
        """Give up those of these tasks that wait, or do so once it is known who has it.

        With `interrupt`, also those that turn out to run.
        """
        taken, had = self._reunion.withdraw(client, seqs)
        for event in taken:
            self._give_up(event)
        for key in had:
            self._given_up[key] = interrupt or self._given_up.get(key, False)

    def _give_up(self, event: TaskSubmitted) -> None:
        aborted = without_result(event.key.seq, Status.ABORTED, ABORTED)
        end = End(aborted, (), b"")
        self._readmission.tell_end(event, end, recorded=False)

    def keep(self, task: Task, end: End) -> None:
        """Keep how a task ended whose client has not told of it.

        Or it has, and knows of later starts than the engine.
        """
        key, status = task.key, end.outcome.status
        if status is Status.LOST and self._reunion.has_had(key):
            self._endings.recall(key)  # what is lost is but its engine's copy
            return
        past = after(task.past, status, end.outcome.engine_id)
        is_known = self._is_over or self._host.record.is_open(msg_id_of(key))
        told = Told(status, end, past=past)
        if self._reunion.keep(key, told, is_unknown=not is_known):
            self._settle()
        elif self._leftovers.resumes(key, told):
            asyncio.get_running_loop().call_soon(self._take_up_late)
        else:
            self._record(key, told)

    def _record(self, key: TaskKey, told: Told) -> None:
        """Record how a task ended whose client does not ask; or nobody knows it."""
        is_back, record = self._reunion.is_back(key.client), self._host.record
        if not (is_back or record.is_open(msg_id_of(key))) and told.has_started:
            self._reunion.forget(key)
        end: End = told.outcome
        if not is_back and (note := self._leftovers.note_on(key, told)):
            end = end._replace(outcome=replace(end.outcome, note=note))
        self._endings.record(key, end)

    def _take_up_late(self) -> None:
        self.release(monotonic())
        self._on_late()

    # What waits

    def release(self, now: float, keys: Iterable[TaskKey] | None = None) -> None:
        """Let go what waits no longer."""
        while True:
            going: list[Event] = []
            for event, told in self._reunion.release(keys):
                going += self._released(event, told)
            if going:
                self._host.handle(going, now)
            keys = None
            if not self._reunion.is_stale:
                break
        self._ask_of_others()
        if not self._reunion.is_patient and not self._reunion.awaited:
            self._leftovers.take_up(now)
        self._settle()

    def _released(self, event: TaskSubmitted, told: Told | None) -> list[Event]:
        """Deal with a task that waits no longer; return what the machine is to hear."""
        key = event.key
        interrupt = self._given_up.pop(key, None)
        if told is not None:
            self._readmission.tell_end(event, told.outcome, recorded=told.final)
            return []
        is_had = event.lost or key in self._host.machine.tasks
        if interrupt is not None and not is_had:
            self._give_up(event)
            return []
        begun = self._readmission.begin(event, time())
        if interrupt is None:
            return [begun]
        return [begun, TasksAborted(key.client, [key.seq], interrupt)]

    def look(self, now: float) -> None:
        """Let go what waits, if something has changed for it."""
        if self._reunion.is_stale:
            self.release(now)
        else:
            self._ask_of_others()
            self._settle()

    def _ask_of_others(self) -> None:
        """Ask the record of tasks that others depend on."""
        asked = self._reunion.to_ask()

        def learned(now: float) -> None:
            self._reunion.found(asked)
            self.release(now)

        if asked:
            self._endings.learn(asked, learned)

    def _settle(self) -> None:
        """Have engines keep what they send while it waits for clients here."""
        holds_back = bool(self._reunion.ended) and self._reunion.is_patient
        if holds_back is not self._holds_back:
            self._holds_back = holds_back
            self._engines.hold_back(holds_back)

    # Who does not come

    def hurry(self, now: float) -> None:
        """Wait no longer for clients: the record has what their tasks gave."""
        self._reunion.hurry()
        for key, told in list(self._reunion.ended.items()):
            is_back = self._reunion.is_back(key.client)
            if not is_back and self._host.record.is_open(msg_id_of(key)):
                del self._reunion.ended[key]
                if not self._leftovers.resumes(key, told):
                    self._record(key, told)
        self._endings.record_had()
        self.release(now)

    def end(self, now: float) -> None:
        """Forget what nobody has asked for, but for those that depend on it."""
        self._is_over = True
        for key, told in list(self._reunion.ended.items()):
            if not self._reunion.is_back(key.client):
                del self._reunion.ended[key]
                self._record(key, told)
        self._leftovers.give_up(now)
        self._endings.forget()

    def say(self, key: TaskKey, now: float) -> str:
        """Say what a task waits for here; '' if it does not."""
        return self._reunion.say(now) if self._reunion.is_waiting(key) else ""
