"""Works through an engine's tasks in its main thread, each in its turn."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Assign, Method, Need, Result, Status
from ..protocol.wire import stow, unstow
from ..serialize.objects import Packed
from ..transport import sockets
from .execution import Ending, Execution, Ran
from .inbox import Inbox
from .nesting import too_deep
from .once import Once
from .output import Capture
from .page import Page
from .sender import Sender
from .turns import Turns

__all__ = ["Worker"]

#: A task is short, and its result may wait for the next one's, below this, seconds.
SHORT = 2e-4
#: Results wait for one another no longer than this, seconds.
HOLD = 1e-3
#: The durations of so many functions are remembered.
KNOWN = 1024
#: What is told of a task that waited behind a failed execute.
GIVEN_UP = "an earlier execute failed on this engine"


class Worker:
    """Takes the tasks of an inbox, one after the other, and says what became of them.

    Parameters
    ----------
    guard
        Has the side thread look after results that are held back.
    """

    def __init__(
        self,
        inbox: Inbox,
        sender: Sender,
        turns: Turns,
        execution: Execution,
        capture: Capture,
        page: Page,
        once: Once,
        guard: Callable[[], None],
    ) -> None:
        self._inbox = inbox
        self._tasks = inbox.tasks
        self._wait_for_reader = inbox.wait_for_reader
        self._sender = sender
        self._turns = turns
        self._execution = execution
        self._functions = execution.functions
        self._capture = capture
        self._page = page
        self._once = once
        self._guard = guard
        #: How deep what is submitted now is: in how many tasks, one within the other.
        self.depth = 0
        #: Whether the functions that have run of late are short.
        self._short: dict[bytes, bool] = {}
        #: Direct tasks up to this ordinal are given up: an execute before them failed.
        self._given_up = 0

    def take_turn(self) -> None:
        """Run the next task that is there, unless it was given back or given up."""
        assign, frames = self._tasks.popleft()
        if not self._turns.begin(assign.ordinal, assign.task):
            return
        hears = assign.method is Method.COMM  # whatever failed, a button was pressed
        if assign.pinned and assign.ordinal <= self._given_up and not hears:
            self._give_up(assign)
            return
        while assign.digest and assign.digest not in self._functions:
            self._ask_for(assign)
        self._run(assign, frames)
        self._hold_or_flush()
        self._wait_for_reader()

    def run_one(self) -> None:
        """Run one task that is there, if any, on top of the innermost.

        Raises
        ------
        Ending
            The engine has been told to end.
        """
        if not self._tasks:
            self._inbox.read()
        if self._inbox.is_ending():
            raise Ending
        if self._tasks:
            self.take_turn()

    def _run(self, assign: Assign, frames: Sequence[Any]) -> None:
        capture = self._capture
        capture.begin(assign.ordinal)
        if assign.once:
            self._once.note(assign.task, self._turns.tasks)
        self._page.start(assign.ordinal, capture.stdout.offset, capture.stderr.offset)
        error = too_deep(self._turns)
        if error is None:
            buffers = sockets.as_buffers(frames) if frames else frames
            payload, buffers = unstow(assign.payload, buffers)
            if type(frames) is list:
                frames.clear()  # once pieces are joined, one copy is enough
            outer, self.depth = self.depth, assign.depth + 1
            ran = self._execution.run(assign, payload, buffers)
            self.depth = outer
        else:
            ran = self._execution.refuse(assign, error)
        ended = ran if ran.status is Status.OK else self._as_ordered(assign, ran)
        self._end(assign, ended, *capture.take())
        if ran.status is Status.ERROR and self._execution.failed == assign.ordinal:
            self._inbox.read()
            self._given_up = self._tasks[-1][0].ordinal if self._tasks else 0
        if len(self._short) > KNOWN:
            self._short.clear()
        self._short[assign.digest] = ran.completed - ran.started < SHORT

    def _as_ordered(self, assign: Assign, ran: Ran) -> Ran:
        """Return how a task ended that raised: it may have been told to end."""
        order = self._turns.order(assign.ordinal)
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
        self._turns.end(assign.ordinal)

    def _give_up(self, assign: Assign) -> None:
        """End a task that waited behind an execute that failed."""
        reason = Packed(pickle.dumps(GIVEN_UP))
        self._end(assign, Ran(Status.ABORTED, reason, 0, 0))

    def _hold_or_flush(self) -> None:
        """Let a result wait for the next, if that will be there in no time."""
        soon = self._tasks and self._short.get(self._tasks[0][0].digest)
        if soon and monotonic() - self._sender.flushed < HOLD:
            self._guard()  # should the next one take long after all
        else:
            self._sender.flush()

    def _ask_for(self, assign: Assign) -> None:
        self._sender.say([Need(assign.digest)])
        self._inbox.wait()
