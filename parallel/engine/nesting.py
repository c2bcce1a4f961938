"""Tasks on top of a task that waits for others, so that no engine waits in vain."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Protocol

from ..protocol.messages import Output, Resumed, Suspended
from .functions import Functions
from .inbox import Inbox
from .output import Capture
from .page import Page
from .sender import Sender
from .turns import Turns

__all__ = ["Nesting", "Runner", "too_deep"]

#: So many tasks may wait on top of one another: half of what a stack of 8 MiB held.
#: Each takes its part of it, and more where each call of a function takes some of C's.
MOST_NESTED = 2000 if sys.version_info >= (3, 11) else 200


class Runner(Protocol):
    """What runs tasks in the main thread."""

    @property
    def depth(self) -> int:
        """How deep what is submitted now is."""

    def run_one(self) -> None:
        """Run one task that is there, if any."""


class Nesting:
    """Lets the tasks of an engine wait: a `transport.nesting.Nest`."""

    def __init__(
        self,
        runner: Runner,
        inbox: Inbox,
        sender: Sender,
        turns: Turns,
        capture: Capture,
        page: Page,
        functions: Functions,
    ) -> None:
        self._runner = runner
        self._inbox = inbox
        self._sender = sender
        self._turns = turns
        self._capture = capture
        self._page = page
        self._functions = functions
        self._main = threading.get_ident()
        #: Where the task began to wait on top of which another runs.
        self._base: FrameType | None = None

    @property
    def descriptor(self) -> int:
        """What to wait on for work."""
        return self._inbox.descriptor

    @property
    def depth(self) -> int:
        """In how many tasks, one within the other, is what is submitted now."""
        return self._runner.depth

    def applies(self) -> bool:
        """Tell whether this is the main thread, in a task."""
        return self._turns.running and threading.get_ident() == self._main

    def ready(self) -> bool:
        """Tell whether there is work."""
        return self._inbox.has_task()

    def suspend(self) -> None:
        """Say that the innermost task waits from now on."""
        with self._turns.apart():
            ordinal = self._turns.started[-1]
            self._turns.waiting.add(ordinal)
            self._sender.say([Suspended(ordinal)])

    def resume(self) -> None:
        """Say that the innermost task goes on."""
        with self._turns.apart():
            ordinal = self._turns.started[-1]
            self._turns.waiting.discard(ordinal)
            self._sender.say([Resumed(ordinal)])

    def on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGINT."""
        self._turns.on_signal(signum, frame)

    def work(self) -> None:
        """Run one task on top of the innermost.

        Raises
        ------
        KeyboardInterrupt
            The one below was to be interrupted meanwhile.
        """
        with self._turns.apart():
            self._work()

    def _work(self) -> None:
        outer = self._turns.started[-1]
        capture, functions = self._capture, self._functions
        digest = functions.current
        paused, stdout, stderr = capture.pause()
        if stdout or stderr:
            self._sender.say([Output(outer, stdout, stderr, True)])
        before, base = sys.getrecursionlimit(), self._base
        here = self._base = sys._getframe()
        raised = before + _depth(here, base)
        sys.setrecursionlimit(raised)
        self._runner.run_one()
        self._base = base
        if sys.getrecursionlimit() == raised:
            sys.setrecursionlimit(before)
        capture.go_on(paused)
        self._page.start(outer, capture.stdout.offset, capture.stderr.offset)
        if functions.current != digest:
            functions.restore(digest)


def too_deep(turns: Turns) -> RecursionError | None:
    """Return why no more tasks may start on top of others, if that is so."""
    if len(turns.started) <= MOST_NESTED:
        return None
    return RecursionError(
        f"{MOST_NESTED} tasks wait on this engine for tasks of their own, each on top "
        "of another: give each task more of the work, or start more engines"
    )


def _depth(frame: FrameType | None, base: FrameType | None) -> int:
    """Return how many calls lie between two frames."""
    depth = 0
    while frame is not None and frame is not base:
        depth += 1
        frame = frame.f_back
    return depth
