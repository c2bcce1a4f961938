"""A client's two lines to the controller, and what is open on them."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from time import time as timestamp  # of day, as the engines' clocks tell theirs
from typing import Any

import msgspec

from ..aliases import Digest, EngineId
from ..errors import (
    ConnectionClosed,
    ConnectionRefused,
    ControllerUnreachable,
    ParallelError,
    TransportError,
)
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    Abort,
    Answer,
    Credit,
    Define,
    EngineJoined,
    EngineLeft,
    Goodbye,
    Hello,
    Message,
    Method,
    Need,
    Outcome,
    Ping,
    Pong,
    Published,
    Refused,
    SetupEnded,
    Submit,
    TaskOutput,
    Trouble,
    Welcome,
    WhoAreYou,
)
from ..protocol.terms import USUAL, Terms
from ..protocol.wire import INLINE_NBYTES, stow
from ..serialize.calls import Function, FunctionCache
from ..serialize.objects import Packed
from ..transport import nesting, sockets
from ..transport.dealer import GREET_EVERY
from .absence import Absence, say_forgotten
from .interrupts import INTERRUPTS
from .line import Line
from .opentasks import OpenTasks, Sink
from .pace import Pace
from .presence import Presence
from .pump import Pump
from .questions import Questions
from .reopening import Reopening
from .sent import SentFunctions
from .troubles import Troubles
from .waits import Waits
from .whereabouts import explain_tasks

__all__ = ["Connection", "Line", "Sink", "timestamp"]

_log = logging.getLogger("parallel.client")

#: A lone submission leaves at once; those that follow it faster than this, seconds,
#: leave together.
TOGETHER = 5e-4
#: Somebody listens there, and hangs up before we are greeted: it will not do better
#: after so long, seconds.
HUNG_UP = 2.0
KEY_HINT = (
    " Somebody is there and breaks the connection off: the keys may be those of "
    "another cluster, or the controller has all the connections that it may have: its "
    "log tells."
)
#: What was submitted last is sent within this, ms, before the sockets close.
LEAVING_MS = 5_000


class Connection(Presence):
    """Submits, and delivers what comes back.

    Parameters
    ----------
    timeout
        Seconds to wait for the controller's welcome.

    Raises
    ------
    ControllerUnreachable
        Nobody answered in that time.
    ConnectionRefused
        The controller said no, and why.
    """

    def __init__(self, info: ConnectionInfo, timeout: float) -> None:
        super().__init__()
        self._info = info
        self._uuid = uuid.uuid4().bytes
        #: What message ids begin with.
        self.session = self._uuid.hex()
        self._context = sockets.new_context(encrypted=info.curve is not None)
        self._lines: list[Line] = []
        for channel in ("work", "control"):
            dealer = sockets.connect_peer(self._context, info)
            self._lines.append(Line(dealer, self._hello(channel)))
        self._work, self._control = self._lines
        #: What was submitted and has not come back.
        self.tasks = OpenTasks()
        self._open = self.tasks.open
        #: What the controller was asked, and has not answered.
        self.questions = Questions(self.order, partial(self.wait, explain=list))
        self._next_seq = 0
        self._seq_lock = threading.Lock()
        self._functions = FunctionCache()
        self._sent = SentFunctions(self.tasks.digests)
        #: What another controller in the place of this one is told.
        self.reopening = Reopening(self.tasks, self.questions, self._sent)
        self._flushed = 0.0
        #: What is said and done while the controller cannot be reached.
        self.absence = Absence(info.urls[0])
        #: When a connection broke first, if only before the greeting was answered.
        self._broke = 0.0
        #: Both lines are welcome: nothing to look after.
        self._calm = False
        self._shut = False
        #: Why no more can be sent, once that is so.
        self.closed: ParallelError | None = None
        #: Why engines may not come that somebody waits for.
        self.troubles = Troubles()
        self._handlers = self._make_handlers()
        self._monitored = {line.monitor.descriptor for line in self._lines}
        descriptors = [line.descriptor for line in self._lines]
        descriptors += self._monitored
        self._pump = Pump(self._turn, descriptors, self._has_output, self._next_timer)
        self._pump.on_failure = partial(_fail, self)
        self.waits = Waits(self._pump.wait, self._explain)
        self._pace = Pace(self, self._pump)
        self.defers, self.attend = self._pump.defers, self._pump.attend
        try:
            self._greet(timeout)
            self._pump.start()
        except BaseException:  # an interrupt, which leaves nobody to close this
            self._end(ConnectionClosed("the connecting was interrupted"))
            self.close()
            raise

    def _make_handlers(self) -> dict[type, Callable[[Line, Any, Sequence[Any]], None]]:
        tasks, troubles = self.tasks, self.troubles
        return {
            Welcome: lambda line, message, _: self._on_welcome(line, message),
            WhoAreYou: lambda line, *_: line.ask_again(),
            Refused: lambda _, message, __: self._end(
                ConnectionRefused(f"{self._info.urls[0]} refused: {message.reason}")
            ),
            Goodbye: lambda _, message, __: self._end(TransportError(message.reason)),
            TaskOutput: lambda _, message, __: tasks.on_output(message),
            Published: lambda _, message, frames: tasks.on_published(message, frames),
            Need: lambda _, message, __: self._on_need(message),
            SetupEnded: lambda _, ended, frames: troubles.on_setup_ended(ended, frames),
            EngineJoined: lambda _, message, __: self.on_joined(message),
            EngineLeft: lambda _, message, __: self.on_left(message),
            Trouble: lambda _, message, __: troubles.on_trouble(message),
            Answer: lambda _, answer, frames: self.questions.on_answer(answer, frames),
            Credit: lambda _, message, __: self._pace.on_credit(message),
            Ping: lambda line, *_: line.outbox.append((Pong(), ())),
            Pong: lambda *_: None,
        }

    # Coming and going

    def _hello(self, channel: str) -> Hello:
        return Hello(
            role="client",
            channel=channel,
            uuid=self._uuid,
            secret=self._info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
        )

    def _greet(self, timeout: float) -> None:
        begin = monotonic()
        for line in self._lines:
            line.greet(begin)
        over = self._greeting_is_over
        if self._pump.wait(over, lambda _: None, begin + timeout):
            timeout = monotonic() - begin
        if self.closed is None and not self._are_open():
            where = self._info.urls[0]
            self._end(ControllerUnreachable(
                f"no controller answered at {where} within {timeout:.3g} s: "
                "is the cluster still running, and is this host able to reach "
                f"{self._info.location}?" + (KEY_HINT if self._broke else "")
            ))  # fmt: skip
        if self.closed is not None:
            error = self.closed
            self.close()
            raise error

    def _greeting_is_over(self) -> bool:
        hung_up = self._broke > 0 and monotonic() - self._broke > HUNG_UP
        return hung_up or self.closed is not None or self._are_open()

    def _are_open(self) -> bool:
        return all(line.is_open for line in self._lines)

    def close(self) -> None:
        """Take leave of the controller, and release everything."""
        if self._shut:
            return
        self._pump.look()  # it may have gone: then there is nobody to take leave of
        try:
            _see_off(self)
        finally:
            _leave(self)

    def abandon(self) -> None:
        """Let go of what belongs to the process that this one was forked from."""
        self._shut = True
        self.closed = ConnectionClosed(
            "this client is of the process that forked this one: make a Client here"
        )
        self._pump.abandon()

    def _end(self, error: ParallelError) -> None:
        """Take note that nothing will come any more, and tell who waits."""
        if self.closed is None:
            self.closed = error
        self.tasks.give_up(error)
        self.questions.give_up(error)

    # Submitting

    def pack_function(self, f: Any) -> Function:
        """Return a function packed, and see that the controller has it."""
        function = self._functions.pack(f)
        if function.digest not in self._sent:
            with self._seq_lock:
                self._sent.add(function)
            self._work.outbox.append((Define(function.digest, function.code), ()))
        return function

    def submit(
        self,
        sink: Sink,
        method: Method,
        digest: Digest,
        packed: Packed,
        targets: list[EngineId] | None = None,
        index: int = 0,
        terms: Terms | None = None,
    ) -> int:
        """Send one payload to each target, or to any engine; return the first seq.

        The outcomes go to `sink` under `index` and up.
        """
        if self.closed is not None:
            raise self.closed
        depth = 0 if nesting.current is None else nesting.current.depth
        if depth:
            terms = msgspec.structs.replace(terms or USUAL, depth=depth)
        count = len(targets) if targets else 1
        payload, frames = packed.payload, packed.buffers
        nbytes = len(payload)
        if frames or nbytes > INLINE_NBYTES:
            payload, frames = stow(payload, frames)
            nbytes = sum(memoryview(frame).nbytes for frame in frames)
        if self._sent.fresh:  # its code counts, too, with its first task
            nbytes += self._sent.fresh.pop(digest, 0)
        with INTERRUPTS, self._seq_lock:
            seq = self._next_seq
            self._next_seq = seq + count
            self.tasks.nbytes += nbytes * count
            message = Submit(seq, method, digest, payload, len(frames), targets, terms)
            for i in range(count):
                self._open[seq + i] = (sink, index + i, nbytes, message, frames)
            if terms is not None:
                self.tasks.ends.depend(seq, terms, self.session)
            self._work.outbox.append((message, frames))
            if depth:
                self._pace.levels.add(depth, range(seq, seq + count), nbytes)
        return seq

    def abort(self, seqs: Sequence[int], *, interrupt: bool = False) -> None:
        """Have tasks given up that have not started; with `interrupt`, also the others.

        Each still gets its outcome, which tells what became of it.
        """
        seqs = [seq for seq in seqs if seq in self._open]
        if seqs and self.closed is None:
            self.tasks.note_aborted(seqs, interrupt)
            # On the work line, behind what it means.
            self._work.outbox.append((Abort(seqs, interrupt), ()))
            self._pump.nudge(now=True)

    def seq_of(self, msg_id: str) -> int | None:
        """Return the number of one of this client's tasks, or None."""
        session, _, seq = msg_id.rpartition("_")
        return int(seq) if session == self.session and seq.isdigit() else None

    def set_off(self) -> None:
        """See that what was submitted leaves: at once, or together with more.

        Who waits next need not ask for it.
        """
        self._pump.nudge(now=monotonic() - self._flushed > TOGETHER)

    def pace(self, view: Any) -> None:
        """Hold back what a view submits while too much is under way: see `Pace`."""
        pace = self._pace
        if len(self._open) >= pace.tasks or self.tasks.nbytes >= pace.nbytes:
            pace.hold_back(raises=view.when_full == "raise")

    @property
    def submitted(self) -> int:
        """How many tasks were submitted so far."""
        return self._next_seq

    @property
    def outstanding(self) -> list[int]:
        """The numbers of the unfinished tasks."""
        return list(self._open)

    def is_open(self, seq: int) -> bool:
        """Tell whether a task has not finished."""
        return seq in self._open

    def tell(self, message: Message, frames: Sequence[Any] = ()) -> None:
        """Send a message behind what was submitted."""
        self._work.outbox.append((message, frames))

    def order(self, message: Message, *, behind: bool = False) -> None:
        """Send an order on the control line, or behind what was submitted."""
        if self.closed is not None:
            raise self.closed
        line = self._work if behind else self._control
        line.outbox.append((message, ()))
        self._pump.nudge(now=True)

    # Waiting

    def wait(
        self,
        done: Callable[[], bool],
        follow: Callable[[float | None], object] | None = None,
        timeout: float | None = None,
        explain: Callable[[], list[str]] | None = None,
    ) -> bool:
        """Wait until `done()`, at most `timeout` seconds; tell whether it is.

        Parameters
        ----------
        follow
            Waits for the same, at most so many seconds, while another thread reads.
        explain
            Says what is waited for, in lines; by default how the tasks stand.
        """
        if self._shut and self.closed is not None and not done():
            raise self.closed
        return self.waits.wait(
            done, follow or _pause, timeout, explain or self._explain
        )

    def _explain(self) -> list[str]:
        """Say what unfinished tasks wait for."""
        return explain_tasks(self) if self._calm else [self.absence.say()]

    def look(self) -> None:
        """Take in what has come, without waiting."""
        self._pump.look()

    # The pump's side: all of it under the pump's lock

    def _turn(self, ready: Sequence[int] | None) -> bool:
        """Send all there is, read one batch of work, and what else has input.

        Sending uses up the edge of a zmq descriptor, so the work line is read in
        each turn, until nothing came, and the other one whenever something was sent.
        """
        if self._shut:
            return False
        asks = bool(self._control.outbox)
        self._flush()
        work = self._work.socket
        batch = sockets.receive(work) if sockets.has_input(work) else None
        if batch is not None:
            self._read(self._work, *batch)
        if ready is None or asks or not self._calm or self._control.descriptor in ready:
            while (other := sockets.receive(self._control.socket)) is not None:
                self._read(self._control, *other)
        # A monitor's descriptor tells nothing before it was read for the first time.
        if ready is None or not self._calm or self._monitored.intersection(ready):
            for line in self._lines:
                if line.monitor.lost():
                    self._on_disconnect(line)
        if not self._calm:
            self._look_after_greeting()
        return batch is not None

    def _flush(self) -> None:
        for line in self._lines:
            if line.outbox:
                line.flush()
                self._flushed = monotonic()

    def _has_output(self) -> bool:
        return self._calm and bool(self._work.outbox or self._control.outbox)

    def _next_timer(self) -> float | None:
        if self._calm or self.closed is not None:
            return None
        return monotonic() + GREET_EVERY

    def _look_after_greeting(self) -> None:
        now = monotonic()
        for line in self._lines:
            line.tend(now)
        self._calm = self._are_open()
        if self._calm:
            self.absence.over()
        elif self.closed is None and all(line.was_open for line in self._lines):
            away = min(line.away for line in self._lines if not line.is_open)
            why = self.absence.look(now - away)
            if why:
                self._end(TransportError(why))

    def _on_disconnect(self, line: Line) -> None:
        self._broke = self._broke or monotonic()
        line.cut = True
        self._calm = False

    def _read(self, line: Line, head: Any, frames: list[Any]) -> None:
        messages = line.read(head, frames)
        if not line.is_open:
            self._calm = False
        at = 0
        for message in messages:
            count = getattr(message, "frames", 0)
            own = frames[at : at + count] if count else ()
            at += count
            if type(message) is Outcome:  # nearly all are
                self.tasks.on_outcome(message, own)
            else:
                self._handlers[type(message)](line, message, own)

    def _on_welcome(self, line: Line, welcome: Welcome) -> None:
        anew = line.was_open and welcome.epoch != line.epoch
        first, is_work = not line.was_open, line is self._work
        if anew and welcome.restores:  # it is to be told what is under way
            wants, known = self._pace.has_asked, list(self.engines)
            with self._seq_lock:  # what is submitted from now on comes after it
                count = self._next_seq if is_work else None
                self.reopening.begin(line, count, known, wants_credit=wants)
            first = True
        if not line.welcome(welcome):
            self._end(TransportError(say_forgotten(self._info.urls[0], anew=anew)))
        elif first and is_work:  # further news of engines comes here, too
            self.on_engines(welcome)

    def _on_need(self, need: Need) -> None:
        code = self._sent.code(need.digest)
        if code is not None:
            self._work.outbox.append((Define(need.digest, code), ()))


def _fail(connection: Connection, error: Exception) -> None:
    """End all that waits on a connection, for what it waits for may be lost."""
    _log.error("a batch cannot be dealt with", exc_info=error)
    connection._end(TransportError(
        "what the controller sent, or was to be sent, cannot be dealt with "
        f"({type(error).__name__}: {error}): this client reads no more. What was under "
        "way has no result here"
    ))  # fmt: skip


def _see_off(connection: Connection) -> None:
    """While cut off, wait a little until what was submitted can leave, or say so."""
    pump, work = connection._pump, connection._work

    def over() -> bool:
        return connection._calm or connection.closed is not None

    def unheard() -> int:
        with pump.lock:
            return work.unheard()

    if over() or not unheard():
        return
    if not pump.wait(over, _pause, monotonic() + LEAVING_MS / 1000):
        _log.warning(
            "this client is closed while there is no word from the controller at %s: "
            "%d tasks that were submitted last may not have arrived there",
            connection._info.urls[0], unheard(),
        )  # fmt: skip


def _leave(connection: Connection) -> None:
    """Say goodbye if somebody is there, and close all."""
    for line in connection._lines:
        line.outbox.append((Goodbye(), ()))
    with connection._pump.lock:
        # What was submitted and not waited for is still to be sent.
        there = connection.closed is None and connection._calm
        if there:
            connection._flush()
        connection._end(ConnectionClosed("this client was closed"))
        connection._shut = True
    connection._pump.close()
    for line in connection._lines:
        line.close()
    connection._context.destroy(LEAVING_MS if there else 0)


def _pause(seconds: float | None) -> None:
    threading.Event().wait(seconds)
