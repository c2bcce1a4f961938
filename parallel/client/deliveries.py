"""What came of tasks: their outcomes, and what they show, as it comes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from concurrent.futures import CancelledError, InvalidStateError
from time import time as timestamp  # of day, as the engines' clocks tell theirs
from typing import Any, NamedTuple

from ..aliases import EngineId
from ..errors import ParallelError
from ..protocol.messages import Outcome, Published, Status, TaskOutput
from ..protocol.terms import USUAL, Terms
from ..protocol.wire import unstow
from ..serialize.calls import unpack_value
from ..transport.sockets import as_buffers
from .connection import Connection
from .shown import Shown
from .watched import Watched

__all__ = ["Delivered", "Deliveries"]

_log = logging.getLogger("parallel.client")

#: Stands for the exception of a result that failed: to build it can wait.
_FAILED = ParallelError("ask the result for its exception")


def _is_ours(callback: Any) -> bool:
    """Tell whether a callback takes no lock that its user may hold."""
    module = getattr(callback, "__module__", None) or ""
    return module.startswith(("parallel.client.", "asyncio."))


class Delivered(NamedTuple):
    """An outcome as it came."""

    outcome: Outcome
    frames: Sequence[Any]
    received: float


class Deliveries(Watched):
    """The outcomes of one or several tasks.

    Parameters
    ----------
    fname
        What to call it in messages.
    single
        One bare value rather than a list of them.
    terms
        Under which its tasks are submitted.
    """

    #: The engines that its tasks are meant for, if it is known.
    _targets: Sequence[EngineId] = ()
    #: Why it will not be complete.
    _failure: Exception | None = None
    #: Whether one of the tasks failed.
    _failed = False
    #: Whether to be aborted means to be cancelled.
    _withdrawn = False
    _client: Any = None

    def __init__(
        self, connection: Connection, fname: str, *, single: bool, count: int = 1,
        terms: Terms | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._connection = connection
        self._fname = fname
        self._terms = terms or USUAL
        self._single = single
        self._submitted = timestamp()
        self._seqs: list[int] = []
        #: Outcomes by index, None where none has come.
        self._delivered: list[Delivered | None] = [None] * count
        self._missing = count
        self._values: dict[int, Any] = {}
        #: What tasks showed before their outcome, or beside it, by index.
        self._shown: dict[int, Shown] = {}

    def belong_to(self, client: Any) -> None:
        """Keep the client alive that this result comes by."""
        self._client = client

    def number(self, seq: int, targets: Sequence[EngineId] | None = None) -> None:
        """Note the numbers under which tasks were submitted: one for each target."""
        if targets is None:
            self._seqs.append(seq)
            return
        self._seqs.extend(range(seq, seq + len(targets)))
        self._targets = [*self._targets, *targets]

    # What the connection calls

    def deliver(self, index: int, outcome: Outcome, frames: Sequence[Any]) -> None:
        """Take the outcome of the task of this index."""
        if self._shown and (shown := self._shown.get(index)) is not None:
            shown.end(outcome)
        self._delivered[index] = Delivered(outcome, frames, timestamp())
        self._missing -= 1
        if outcome.status:
            self._failed = True
        self._arrived(index, outcome)
        if self._watches:
            self._tell(index)
        if not self._missing and self._complete():
            self._finish()

    def _arrived(self, index: int, outcome: Outcome) -> None:
        """Take note that a task's outcome is there."""

    def _complete(self) -> bool:
        """Tell whether what was delivered is all."""
        return True

    def _finish(self) -> None:
        if self._withdrawn and self._was_aborted() and not super().done():
            self._failure = CancelledError(f"{self._fname} was cancelled unstarted")
            super().cancel()
            super().set_running_or_notify_cancel()
        with contextlib.suppress(InvalidStateError):  # cancelled: nobody waits for it
            failed = self._failed or self._failure is not None
            self.settle(None, _FAILED if failed else None)
        self._end_watches()

    def _was_aborted(self) -> bool:
        known = (each for each in self._delivered if each is not None)
        return any(each.outcome.status == Status.ABORTED for each in known)

    def _invoke_callbacks(self) -> None:
        """Call who asked for it: now, or soon where the caller may hold a lock."""
        call = super()._invoke_callbacks  # type: ignore[misc]
        theirs = any(not _is_ours(each) for each in self._done_callbacks)
        if not theirs or not self._connection.defers(call):
            call()

    def give_up(self, error: Exception) -> None:
        """Take note that no outcome will come any more."""
        if not super().done():
            self._failure = error
            self._finish()

    def show(self, index: int, output: TaskOutput) -> None:
        """Take what a task printed while it ran, or after its result."""
        if output.running and self._delivered[index] is not None:
            return  # its result has told this already
        shown = self._shown_by(index)
        shown.stdout.add(output.stdout)
        shown.stderr.add(output.stderr)
        if self._watches:
            self._tell(index)

    def publish(self, index: int, published: Published, frames: Sequence[Any]) -> None:
        """Take what a task shows while it runs, other than text."""
        payload, buffers = unstow(published.payload, as_buffers(frames))
        try:
            value = unpack_value(payload, buffers, f"what {self._fname} published")
            nbytes = len(published.payload) + sum(map(len, frames))
            self._shown_by(index).take(published.kind, value, nbytes)
        except (ParallelError, TypeError, ValueError) as error:
            # Whoever reads the connection waits for something else.
            _log.warning("%s", error)
            return
        if self._watches:
            self._tell(index)

    def _shown_by(self, index: int) -> Shown:
        shown = self._shown.get(index)
        if shown is None:
            shown = self._shown[index] = Shown()
            delivered = self._delivered[index]
            if delivered is not None:
                shown.end(delivered.outcome)
        return shown

    def ready(self) -> bool:
        """Tell whether all of it has come."""
        if not super().done():
            self._connection.look()
        return super().done()
