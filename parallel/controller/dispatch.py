"""Carries out what the task scheduler decides, over the peers' connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ..aliases import Digest, Uuid
from ..protocol.messages import (
    Assign,
    Define,
    EngineDied,
    EngineInfo,
    Interrupt,
    Message,
    Revoke,
)
from ..state.events import (
    Action,
    DeliverOutcome,
    EngineDrained,
    EngineJoined,
    EngineLost,
    Event,
    FailTask,
    InterruptTask,
    KillEngine,
    RevokeTasks,
    SendTask,
    TellPast,
    TimePassed,
)
from ..state.naming import TaskKey
from ..state.scheduler import Scheduler
from .clocks import as_machine_time
from .drains import Drains
from .functions import FunctionStore
from .intake import Intake
from .limits import Holdings
from .outcomes import Outcomes
from .peers import Peers
from .reopening.reopening import Reopening
from .reports import Reports
from .setups import Setups
from .store.record import Record
from .work import Work

__all__ = ["Dispatch"]

#: So many functions an engine is remembered to know.
KNOWN = 1024


class Dispatch:
    """The shell around `state.scheduler`."""

    def __init__(
        self,
        peers: Peers,
        machine: Scheduler,
        record: Record,
        kill: Callable[[Uuid, str], None],
        holdings: Holdings,
        epoch: int = 1,
    ) -> None:
        self.machine = machine
        self.record = record
        self._peers = peers
        self._kill = kill
        self.functions = FunctionStore()
        self._setups = Setups(epoch)
        self.drains = Drains(self.handle, machine.engines)
        #: What is left of earlier controllers, if there was one.
        self.reopening: Reopening | None = None
        #: Of each engine, functions that it knows.
        self._known: defaultdict[Uuid, set[Digest]] = defaultdict(set)
        self.intake = Intake(self, peers, self._setups, holdings, self._look_at_old)
        outcomes = self._outcomes = Outcomes(self, peers, self._setups)
        self.reports = Reports(self, peers, outcomes.recent, self._look_at_old)
        #: What is being carried out, and what is to be after it.
        self._actions: list[Action] | None = None
        self._carry: dict[type, Any] = {
            SendTask: self._send_task,
            DeliverOutcome: outcomes.deliver,
            TellPast: outcomes.tell_past,
            FailTask: outcomes.fail,
            RevokeTasks: lambda each: self._order(each.uuid, Revoke(each.ordinals)),
            InterruptTask: lambda action: self._order(
                action.uuid, Interrupt(action.ordinal, action.status, action.reason)
            ),
            KillEngine: lambda action: self._kill(action.uuid, action.reason),
            EngineDrained: lambda action: self.drains.drained(action.uuid),
        }

    def inherit(self, reopening: Reopening) -> None:
        """Go on with what is left of earlier controllers."""
        self.reopening = reopening
        self.intake.reopening = self._outcomes.reopening = reopening

    def _look_at_old(self, now: float) -> None:
        """See to what waits for engines and clients of earlier controllers."""
        if self.reopening is not None and self.reopening.is_busy:
            self.reopening.look(now)

    # Engines come and go

    def engine_joined(self, info: EngineInfo, now: float) -> None:
        """Give an engine its first work: what clients want set up there, above all."""
        uuid = info.uuid
        setups: list[tuple[TaskKey, Work]] = []
        for client, work in self._setups:
            self.functions.hold(work.submit.digest)
            setups.append((self._setups.new_key(client), work))
        joined = EngineJoined(
            uuid, info.engine_id, info.resources, info.labels, setups,
            until=as_machine_time(info.until, now),
        )  # fmt: skip
        self.handle([joined], now)
        if self.reopening is not None:
            self.reopening.spoke(uuid, (), now)

    def engine_missed(self, died: EngineDied, now: float) -> None:
        """Take note of a death, when the machine does not have the engine."""
        self.drains.gone(died.uuid)
        if self.reopening is not None:
            self.reopening.missed(died, now)

    def engine_lost(
        self, died: EngineDied, position: int | None, now: float, *, proved: bool
    ) -> None:
        """Do with a dead engine's work what the machine decides."""
        engine = self.machine.engines.get(died.uuid)
        self._outcomes.dying = None if engine is None else (engine.engine_id, died)
        lost = EngineLost(died.uuid, died.reason, position, proved, died.reach)
        self.handle([lost], now)
        self._outcomes.dying = None
        self._known.pop(died.uuid, None)
        self._outcomes.recent.pop(died.uuid, None)
        self.drains.gone(died.uuid)

    def on_time(self, now: float) -> None:
        """Tell the machine that it is as late as it asked."""
        self.handle([TimePassed()], now)

    # Carrying out

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Let the machine decide, and do it: behind what is being done, if anything.

        To carry an action out may lead to further events. What these lead to must not
        overtake what was decided before: engines take their tasks in order.
        """
        actions = self.machine.handle_all(events, now)
        if self._actions is not None:
            self._actions += actions
            return
        self._actions = actions
        carry = self._carry
        try:
            for action in actions:  # and those that are added meanwhile
                carry[type(action)](action)
        finally:
            self._actions = None

    def _send_task(self, action: SendTask) -> None:
        peer = self._peers.work.get(action.uuid)
        if peer is None:  # its connection broke: it returns, or is found dead
            return
        work: Work = action.task.body
        submit = work.submit
        digest = submit.digest
        known = self._known[action.uuid]
        if digest and digest not in known:
            if len(known) >= KNOWN:
                known.clear()  # to define one again does no harm
            known.add(digest)
            self._peers.say(peer, Define(digest, self.functions.code(digest)))
        assign = Assign(
            action.ordinal,
            submit.method,
            digest,
            submit.payload,
            submit.frames,
            action.task.pinned is not None,
            action.task.terms.depth,
            action.task.token,
            action.task.once,
        )
        self._peers.say(peer, assign, work.frames)

    def _order(self, uuid: Uuid, message: Message) -> None:
        """Tell an engine something that does not wait for its work."""
        peer = self._peers.channel(uuid, "control")
        if peer is not None:
            self._peers.say(peer, message)

    def tell_client(
        self, key: TaskKey, message: Message, frames: Sequence[Any] = ()
    ) -> bool:
        """Tell the client of a task something; tell whether it is there."""
        peer = self._peers.work.get(key[0])
        if peer is not None:
            self._peers.say(peer, message, frames)
        return peer is not None
