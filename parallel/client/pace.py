"""How far submissions may be ahead of results, and what a submitter does beyond.

A few thousand tasks under way are as fast as any number. Up to there nothing is
asked. Beyond, a submitter waits a little while results come quickly, and goes on
if they do not: up to its credit, which the controller gives. There it waits for as
long as it takes, so that no process has to hold more than was agreed.

Who must not wait never does: a callback, for it runs in the thread that reads the
results. Nor does anybody wait for what cannot come: see `Pace.hold_back`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from ..errors import ParallelError, TooMuchUnderWay
from ..protocol.messages import FREE, Credit, Message, WantCredit
from ..transport import nesting
from ..transport.trimming import EVERY, give_back
from .levels import Levels
from .opentasks import AHEAD, AHEAD_NBYTES, OpenTasks
from .pump import Pump
from .questions import Questions
from .waits import Waits
from .whereabouts import explain_tasks

__all__ = ["Pace", "Submitting"]

#: A submitter waits so long at a time, seconds; if fewer results than these came
#: meanwhile, tasks are long, and a quarter more may be under way than is.
WAIT_AHEAD, QUICK = 0.05, 16
#: Who waits for its credit goes on when so much of it is taken.
ENOUGH = 7 / 8
#: After so long without a result, seconds, a submitter that may be what results wait
#: for goes on.
STUCK = 1.0
#: The controller answers within this, seconds, or there is no credit yet.
ANSWER = 5.0
#: Who waits looks this often whether it is stuck, seconds.
LOOK = 0.25


class Submitting(Protocol):
    """What is needed of a connection."""

    session: str
    tasks: OpenTasks
    questions: Questions
    closed: ParallelError | None
    waits: Waits

    def order(self, message: Message, *, behind: bool = False) -> None:
        """Send a message now."""

    @property
    def outstanding(self) -> list[int]:
        """The numbers of the unfinished tasks."""

    @property
    def unheard_nbytes(self) -> int:
        """How much that was submitted is not known to have arrived, bytes."""


class Pace:
    """How much may be under way.

    Parameters
    ----------
    connection
        Whose submissions these are.
    pump
        What reads their results.
    """

    def __init__(self, connection: Submitting, pump: Pump) -> None:
        self._connection = connection
        self._pump = pump
        self._under_way = connection.tasks
        #: What an engine's tasks have under way.
        self.levels = Levels(connection.tasks)
        #: Up to so many tasks, and bytes of arguments, nobody needs to wait.
        self.tasks, self.nbytes = FREE.tasks, FREE.nbytes
        self._credit = FREE
        self._asked = False
        self._given = False
        self._slack = 1.0
        #: By how much the credit is exceeded because nothing else could go on.
        self._excess = 1.0
        #: When memory that was used for what has come back was given back.
        self._given_back = 0.0
        #: How many tasks had ended when that changed last, and when it did.
        self._ended, self._since = 0, 0.0

    # What the controller says

    def on_credit(self, credit: Credit) -> None:
        """Take note of how much may be under way at most."""
        self._credit = credit
        self._given = True
        self._set()

    @property
    def has_asked(self) -> bool:
        """Whether a controller that was started again is to be asked again."""
        return self._asked

    def _ask(self) -> None:
        self._asked = True
        self._connection.order(WantCredit())
        self._wait(lambda: self._given, ANSWER)

    # Waiting

    def hold_back(self, *, raises: bool) -> None:
        """Wait, if that is what a submitter is to do now.

        It does not in a callback: nobody else can read.

        In a task on an engine each depth has a credit of its own: a task that waits for
        credit waits for deeper ones to end, and of these the deepest always can.

        A submitter may hold a lock that a callback in another thread wants; or the
        main thread of an engine's task may wait for a thread that submits. So, where
        that can be and nothing comes back for a second, it goes on, and a quarter more
        may be under way.

        Raises
        ------
        TooMuchUnderWay
            The credit is used up, and it was asked to raise rather than to wait.
        """
        if self._connection.closed is not None or self._pump.reads():
            return
        if not self._asked:
            self._ask()
        if not self._is_used_up(1.0):
            self._excess = 1.0
            if not raises:
                self._slow_down()
        elif raises:
            raise TooMuchUnderWay(f"{self._say()}: wait for some of it to come back")
        else:
            self._wait_for_room()
        self._set()
        if monotonic() > self._given_back + EVERY:  # there were many arguments
            self._given_back = monotonic()
            give_back()

    def _set(self) -> None:
        """Set up to what nobody waits."""
        credit, slack = self._credit, self._slack
        self.tasks = min(credit.tasks, int(AHEAD * slack))
        self.nbytes = min(credit.nbytes, int(AHEAD_NBYTES * slack))

    def _slow_down(self) -> None:
        """Wait a little if far more is submitted than comes back, and comes quickly."""
        tasks = self._under_way
        if tasks.load() < self._slack:
            return
        before = tasks.finished
        self._wait(lambda: tasks.load() < 0.5, WAIT_AHEAD)
        quick = tasks.finished - before >= QUICK
        self._slack = 1.0 if quick else 1.25 * tasks.load()

    def _wait_for_room(self) -> None:
        if not self._is_used_up(self._excess):
            return
        self._ended, self._since = self._under_way.finished, monotonic()
        self._wait(lambda: not self._is_used_up(ENOUGH) or self._is_stuck(), None)
        if self._is_used_up(ENOUGH):
            self._excess *= 1.25

    def _is_used_up(self, share: float) -> bool:
        credit, tasks = self._credit, self._under_way
        nest = nesting.current
        if nest is not None and nest.depth:
            most = share * credit.tasks, share * credit.nbytes
            return self.levels.exceeds(nest.depth, *most)
        return (
            len(tasks.open) >= share * credit.tasks
            or tasks.nbytes >= share * credit.nbytes
        )

    def _is_stuck(self) -> bool:
        """Tell whether nothing has come for a while, and we may be the reason."""
        now, ended = monotonic(), self._under_way.finished
        nest = nesting.current
        ours = self._pump.is_read_elsewhere() or (
            nest is not None and not nest.applies()
        )
        if ended != self._ended or not ours:
            self._ended, self._since = ended, now
        return now - self._since > STUCK

    def _wait(self, done: Callable[[], bool], timeout: float | None) -> None:
        connection = self._connection
        with self._pump.submitting():
            connection.waits.wait(
                lambda: connection.closed is not None or done(),
                _pause,
                timeout,
                self._explain,
                look=LOOK,
            )

    def _explain(self) -> list[str]:
        return [f"to submit more, for {self._say()}", *explain_tasks(self._connection)]

    def _say(self) -> str:
        credit, tasks = self._credit, self._under_way
        return (
            f"{len(tasks.open):,} tasks with {tasks.nbytes / 2**20:,.0f} MiB of "
            "arguments are under way, and the controller holds no more than "
            f"{credit.tasks:,} tasks, or {credit.nbytes / 2**20:,.0f} MiB, for this "
            "client"
        )


def _pause(seconds: float | None) -> Any:
    threading.Event().wait(seconds)
