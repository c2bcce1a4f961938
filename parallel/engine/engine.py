"""The engine's main thread: reads its tasks, runs them, sends what became of them."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from types import FrameType
from typing import Any

import msgspec

from ..errors import ConnectionRefused, ControllerUnreachable, TransportError
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    Assign,
    Define,
    Goodbye,
    Hello,
    Message,
    Need,
    Output,
    Publish,
    Refused,
    Result,
    Status,
    Welcome,
    WhoAreYou,
)
from ..protocol.wire import engine_decoder, stow, unstow
from ..serialize import references
from ..serialize.calls import pack_value
from ..serialize.objects import Packed
from ..transport import nesting, sockets
from ..transport.dealer import GREET_EVERY, Dealer
from . import publishing
from .execution import Ending, Execution, Ran
from .namespace import Namespace
from .nesting import Nesting, too_deep
from .offer import ShellOffer
from .output import Capture, open_stream
from .page import Page, open_page
from .process import prepare_process
from .sender import Sender
from .side import CONNECTION_BROKE, SideThread, is_closed
from .stock import Batch, Stock
from .turns import Turns

__all__ = ["RECONNECT_TIMEOUT", "Engine", "EngineSpec", "run_engine"]

log = logging.getLogger("parallel.engine")

#: A controller that cannot be reached any more is waited for so long, seconds.
RECONNECT_TIMEOUT = 60.0
#: Whoever waits for work looks this often whether its line is to be tended, seconds.
LOOK_EVERY = 0.5
#: A task is short, and its result may wait for the next one's, below this, seconds.
SHORT = 2e-4
#: Results wait for one another no longer than this, seconds.
HOLD = 1e-3
#: The durations of so many functions are remembered.
KNOWN = 1024
#: Tasks wait while so much of what earlier ones returned is not read, bytes.
UNREAD = 64 << 20
#: What is told of a task that waited behind a failed execute.
GIVEN_UP = "an earlier execute failed on this engine"
#: What is said last arrives within this, ms, or the controller is gone.
LEAVING_MS = 50


class EngineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is started with; descriptors are those of its own process.

    Parameters
    ----------
    page, stdout, stderr
        Descriptors shared with the agent, or None to make one's own.
    lifeline
        A pipe whose end means that the owner of the cluster is gone.
    timeout
        Seconds to wait for the controller; None for ever.
    resources, labels
        What tasks may take a share of while they run, and what marks it for them.
    reconnect_timeout
        Seconds that a controller is waited for that cannot be reached any more.
    """

    info: ConnectionInfo
    uuid: bytes
    engine_id: int | None = None
    page: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    lifeline: int | None = None
    timeout: float | None = None
    resources: dict[str, float] = {}
    labels: list[str] = []
    reconnect_timeout: float = RECONNECT_TIMEOUT


class Engine:
    """One engine, from its greeting to its end."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._context = sockets.new_context(encrypted=spec.info.curve is not None)
        self._work = sockets.connect_peer(self._context, spec.info)
        sockets.limit_wait(self._work, LOOK_EVERY)
        self._line = Dealer(self._work, self._hello("work"), engine_decoder())
        self._sender = Sender(self._line)
        self._inhand: deque[tuple[Assign, Sequence[Any]]] = deque()
        self._short: dict[bytes, bool] = {}
        self._page = Page(open_page() if spec.page is None else spec.page)
        self._ending = ""
        #: Direct tasks up to this ordinal are given up: an execute before them failed.
        self._given_up = 0
        self.turns = Turns()
        #: How deep what is submitted now is: in how many tasks, one within the other.
        self.depth = 0
        self.engine_id: int | None = None
        self._epoch = 0

    def _hello(self, channel: str) -> Hello:
        return Hello(
            role="engine",
            channel=channel,
            uuid=self._spec.uuid,
            secret=self._spec.info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
            engine_id=self._spec.engine_id,
            resources=self._spec.resources,
            labels=self._spec.labels,
        )

    # Joining and leaving

    def run(self) -> None:
        """Join the cluster and work until told to stop.

        Raises
        ------
        ControllerUnreachable
            Nobody answered within the spec's timeout.
        ConnectionRefused
            The controller said no.
        TransportError
            The connection broke.
        """
        socket = sockets.connect_peer(self._context, self._spec.info)
        control = Dealer(socket, self._hello("control"), engine_decoder())
        self._side = SideThread(
            self,
            control,
            self._line,
            self._end_from_side,
            lifeline=self._spec.lifeline,
            url=self._spec.info.urls[0],
            patience=self._spec.reconnect_timeout,
        )
        try:
            try:
                self._join()
                self._prepare()
                self._side.start()
                self._loop()
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
        except (Ending, SystemExit):
            pass
        finally:
            self._leave()
        if self._ending == CONNECTION_BROKE:
            raise TransportError(
                f"{CONNECTION_BROKE}: nobody is left at {self._spec.info.urls[0]}, or "
                "the way there is cut"
            )
        if self._side.failure is not None:
            raise TransportError(self._ending) from self._side.failure

    def _join(self) -> None:
        lifeline = [] if self._spec.lifeline is None else [self._spec.lifeline]
        parent = os.getppid()
        deadline = self._spec.timeout and monotonic() + self._spec.timeout
        while self.engine_id is None:
            self._line.tend(monotonic())
            sockets.wait_readable([self._work], lifeline, GREET_EVERY)
            self._read()
            if (lifeline and is_closed(lifeline[0])) or os.getppid() != parent:
                raise Ending
            if self._ending:
                raise ConnectionRefused(f"the controller refused: {self._ending}")
            if deadline and monotonic() > deadline and self.engine_id is None:
                raise ControllerUnreachable(
                    f"no controller answered at {self._spec.info.urls[0]} within "
                    f"{self._spec.timeout:g} s"
                )

    def _prepare(self) -> None:
        """Set up what users' code runs in."""
        where = {"engine_id": self.engine_id, "engine_uuid": self._spec.uuid.hex()}
        namespace = Namespace()
        self._execution = Execution(namespace, where, self.turns)
        prepare_process(self._on_terminate, self.turns)
        stdout = self._spec.stdout
        stderr = self._spec.stderr
        self._capture = Capture(
            open_stream("stdout") if stdout is None else stdout,
            open_stream("stderr") if stderr is None else stderr,
        )
        references.resolver = namespace.pull
        ShellOffer(self._execution.sources.make_shell)
        publishing.current = self
        nesting.current = Nesting(
            self,
            self.turns,
            self._capture,
            self._page,
            self._execution.functions,
            sockets.descriptor(self._work),
        )

    def _leave(self) -> None:
        failed = self._side.failure is not None
        if self._ending:
            log.info("engine %s ends: %s", self.engine_id, self._ending)
            if self._ending != CONNECTION_BROKE and not failed:
                self._page.leave()  # else another is to take its place
        self._side.stop()
        with contextlib.suppress(Exception):
            self._sender.flush()
            if self._ending not in ("", "the controller was stopped") and not failed:
                self._sender.say([Goodbye(self._ending, self.turns.position)])
        self._context.destroy(linger=LEAVING_MS)

    def _end_from_side(self, why: str) -> None:
        if self._ending:
            return
        self._ending = why
        # To the main thread itself: another thread's signal would not end its recv.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _on_terminate(self, signum: int, frame: FrameType | None) -> None:
        self._ending = self._ending or f"it got {signal.Signals(signum).name}"
        raise Ending

    # Working

    def _loop(self) -> None:
        while not self._ending:
            if self._inhand:
                self._take_turn()
            else:
                if self._sender.is_holding():
                    self._sender.flush()
                self._wait_for_more()

    def _wait_for_more(self) -> None:
        """Wait for what comes next, for a while; meanwhile the line may be cut."""
        self._line.tend(monotonic())
        self._take_in(sockets.receive(self._work, wait=True))

    def _wait_for_reader(self) -> None:
        """Wait while the controller has far more to read: nothing else bounds that."""
        while self._line.stream.unread > UNREAD and not self._ending:
            self._wait_for_more()

    def _take_turn(self) -> None:
        assign, frames = self._inhand.popleft()
        if not self.turns.begin(assign.ordinal, assign.task):
            return
        if assign.pinned and assign.ordinal <= self._given_up:
            self._give_up(assign)
            return
        while assign.digest not in self._execution.functions:
            self._ask_for(assign)
        self._run(assign, frames)
        self._hold_or_flush()
        self._wait_for_reader()

    def _run(self, assign: Assign, frames: Sequence[Any]) -> None:
        capture = self._capture
        capture.begin(assign.ordinal)
        self._page.start(assign.ordinal, capture.stdout.offset, capture.stderr.offset)
        error = too_deep(self.turns)
        if error is None:
            payload, buffers = unstow(assign.payload, sockets.as_buffers(frames))
            outer, self.depth = self.depth, assign.depth + 1
            ran = self._execution.run(assign, payload, buffers)
            self.depth = outer
        else:
            ran = self._execution.refuse(assign, error)
        ended = ran if ran.status is Status.OK else self._as_ordered(assign, ran)
        self._end(assign, ended, *capture.take())
        if ran.status is Status.ERROR and self._execution.failed == assign.ordinal:
            self._read()
            self._given_up = self._inhand[-1][0].ordinal if self._inhand else 0
        if len(self._short) > KNOWN:
            self._short.clear()
        self._short[assign.digest] = ran.completed - ran.started < SHORT

    def _as_ordered(self, assign: Assign, ran: Ran) -> Ran:
        """Return how a task ended that raised: it may have been told to end."""
        order = self.turns.order(assign.ordinal)
        if order is None:
            return ran
        reason = Packed(pickle.dumps(order.reason))
        return Ran(order.status, reason, ran.started, ran.completed)

    def _end(
        self, assign: Assign, ran: Ran, stdout: str = "", stderr: str = ""
    ) -> None:
        payload, frames = stow(*ran.packed)
        result = Result(
            assign.ordinal,
            ran.status,
            payload,
            len(frames),
            ran.started,
            ran.completed,
            stdout,
            stderr,
            assign.task,
        )
        self._sender.hold(result, frames)
        self.turns.end(assign.ordinal)

    def _give_up(self, assign: Assign) -> None:
        """End a task that waited behind an execute that failed."""
        reason = Packed(pickle.dumps(GIVEN_UP))
        self._end(assign, Ran(Status.ABORTED, reason, 0, 0))

    def _hold_or_flush(self) -> None:
        """Let a result wait for the next, if that will be there in no time."""
        soon = self._inhand and self._short.get(self._inhand[0][0].digest)
        if soon and monotonic() - self._sender.flushed < HOLD:
            self._side.guard()  # should the next one take long after all
        else:
            self._sender.flush()

    def _ask_for(self, assign: Assign) -> None:
        self._sender.say([Need(assign.digest)])
        self._wait_for_more()

    def _read(self) -> None:
        while (batch := sockets.receive(self._work)) is not None:
            self._take_in(batch)

    def _take_in(self, batch: tuple[Any, Sequence[Any]] | None) -> None:
        if batch is None:
            return
        messages = self._line.read(*batch)
        at = 0
        for message in messages:
            if type(message) is Assign:
                frames = batch[1][at : at + message.frames]
                at += message.frames
                self._inhand.append((message, frames))
            else:
                self._on_message(message)

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Define):
            self._execution.functions.define(message.digest, message.code)
        elif isinstance(message, Welcome):
            if self._line.welcome(message):
                self.engine_id, self._epoch = message.engine_id, message.epoch
            else:
                self._ending = CONNECTION_BROKE
        elif isinstance(message, WhoAreYou):
            self._line.ask_again()
        elif isinstance(message, Refused) and self._line.was_open:
            self._ending = CONNECTION_BROKE
        elif isinstance(message, (Goodbye, Refused)):
            self._ending = message.reason

    # For the side thread

    @property
    def epoch(self) -> int:
        """Which controller this engine works for."""
        return self._epoch

    def renew(self, epoch: int) -> Stock:
        """Work for another controller from now on; return what it is to hear first."""
        self._epoch = epoch
        return self._sender.renew(self.turns)

    def take_held(self, older_than: float) -> Batch:
        """Return results held back since before this time."""
        return self._sender.take_held(older_than)

    def is_holding(self) -> bool:
        """Tell whether there are results held back."""
        return self._sender.is_holding()

    def take_output(self) -> list[Message]:
        """Return what was printed, and that no result has carried yet."""
        self._capture.repair()
        task, running, stdout, stderr = self._capture.look()
        if not stdout and not stderr:
            return []
        return [Output(task, stdout, stderr, running)]

    # For tasks that wait, or show something

    def has_work(self) -> bool:
        """Tell whether there is a task to run."""
        self._line.tend(monotonic())
        return bool(self._inhand) or sockets.has_input(self._work)

    def run_one(self) -> None:
        """Run one task that is there, if any."""
        if not self._inhand:
            self._read()
        if self._ending:
            raise Ending
        if self._inhand:
            self._take_turn()

    def say_now(self, messages: list[Message]) -> None:
        """Send messages behind the results."""
        self._sender.say(messages)

    def publish(self, kind: str, value: Any) -> bool:
        """Send what a task shows, from any of its threads; tell whether one runs."""
        started = self.turns.started
        if not started:
            return False
        payload, frames = stow(*pack_value(value, "what is published"))
        message = Publish(started[-1], kind, payload, len(frames))
        if threading.current_thread() is threading.main_thread():
            with self.turns.apart():
                self._sender.say([message], frames)
                self._wait_for_reader()
        else:
            self._sender.hold(message, frames)
            self._side.guard()
        return True


def run_engine(spec: EngineSpec) -> None:
    """Run an engine in this process until it is told to stop."""
    Engine(spec).run()
