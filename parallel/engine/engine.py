"""An engine: joins its cluster, has its parts work in two threads, and leaves."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
from time import monotonic
from types import FrameType

import msgspec

from ..errors import ConnectionRefused, ControllerUnreachable, TransportError
from ..protocol.messages import (
    Define,
    Goodbye,
    Message,
    Output,
    Pong,
    Refused,
    Welcome,
    WhoAreYou,
)
from ..protocol.wire import engine_decoder
from ..serialize import references
from ..state.stories import WORLD_ENDED
from ..transport import nesting
from ..transport.dealer import GREET_EVERY, Dealer
from ..transport.endpoints import connect_peer, new_context
from ..transport.probing import say_way
from ..transport.watcher import wait_readable
from . import binding, comms, publishing
from .awaiting import Awaiting
from .comms import Comms
from .execution import Ending, Execution
from .guest import Guest
from .halves import open_comms
from .inbox import Inbox
from .insets import mark_outputs
from .mpi import World, join_world
from .namespace import Namespace
from .nesting import Nesting
from .offer import SHELL_MODULE, offer_shell
from .once import Once
from .output import Capture, open_stream
from .page import Page, open_page
from .process import prepare_process
from .sender import Sender
from .showing import Showing
from .side import CONNECTION_BROKE, SideThread, is_closed
from .spec import EngineSpec
from .startup import run_first
from .stock import Stock
from .terminating import is_speaking, repeat
from .turns import Turns
from .walltime import end_of_time
from .worker import Worker

__all__ = ["Engine", "run_engine"]

log = logging.getLogger("parallel.engine")

#: What is said last arrives within this, ms, or the controller is gone.
LEAVING_MS = 50


class Engine:
    """One engine, from its greeting to its end.

    Parameters
    ----------
    world
        The MPI world that its process is a rank of, if any.
    """

    def __init__(self, spec: EngineSpec, world: World | None = None) -> None:
        self._spec = spec
        self._world = world
        self._parent = spec.parent or os.getppid()
        #: When it is to end, seconds since 1970; 0 if nobody knows.
        self._until = end_of_time(os.environ, spec.walltime)
        self._context = new_context(encrypted=spec.info.curve is not None)
        self._work = connect_peer(self._context, spec.info)
        hello = spec.hello("work", world, self._until)
        self._line = Dealer(self._work, hello, engine_decoder())
        self._sender = Sender(self._line)
        self._inbox = Inbox(
            self._work, self._line, self._on_message, lambda: self.is_ending
        )
        self._page = Page(open_page() if spec.page is None else spec.page)
        self._ending = ""
        self.turns = Turns()
        self.engine_id: int | None = None
        self._epoch = 0

    @property
    def is_ending(self) -> bool:
        """Whether it has been told to end."""
        return bool(self._ending)

    # Joining and leaving

    def run(self) -> None:
        """Join the cluster and work until told to stop.

        Raises
        ------
        ControllerUnreachable
            Nobody answered within the spec's timeout.
        ConnectionRefused
            The controller said no.
        EngineError
            Its startup code failed: with the traceback.
        TransportError
            The connection broke.
        """
        socket = connect_peer(self._context, self._spec.info)
        hello = self._spec.hello("control", self._world, self._until)
        control = Dealer(socket, hello, engine_decoder())
        self._side = SideThread(
            self,
            self._sender,
            control,
            self._line,
            self._end_from_side,
            lifeline=self._spec.lifeline,
            url=self._spec.info.urls[0],
            patience=self._spec.reconnect_timeout,
            parent=self._parent,
            until=self._until,
        )
        self._showing = Showing(
            self.turns, self._sender, self._inbox.wait_shortly,
            self._inbox.wait_for_reader, self._side.guard.begin,
            lambda: self._capture.reach(),
        )  # fmt: skip
        try:
            try:
                self._join()
                if self._world is not None:
                    self._page.note_place(self._world.rank, self._world.size)
                self._prepare()
                self._side.start()
                run_first(self._spec.startup, self._execution, self._capture)
                self._loop()
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
        except (Ending, SystemExit):
            pass
        finally:
            self._leave()
        if self._ending == CONNECTION_BROKE:
            raise TransportError(
                f"{CONNECTION_BROKE}: nobody is left at {self._spec.info.where}, or "
                "the way there is cut"
            )
        if self._side.failure is not None:
            raise TransportError(self._ending) from self._side.failure

    def _join(self) -> None:
        lifeline = [] if self._spec.lifeline is None else [self._spec.lifeline]
        deadline = self._spec.timeout and monotonic() + self._spec.timeout
        while self.engine_id is None:
            self._line.tend(monotonic())
            wait_readable([self._work], lifeline, GREET_EVERY)
            self._inbox.read()
            if (lifeline and is_closed(lifeline[0])) or os.getppid() != self._parent:
                raise Ending
            if self._ending:
                raise ConnectionRefused(f"the controller refused: {self._ending}")
            if deadline and monotonic() > deadline and self.engine_id is None:
                raise ControllerUnreachable(
                    f"no controller answered at {self._spec.info.where} within "
                    f"{self._spec.timeout:g} s{say_way(self._spec.info)}"
                )

    def _prepare(self) -> None:
        """Set up what users' code runs in."""
        where = {"engine_id": self.engine_id, "engine_uuid": self._spec.uuid.hex()}
        namespace = Namespace({} if self._world is None else self._world.names())
        self._execution = Execution(namespace, where, self.turns)
        prepare_process(self._on_terminate, self.turns)
        stdout = self._spec.stdout
        stderr = self._spec.stderr
        self._capture = Capture(
            open_stream("stdout") if stdout is None else stdout,
            open_stream("stderr") if stderr is None else stderr,
            self._side.telling.expect,
            self._page,
        )
        if self._world is not None:  # who watches a rank has no other log of it
            faulthandler.enable(2, all_threads=False)
        references.resolver = namespace.pull
        publishing.current = self._showing
        sources = self._execution.sources
        self._comms = comms.current = Comms(
            self.turns, self._sender, self._inbox.wait_for_reader,
            self._side.guard.begin, self._side.telling.expect, self.engine_id,
        )  # fmt: skip
        Awaiting({
            SHELL_MODULE: lambda module: offer_shell(module, sources.make_shell),
            "comm": open_comms,
            # It has comms of its own, for the process that is its kernel.
            "ipykernel.ipkernel": lambda _: open_comms(sys.modules["comm"]),
            "ipywidgets.widgets.widget_output": mark_outputs,
        })  # fmt: skip
        self._guest = Guest(
            self._capture, self._sender, sources, self._side.guard.begin, self.wake
        )
        binding.current = self._guest.bind
        once = Once(self._page, self._side.guard)
        self._worker = Worker(
            self._inbox, self._sender, self.turns, self._execution, self._capture,
            self._page, once, self._side.guard.begin,
        )  # fmt: skip
        nesting.current = Nesting(
            self._worker, self._inbox, self._sender, self.turns, self._capture,
            self._page, self._execution.functions,
        )  # fmt: skip

    def _leave(self) -> None:
        failed = self._side.failure is not None
        if self._ending:
            log.info("engine %s ends: %s", self.engine_id, self._ending)
            replaced = self._ending == CONNECTION_BROKE and self._world is None
            if not replaced and not failed:
                self._page.leave()  # else another is to take its place
        if binding.current is not None:
            self._guest.close()
        self._side.stop()
        self._inbox.close()
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
        how = f"it got {signal.Signals(signum).name}"
        self._ending = self._ending or (WORLD_ENDED if self._world else how)
        if is_speaking(frame):
            repeat(signum)
        else:
            raise Ending

    # Working

    def _loop(self) -> None:
        tasks, wait = self._inbox.tasks, self._inbox.wait
        take_turn = self._worker.take_turn
        while not self._ending:
            self._guest.serve()
            if tasks:
                take_turn()
            else:
                if self._sender.is_holding():
                    self._sender.flush()
                wait()

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Define):
            self._execution.functions.define(message.digest, message.code)
        elif isinstance(message, Pong):
            self._showing.answered()
        elif isinstance(message, Welcome):
            self._showing.answered()
            self._on_welcome(message)
        elif isinstance(message, WhoAreYou):
            self._line.ask_again()
        elif isinstance(message, Refused) and self._line.was_open:
            self._ending = CONNECTION_BROKE
        elif isinstance(message, (Goodbye, Refused)):
            self._ending = message.reason

    def _on_welcome(self, welcome: Welcome) -> None:
        if welcome.epoch < self._epoch:
            return  # it was killed since then: the next one does not know the session
        if self._line.welcome(welcome):
            self.engine_id, self._epoch = welcome.engine_id, welcome.epoch
        else:
            self._ending = CONNECTION_BROKE

    # For the side thread

    @property
    def epoch(self) -> int:
        """Which controller this engine works for."""
        return self._epoch

    def renew(self, epoch: int) -> Stock:
        """Work for another controller from now on; return what it is to hear first."""
        self._epoch = epoch
        stock = self._sender.renew(self.turns)
        self._inbox.wake()
        return stock

    def wake(self) -> None:
        """Have the main thread look after its line, if it has nothing else to do."""
        self._inbox.wake()

    def take_output(self) -> list[Output]:
        """Return what was printed, and that no result has carried yet."""
        self._capture.repair()
        self._comms.flush()
        return self._guest.take_output()

    def trim_output(self) -> bool:
        """Free what nobody will read of a flood; tell whether there is one."""
        return self._capture.trim()


def run_engine(spec: EngineSpec) -> None:
    """Run an engine in this process until it is told to stop.

    Raises
    ------
    LauncherError
        It was to join an MPI world, and there is none, or another one.
    TransportError
        As `Engine.run` does.
    """
    if spec.mpi_size is None:
        Engine(spec).run()
        return
    world = join_world(spec.mpi_size)
    if spec.stderr is None:
        stderr = world.stderr(spec.rank_stderr)
        spec = msgspec.structs.replace(spec, stderr=stderr)
    engine = Engine(spec, world)
    world.watch(lambda: engine.is_ending)
    engine.run()
    world.leave()
