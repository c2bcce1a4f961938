"""A client's connection: opened and closed, submitted by, and waited on."""

from __future__ import annotations

import logging
import threading
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from ..aliases import Digest, EngineId
from ..errors import (
    ConnectionClosed,
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
    Goodbye,
    Message,
    Method,
    Need,
    Published,
    Submit,
    Welcome,
)
from ..protocol.terms import USUAL, Terms
from ..protocol.views import COMM
from ..protocol.wire import INLINE_NBYTES, stow
from ..serialize.callables import Function, FunctionCache
from ..serialize.objects import Packed
from ..transport import nesting
from .absence import TOLD_AFTER, say_forgotten, say_unanswered
from .comms import Comms
from .interrupts import INTERRUPTS
from .line import Line
from .lines import Handlers, Lines
from .opentasks import Sink
from .pace import Pace
from .pump import Pump
from .questions import Questions
from .reopening import Reopening
from .sent import SentFunctions
from .waits import Waits
from .whereabouts import explain_tasks

if TYPE_CHECKING:
    from ..transport.tunnel import Tunnel

__all__ = ["Connection"]

_log = logging.getLogger("parallel.client")

#: A lone submission leaves at once; those that follow it faster than this, seconds,
#: leave together.
TOGETHER = 5e-4
#: What was submitted last is sent within this, ms, before the sockets close.
LEAVING_MS = 5_000
#: The record tells by this what a front end said to widgets.
ASIDE = Terms(label="widgets")


class Connection(Lines):
    """Submits, and delivers what comes back.

    Parameters
    ----------
    timeout
        Seconds to wait for the controller's welcome.
    tunnel
        What carries it, and ends with it.

    Raises
    ------
    ControllerUnreachable
        Nobody answered in that time.
    ConnectionRefused
        The controller said no, and why.
    """

    def __init__(
        self, info: ConnectionInfo, timeout: float, tunnel: Tunnel | None = None
    ) -> None:
        super().__init__(info)
        self._tunnel = tunnel
        #: What message ids begin with.
        self.session = self._uuid.hex()
        self._open = self.tasks.open
        #: What the controller was asked, and has not answered.
        self.questions = Questions(self.order, partial(self.wait, explain=list))
        self._comms = Comms(self._submit_aside)
        #: The numbers of tasks that are not the user's, in their order.
        self.unlisted = array("q")
        self._aside_lock = threading.Lock()
        self._next_seq = 0
        self._seq_lock = threading.Lock()
        self._functions = FunctionCache()
        self._sent = SentFunctions(self.tasks.digests)
        #: What another controller in the place of this one is told.
        self.reopening = Reopening(self.tasks, self.questions, self._sent)
        turn, descriptors = self._turn, self._descriptors
        self._pump = Pump(turn, descriptors, self._has_output, self._next_timer)
        self._pump.on_failure = self._on_failure
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

    def _make_handlers(self) -> Handlers:
        return super()._make_handlers() | {
            Welcome: lambda line, message, _: self._on_welcome(line, message),
            Published: lambda _, message, frames: self._on_published(message, frames),
            Need: lambda _, message, __: self._on_need(message),
            Answer: lambda _, answer, frames: self.questions.on_answer(answer, frames),
            Credit: lambda _, message, __: self._pace.on_credit(message),
        }

    # Coming and going

    def _greet(self, timeout: float) -> None:
        """Wait for the controller's welcome on both lines; say so if it takes long."""
        where, begin = self._info.where, monotonic()
        for line in self._lines:
            line.greet(begin)
        over = self._greeting_is_over
        for seconds in (TOLD_AFTER, timeout):
            self._pump.wait_apart(over, _pause, begin + min(seconds, timeout))
            if over() or seconds >= timeout:
                break
            _log.warning(
                "no controller has answered at %s for %.3g s: is the cluster still "
                "there, and %s Trying again; gives up after %.3g s",
                where, seconds, self._say_way(), timeout,
            )  # fmt: skip
        if not over():
            self._end(ControllerUnreachable(
                f"no controller answered at {where} within {timeout:.3g} s: is the "
                f"cluster still running, and {self._say_way()}"
            ))  # fmt: skip
        if self.closed is not None:
            error = self.closed
            self.close()
            raise error

    def _say_way(self) -> str:
        """Say why it may be that nobody answers, and what to do."""
        if self._tunnel is not None:
            return self._tunnel.story()
        return say_unanswered(self._info, broke=self._broke)

    def _greeting_is_over(self) -> bool:
        return self.closed is not None or self._are_open()

    def another(self, timeout: float) -> Connection:
        """Return one more connection to the same controller, to be closed by itself.

        Parameters
        ----------
        timeout
            Seconds to wait for the controller's welcome.
        """
        return Connection(self._info, timeout)

    def close(self) -> None:
        """Take leave of the controller, and release everything."""
        if self._shut:
            return
        self._pump.look()  # it may have gone: then there is nobody to take leave of
        try:
            self._see_off()
        finally:
            self._leave()

    def _see_off(self) -> None:
        """While cut off, wait a little until what was submitted can leave."""
        pump, work = self._pump, self._work

        def over() -> bool:
            return self._calm or self.closed is not None

        def unheard() -> int:
            with pump.lock:
                return work.unheard()

        if over() or not unheard():
            return
        if not pump.wait_apart(over, _pause, monotonic() + LEAVING_MS / 1000):
            _log.warning(
                "this client is closed while there is no word from the controller at "
                "%s: %d tasks that were submitted last may not have arrived there",
                self._info.where, unheard(),
            )  # fmt: skip

    def _leave(self) -> None:
        """Say goodbye if somebody is there, and close all."""
        for line in self._lines:
            line.outbox.append((Goodbye(), ()))
        with self._pump.lock:
            # What was submitted and not waited for is still to be sent.
            there = self.closed is None and self._calm
            if there:
                for line in self._lines:
                    line.flush(whole=True)
            self._end(ConnectionClosed("this client was closed"))
            self._shut = True
        self._pump.close()
        for line in self._lines:
            line.close()
        self._context.destroy(LEAVING_MS if there else 0)
        if self._tunnel is not None:
            self._tunnel.close()

    def abandon(self) -> None:
        """Let go of what belongs to the process that this one was forked from."""
        self._shut = True
        self.closed = ConnectionClosed(
            "this client is of the process that forked this one: make a Client here"
        )
        self._pump.abandon()

    def _on_failure(self, error: Exception) -> None:
        """End all that waits, for what it waits for may be lost."""
        _log.error("a batch cannot be dealt with", exc_info=error)
        self._end(TransportError(
            "what the controller sent, or was to be sent, cannot be dealt with "
            f"({type(error).__name__}: {error}): this client reads no more. What was "
            "under way has no result here"
        ))  # fmt: skip

    def _end(self, error: ParallelError) -> None:
        super()._end(error)
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

    def _submit_aside(self, sink: Sink, packed: Packed, engine: EngineId) -> None:
        """Have the widgets of an engine hear something; it is in no history."""
        with self._aside_lock:
            seq = self.submit(sink, Method.COMM, b"", packed, [engine], terms=ASIDE)
            self.unlisted.append(seq)
        self.set_off()

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
        try:
            return self.waits.wait(
                done, follow or _pause, timeout, explain or self._explain
            )
        except KeyboardInterrupt as stop:  # where it came is none of the user's matters
            raise stop.with_traceback(None) from None

    def _explain(self) -> list[str]:
        """Say what unfinished tasks wait for."""
        return explain_tasks(self) if self._calm else [self.absence.say()]

    def look(self) -> None:
        """Take in what has come, without waiting."""
        self._pump.look()

    # What is heard that concerns more than the lines

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
            self._end(TransportError(say_forgotten(self._info.where, anew=anew)))
        elif first and is_work:  # further news of engines comes here, too
            self.on_engines(welcome)

    def _on_published(self, published: Published, frames: Sequence[Any]) -> None:
        if published.kind == COMM:
            self._comms.take(published, frames)
        else:
            self.tasks.on_published(published, frames)

    def _on_need(self, need: Need) -> None:
        code = self._sent.code(need.digest)
        if code is not None:
            self._work.outbox.append((Define(need.digest, code), ()))


def _pause(seconds: float | None) -> None:
    threading.Event().wait(seconds)
