"""The side thread: answers while the main thread runs users' code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from math import inf
from time import monotonic, time
from typing import Any, Protocol

from ..protocol.messages import (
    Goodbye,
    Held,
    Interrupt,
    Message,
    Ping,
    Pong,
    Refused,
    Revoke,
    Revoked,
    Signal,
    Stop,
    ToEngine,
    Welcome,
    WhoAreYou,
)
from ..state.stories import TIME_UP
from ..transport.addresses import has_vanished
from ..transport.dealer import Dealer
from ..transport.watcher import Watcher
from .guarding import HELD_MOST, Guard
from .sender import Sender
from .stock import Stock, results_in, take_stock
from .telling import Printing, Telling
from .turns import Order, Turns

__all__ = ["CONNECTION_BROKE", "Main", "SideThread", "is_closed"]

log = logging.getLogger("parallel.engine")

#: Why an engine ends that another one is to replace.
CONNECTION_BROKE = "the connection to the controller broke"
#: An interrupt that the main thread has not heard is repeated this often, seconds.
INSIST_EVERY = 0.02
#: Who has lost the process that started it, too, waits no longer for a controller,
#: seconds. The next one may be up when that process dies, and not have been found yet.
ORPHANED = 5.0


class Main(Printing, Protocol):
    """What the side thread needs of the main thread's half."""

    @property
    def engine_id(self) -> int | None:
        """The number of this engine."""

    @property
    def epoch(self) -> int:
        """Which controller this engine works for."""

    def renew(self, epoch: int) -> Stock:
        """Work for another controller from now on; return what it is to hear first."""

    def wake(self) -> None:
        """Have the main thread look after its line, if it has nothing else to do."""

    @property
    def turns(self) -> Turns:
        """What has started, and what is not to start."""


class SideThread(threading.Thread):
    """Reads the control connection, and sends what must not wait.

    Parameters
    ----------
    sender
        The main thread's.
    line
        The control connection.
    work
        That of the main thread, which is told when it breaks.
    patience
        Seconds that the controller is waited for if it cannot be reached.
    parent
        The process that started this one.
    until
        When the engine is to end, seconds since 1970; 0 for no such time.
    """

    def __init__(
        self,
        main: Main,
        sender: Sender,
        line: Dealer[ToEngine],
        work: Dealer[ToEngine],
        on_end: Callable[[str], None],
        lifeline: int | None,
        url: str,
        patience: float,
        parent: int,
        until: float = 0.0,
    ) -> None:
        super().__init__(name="parallel-engine-side", daemon=True)
        self._main = main
        self._line = line
        self._work = work
        self._on_end = on_end
        self._lifeline = lifeline
        self._url = url
        self._away_most = patience
        self._parent = parent
        #: When the process that started this was there, as far as was looked.
        self._had_parent = 0.0
        self._ends_at = monotonic() + until - time() if until else inf
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        self.guard = Guard(sender, line, work, lambda: self._rouse(b"g"))
        self.telling = Telling(main, line, lambda: self._rouse(b"o"))
        self._ended = False
        #: What ended this thread that should not have.
        self.failure: Exception | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            Welcome: self._on_welcome,
            WhoAreYou: lambda _: line.ask_again(),
            Revoke: self._on_revoke,
            Interrupt: self._on_interrupt,
            Signal: self._on_signal,
            Ping: lambda _: line.say([Pong()]),
            Stop: lambda _: self._end("it was told to stop"),
            Goodbye: lambda message: self._end(message.reason),
            Refused: self._on_refused,
        }

    def _rouse(self, why: bytes) -> None:
        """End the wait of this thread, from any other."""
        if not self._ended:
            with contextlib.suppress(OSError):  # it has ended just now
                os.write(self._wakeup[1], why)

    def stop(self) -> None:
        """End the thread, from another one."""
        self._ended = True
        if self.is_alive():
            os.write(self._wakeup[1], b"s")
            self.join(1)
        self._line.close()
        self._work.close()
        for end in self._wakeup:
            os.close(end)

    def run(self) -> None:
        """Serve until `stop`; if that fails, the engine ends: nobody would hear it."""
        try:
            self._serve()
        except Exception as error:
            if self._ended:  # its sockets may be closed by now
                return
            log.exception("the thread that hears the controller failed")
            self.failure = error
            self._end(f"the thread that hears the controller failed: {error!r}")

    def _serve(self) -> None:
        monitors = self._line.monitor, self._work.monitor
        descriptors = [self._wakeup[0], *(each.descriptor for each in monitors)]
        if self._lifeline is not None:
            descriptors.append(self._lifeline)
        watcher = Watcher([self._line.socket], descriptors)
        self._look_at_lines()  # a monitor's descriptor tells nothing before it is read
        self._line.away = monotonic()  # the engine may have waited long to join
        while not self._ended:
            if not self._line.is_open:
                self._look_for_controller(monotonic())
            patience = self.telling.patience(monotonic())
            if self.guard.is_on:
                patience = min(patience, self.guard.patience)
            if self._main.turns.insist():
                patience = min(patience, INSIST_EVERY)
            has_input = watcher.wait(patience)
            self._look_after_main(monotonic())
            if monotonic() >= self._ends_at:
                self._end(TIME_UP)
                return
            if not has_input:
                continue
            _empty(self._wakeup[0])
            self.guard.patience = HELD_MOST
            self._read()
            self._look_at_lines()
            if self._lifeline is not None and is_closed(self._lifeline):
                self._end("the process that started it is gone")
                return

    def _look_at_lines(self) -> None:
        """Take note of connections that broke."""
        if self._work.monitor.lost():
            self._work.cut = True
            self._main.wake()
        if self._line.monitor.lost():
            self._read()  # it may have said goodbye just before
            self._line.greet(monotonic())

    def _look_for_controller(self, now: float) -> None:
        """Greet the controller until it answers, or is to be given up."""
        line = self._line
        line.tend(now)
        away = now - line.away
        if os.getppid() == self._parent:
            self._had_parent = now
        orphaned = now - max(line.away, self._had_parent) > ORPHANED
        if orphaned or away > self._away_most or has_vanished(self._url):
            self._end(CONNECTION_BROKE)

    def _look_after_main(self, now: float) -> None:
        """Say what the main thread cannot say now."""
        self.guard.look(now)
        if self._line.was_open and self.telling.look(now):
            self.guard.settle()
            self.guard.carry()

    def _read(self) -> None:
        for message in self._line.hear(log):
            handler = self._handlers.get(type(message))
            if handler is not None:
                self._safely(handler, message)

    def _on_welcome(self, welcome: Welcome) -> None:
        if welcome.epoch != self._main.epoch and welcome.restores:
            self._begin_again(welcome)
        elif not self._line.welcome(welcome):
            self._end(CONNECTION_BROKE)

    def _begin_again(self, welcome: Welcome) -> None:
        """Tell a controller that was started again what is here of the one before."""
        if welcome.engine_id != self._main.engine_id:
            self._end(CONNECTION_BROKE)  # it knows us for another
            return
        log.info("the controller was started again: epoch %s", welcome.epoch)
        with self.guard.moving:
            held, results = self._main.renew(welcome.epoch)
            late = list(results_in(self._line.renew()))
            stock = take_stock(held.reach, (), (), late)
            known = {task.ordinal: task for task in (*held.tasks, *stock.held.tasks)}
            self._line.welcome(welcome)
            self._line.say([Held(held.reach, list(known.values()))])
            for messages, frames in (*stock.results, *results):
                self._line.say(messages, frames)

    def _on_refused(self, refused: Refused) -> None:
        reason = f"refused: {refused.reason}"
        log.warning("the controller has %s", reason)
        self._end(CONNECTION_BROKE if self._line.was_open else reason)

    def _on_revoke(self, revoke: Revoke) -> None:
        given = self._main.turns.revoke(revoke.ordinals)
        self._line.say([Revoked(revoke.ordinals, given)])

    def _on_interrupt(self, interrupt: Interrupt) -> None:
        order = Order(interrupt.status, interrupt.reason)
        if self._main.turns.interrupt(interrupt.ordinal, order):
            self._line.say([Revoked([interrupt.ordinal], [interrupt.ordinal])])

    def _on_signal(self, order: Signal) -> None:
        try:
            name = order.signum
            signum = signal.Signals[name] if isinstance(name, str) else name
            # To the main thread itself, so that it ends a call that blocks.
            signal.pthread_kill(threading.main_thread().ident or 0, signum)
        except (KeyError, ValueError, OverflowError, OSError):
            log.warning("there is no signal %r here to send", order.signum)

    def _safely(self, handler: Callable[[Any], None], message: Message) -> None:
        """Do what a message asks for; one that fails leaves the others heard."""
        try:
            handler(message)
        except Exception:
            log.exception("cannot do as told: %r", message)

    def _end(self, why: str) -> None:
        self._ended = True
        self._on_end(why)


def _empty(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(descriptor, 512)


def is_closed(lifeline: int) -> bool:
    """Tell whether the other end of a pipe that nobody writes to is closed."""
    try:
        return os.read(lifeline, 1) == b""
    except BlockingIOError:
        return False
