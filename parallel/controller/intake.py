"""Takes in what clients want done, and keeps it until the scheduler has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic, time
from typing import Any

from ..aliases import EngineId, Uuid
from ..errors import ProtocolError
from ..protocol.messages import Abort, Define, Need, Setup, Status, Submit
from ..protocol.terms import USUAL
from ..protocol.wire import digest_of
from ..state.events import TasksAborted, TaskSubmitted
from ..state.naming import TaskKey, task_key
from ..state.stories import ABORTED
from .credits import Credits
from .hearing import Come
from .host import Host
from .limits import Holdings
from .overdrafts import Overdrafts
from .parking import Parking
from .peer import Peer
from .peers import Peers
from .reopening.reopening import Reopening
from .setups import Setups
from .store.entry import without_result
from .work import Work

__all__ = ["Intake"]

#: The targets of a task that any engine may run.
ANYWHERE: Sequence[EngineId | None] = (None,)
#: So many tasks are handed to the machine together at most.
MANY = 1 << 15


class Intake:
    """Submissions, functions and setups of the clients that are there.

    Parameters
    ----------
    look_at_old
        Sees to what waits for engines and clients of earlier controllers.
    """

    def __init__(
        self,
        host: Host,
        peers: Peers,
        setups: Setups,
        holdings: Holdings,
        look_at_old: Callable[[float], None],
    ) -> None:
        self._machine, self._record = host.machine, host.record
        self._functions = host.functions
        self._handle, self._tell_client = host.handle, host.tell_client
        self._look_at_old = look_at_old
        self._peers = peers
        self._setups = setups
        self._parking = Parking()
        #: How much each client may have under way.
        self.credits = Credits(peers, holdings)
        self.overdrafts = Overdrafts(
            peers, holdings, self._machine.tasks, self._kept_for, self._functions,
            lambda client, seqs, now: self.abort(client, seqs, False, now),
            self._machine.engines,
        )  # fmt: skip
        #: What is left of earlier controllers, if there was one.
        self.reopening: Reopening | None = None

    def on_submits(self, peer: Peer, come: Come[Submit], now: float) -> None:
        """Take in submissions that came together."""
        client, functions, parking = peer.uuid, self._functions, self._parking
        events: list[TaskSubmitted] = []
        when, last = time(), peer.submitted
        for submit, frames in come:
            if submit.seq <= last:  # no honest client's: they count up
                self._handle(events, now)
                events, peer.counted = [], None
                if self._has_some(client, submit):
                    continue
            last = submit.seq + len(submit.targets or ANYWHERE) - 1
            work = Work(submit, frames)
            if submit.digest in functions and client not in parking:
                events += self.admitted(client, work, when)
                if len(events) > MANY:
                    self._handle(events, now)
                    events, peer.submitted = [], last
                    self.overdrafts.look(peer, now)
                continue
            if submit.digest not in functions and client not in parking:
                self._peers.say(peer, Need(submit.digest))
            parking.park(client, work)
        peer.submitted = last
        self._handle(events, now)
        self._look_at_old(now)
        self.overdrafts.look(peer, now)

    def _has_some(self, client: Uuid, submit: Submit) -> bool:
        """Tell whether a task of a submission is here already."""
        numbers = range(submit.seq, submit.seq + len(submit.targets or ANYWHERE))
        return any(TaskKey(client, seq) in self._machine.tasks for seq in numbers)

    def is_coming(self, msg_id: str) -> bool:
        """Tell whether a task may be on its way from a client that is there."""
        key = task_key(msg_id)
        if key is None:
            return False
        peer = self._peers.work.get(key.client)
        if self.reopening is not None and self.reopening.is_coming(key):
            return True
        on_the_way = peer is not None and key.seq > peer.submitted
        return on_the_way or key.client in self._parking

    def admitted(self, client: Uuid, work: Work, when: float) -> list[TaskSubmitted]:
        """Take in one submission: return a task for each of its targets."""
        if self.reopening is not None and self.reopening.concerns(work.submit):
            return self.reopening.admitted(client, work, when)
        submit, frames = work.submit, work.frames
        digest, terms = submit.digest, submit.terms or USUAL
        code = self._functions.code(digest) if digest else b""
        events: list[TaskSubmitted] = []
        for seq, target in enumerate(submit.targets or ANYWHERE, submit.seq):
            self._functions.hold(digest)
            key = TaskKey(client, seq)
            self._record.open(key, submit, frames, code, when)
            events.append(TaskSubmitted(key, work, target, terms))
        return events

    def on_define(self, define: Define, now: float) -> None:
        """Keep a function, and let go what waited for it.

        Raises
        ------
        ProtocolError
            It has another one's name: others' tasks would call it.
        """
        if define.digest != digest_of(define.code):
            raise ProtocolError("the function is not the one that its digest names")
        self._functions.define(define.digest, define.code)
        for client in self._parking.clients():
            for work in self._parking.release(client, self._functions.__contains__):
                self._handle(self.admitted(client, work, time()), now)
                self._look_at_old(now)
            lacking = self._parking.lacking(client)
            peer = self._peers.channel(client, "work")
            if lacking is not None and peer is not None:
                self._peers.say(peer, Need(lacking))

    def on_abort(self, peer: Peer, abort: Abort, now: float) -> None:
        """Give up tasks of a client: see `state.events.TasksAborted`."""
        self.abort(peer.uuid, abort.seqs, abort.interrupt, now)

    def abort(
        self, client: Uuid, seqs: Sequence[int], interrupt: bool, now: float
    ) -> None:
        """Give up tasks, whoever asks for it."""
        for seq in self._parking.withdraw(client, set(seqs)):
            aborted = without_result(seq, Status.ABORTED, ABORTED)
            self._tell_client(TaskKey(client, seq), aborted)
        if self.reopening is not None and self.reopening.is_busy:
            self.reopening.withdraw(client, seqs, interrupt=interrupt)
        self._handle([TasksAborted(client, seqs, interrupt)], now)

    def on_setup(
        self, peer: Peer, setup: Setup, frames: Sequence[Any], now: float
    ) -> None:
        """Run something on each engine that its client does not know yet."""
        if setup.digest not in self._functions:  # it came just before: it cannot be
            return
        peer.counted = None  # it is no submission, and kept all the same
        self._functions.hold(setup.digest)
        work, earlier = self._setups.add(peer.uuid, setup, frames)
        if earlier is not None:
            self._functions.release(earlier.submit.digest)
        there = {i for i, e in self._machine.by_id.items() if not e.leaving}
        for engine_id in sorted(there - set(setup.known)):
            self._functions.hold(setup.digest)
            key = self._setups.new_key(peer.uuid)
            self._handle([TaskSubmitted(key, work, engine_id)], now)

    def client_left(self, client: Uuid) -> None:
        """Forget what waits for a function that will not come any more."""
        self._parking.forget(client)
        self.credits.leave(client)
        self.overdrafts.forget(client)
        for work in self._setups.forget(client):
            self._functions.release(work.submit.digest)
        if self.reopening is not None:
            self.reopening.left(client, monotonic())

    def _kept_for(self, client: Uuid) -> Iterator[Work]:
        """Yield what is kept for a client, beside tasks in the machine's hands."""
        yield from self._parking.of(client)
        yield from self._setups.of(client)
        if self.reopening is not None:
            yield from self.reopening.waiting_of(client)
