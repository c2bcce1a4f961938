"""The engine's main thread: reads its tasks, runs them, sends what became of them."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from types import FrameType
from typing import Any

import msgspec

from ..errors import ConnectionRefused, ControllerUnreachable
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    Assign,
    Define,
    Goodbye,
    Hello,
    Message,
    Need,
    Output,
    Refused,
    Result,
    Welcome,
    WhoAreYou,
)
from ..protocol.wire import NO_SESSION, encode, engine_decoder, stow, unstow
from ..transport import sockets
from .execution import Ending, Execution
from .namespace import Namespace
from .output import Capture, open_stream
from .page import Page, open_page
from .side import CONNECTION_BROKE, GREET_EVERY, SideThread, is_closed

__all__ = ["Engine", "EngineSpec", "run_engine"]

log = logging.getLogger("parallel.engine")

#: A task is short, and its result may wait for the next one's, below this, seconds.
SHORT = 2e-4
#: Results wait for one another no longer than this, seconds.
HOLD = 1e-3
#: The durations of so many functions are remembered.
KNOWN = 1024
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


class Engine:
    """One engine, from its greeting to its end."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._context = sockets.new_context(encrypted=spec.info.curve is not None)
        self._work = sockets.connect_peer(self._context, spec.info)
        self._decoder = engine_decoder()
        self._session = NO_SESSION
        self._inhand: deque[tuple[Assign, Sequence[Any]]] = deque()
        self._lock = threading.Lock()
        self._revoked: set[int] = set()
        self._position = 0
        self._results: list[Message] = []
        self._frames: list[Any] = []
        self._flushed = 0.0
        self._short: dict[bytes, bool] = {}
        self._page = Page(open_page() if spec.page is None else spec.page)
        self._ending = ""
        self.engine_id: int | None = None

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
        """
        control = sockets.connect_peer(self._context, self._spec.info)
        lifeline = self._spec.lifeline
        self._side = SideThread(
            self, control, self._hello("control"), self._end_from_side, lifeline
        )
        try:
            self._join()
            self._prepare()
            self._side.start()
            self._loop()
        except (Ending, SystemExit):
            pass
        finally:
            self._leave()

    def _join(self) -> None:
        lifeline = [] if self._spec.lifeline is None else [self._spec.lifeline]
        parent = os.getppid()
        deadline = self._spec.timeout and monotonic() + self._spec.timeout
        while self.engine_id is None:
            self._say([self._hello("work")])
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
        self._execution = Execution(Namespace(), where)
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._on_terminate)
        signal.signal(signal.SIGINT, self._on_interrupt)
        _spare_children()
        keep = os.dup(2)
        faulthandler.enable(keep, all_threads=False)
        stream = open(keep, "w", closefd=False)  # noqa: SIM115 - open to the end
        logging.basicConfig(
            stream=stream,
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
            force=True,
        )
        stdout = self._spec.stdout
        stderr = self._spec.stderr
        self._capture = Capture(
            open_stream("stdout") if stdout is None else stdout,
            open_stream("stderr") if stderr is None else stderr,
        )
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.argv = [""]

    def _leave(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._ending:
            log.info("engine %s ends: %s", self.engine_id, self._ending)
            if self._ending != CONNECTION_BROKE:  # else another is to take its place
                self._page.leave()
        self._side.stop()
        with contextlib.suppress(Exception):
            self._flush()
            if self._ending not in ("", "the controller was stopped"):
                self._say([Goodbye(self._ending)])
        self._context.destroy(linger=LEAVING_MS)

    def _end_from_side(self, why: str) -> None:
        self._ending = why
        # To the main thread itself: another thread's signal would not end its recv.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _on_terminate(self, signum: int, frame: FrameType | None) -> None:
        self._ending = self._ending or f"it got {signal.Signals(signum).name}"
        raise Ending

    def _on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._execution.running:
            raise KeyboardInterrupt
        log.warning("SIGINT while idle is ignored; SIGTERM stops an engine")

    # Working

    def _loop(self) -> None:
        while not self._ending:
            if not self._inhand:
                self._flush()
                self._take_in(sockets.receive(self._work, wait=True))
                continue
            assign, frames = self._inhand.popleft()
            with self._lock:
                self._position = assign.ordinal
                revoked = assign.ordinal in self._revoked
                if revoked:
                    self._revoked.discard(assign.ordinal)
            if not revoked:
                self._run(assign, frames)

    def _run(self, assign: Assign, frames: Sequence[Any]) -> None:
        while assign.digest not in self._execution.functions:
            self._ask_for(assign)
        capture = self._capture
        capture.begin(assign.ordinal)
        self._page.start(assign.ordinal, capture.stdout.offset, capture.stderr.offset)
        payload, buffers = unstow(assign.payload, sockets.as_buffers(frames))
        ran = self._execution.run(assign, payload, buffers)
        stdout, stderr = capture.take()
        payload, sent = stow(*ran.packed)
        result = Result(
            assign.ordinal,
            ran.status,
            payload,
            len(sent),
            ran.started,
            ran.completed,
            stdout,
            stderr,
        )
        with self._lock:
            self._results.append(result)
            self._frames += sent
        if len(self._short) > KNOWN:
            self._short.clear()
        self._short[assign.digest] = ran.completed - ran.started < SHORT
        self._hold_or_flush()

    def _hold_or_flush(self) -> None:
        """Let a result wait for the next, if that will be there in no time."""
        soon = self._inhand and self._short.get(self._inhand[0][0].digest)
        if soon and monotonic() - self._flushed < HOLD:
            self._side.guard()  # should the next one take long after all
        else:
            self._flush()

    def _ask_for(self, assign: Assign) -> None:
        self._flush()
        self._say([Need(assign.digest)])
        self._take_in(sockets.receive(self._work, wait=True))

    def _flush(self) -> None:
        with self._lock:
            results, self._results = self._results, []
            frames, self._frames = self._frames, []
        if results:
            self._say(results, frames)
        self._flushed = monotonic()

    def _say(self, messages: Sequence[Message], frames: Sequence[Any] = ()) -> None:
        sockets.send(self._work, [encode(self._session, messages), *frames])

    def _read(self) -> None:
        while (batch := sockets.receive(self._work)) is not None:
            self._take_in(batch)

    def _take_in(self, batch: tuple[Any, Sequence[Any]] | None) -> None:
        if batch is None:
            return
        _, messages = self._decoder.decode(batch[0])
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
            self._session = message.session
            self.engine_id = message.engine_id
        elif isinstance(message, WhoAreYou):
            self._session = NO_SESSION
            self._say([self._hello("work")])
        elif isinstance(message, (Goodbye, Refused)):
            self._ending = message.reason

    # For the side thread

    def take_held(self, older_than: float) -> tuple[list[Message], list[Any]]:
        """Return results held back since before this time."""
        with self._lock:
            if self._flushed > older_than or not self._results:
                return [], []
            results, self._results = self._results, []
            frames, self._frames = self._frames, []
        return results, frames

    def take_output(self) -> list[Message]:
        """Return what was printed, and that no result has carried yet."""
        self._capture.repair()
        task, running, stdout, stderr = self._capture.look()
        if not stdout and not stderr:
            return []
        return [Output(task, stdout, stderr, running)]

    def revoke(self, ordinals: list[int]) -> list[int]:
        """Return those of these tasks that will not be started."""
        with self._lock:
            given = [o for o in ordinals if o > self._position]
            self._revoked.update(given)
        return given


def _spare_children() -> None:
    """Keep this engine's handlers from processes that users' code forks.

    A handler that raises, run in a child before the child has set its own, hangs
    `multiprocessing`: so the signals wait until the fork is over.
    """
    ours = {signal.SIGTERM, signal.SIGHUP}

    def in_child() -> None:
        for signum in ours:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ours),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ours),
        after_in_child=in_child,
    )


def run_engine(spec: EngineSpec) -> None:
    """Run an engine in this process until it is told to stop."""
    Engine(spec).run()
