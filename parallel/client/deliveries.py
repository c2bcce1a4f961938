"""What came of tasks: their outcomes as they come, and who wants to be told."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, InvalidStateError
from typing import Any, NamedTuple

from ..aliases import EngineId
from ..errors import ParallelError
from ..protocol.messages import Outcome, Published, Status, TaskOutput
from ..protocol.terms import USUAL, Terms
from ..protocol.wire import unstow
from ..serialize.calls import unpack_value
from ..transport.sockets import as_buffers
from .connection import Connection, timestamp
from .future import LazyFuture
from .shown import Shown

__all__ = ["Delivered", "Deliveries"]

#: Told of what is new of a task, by index, and of the end of the whole, by None.
Watch = Callable[[int | None], object]

_log = logging.getLogger("parallel.client")

#: Where there is nothing to tell of.
_NOTHING = Shown()
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


class Deliveries(LazyFuture):
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
    _watches: Sequence[Watch] = ()

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
        if self._shown and _tells_output(outcome):
            shown = self._shown.get(index, _NOTHING)
            shown.stdout = shown.stderr = ""
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
        shown.stdout += output.stdout
        shown.stderr += output.stderr
        if self._watches:
            self._tell(index)

    def publish(self, index: int, published: Published, frames: Sequence[Any]) -> None:
        """Take what a task shows while it runs, other than text."""
        payload, buffers = unstow(published.payload, as_buffers(frames))
        try:
            value = unpack_value(payload, buffers, f"what {self._fname} published")
            self._shown_by(index).take(published.kind, value)
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
        return shown

    # Who is told

    def _end_watches(self) -> None:
        if not self._watches:
            return
        with self._condition:
            watches, self._watches = self._watches, ()
        for watch in watches:
            watch(None)

    def _tell(self, index: int) -> None:
        for watch in tuple(self._watches):
            watch(index)

    def watch(self, watch: Watch) -> None:
        """Have `watch` called until the end: see `watched`."""
        with self._condition:
            self._watches = [*self._watches, watch]

    def _unwatch(self, watch: Watch) -> None:
        with self._condition:
            self._watches = [each for each in self._watches if each is not watch]

    @contextlib.contextmanager
    def watched(self, watch: Watch) -> Iterator[None]:
        """Have `watch` called with the index of each task of which something is new.

        At the end of the whole it is called with None. It runs in the thread that
        reads the connection, and may not wait.
        """
        self.watch(watch)
        try:
            yield
        finally:
            self._unwatch(watch)

    # Giving up

    def cancel(self) -> bool:
        """Give up what has not come, whatever its state; do not wait for that.

        What waits or is queued is not started; what runs is interrupted by a
        `KeyboardInterrupt`, and if it does not heed that, its engine is replaced.
        From now on, to get the result raises a `CancelledError`, which tells what
        came of it.

        Returns
        -------
        bool
            Whether it is cancelled; False if it had come already.
        """
        if self.ready():
            return self.cancelled()
        self._failure = CancelledError(f"{self._fname} was cancelled")
        self._feed_no_more()
        if not super().cancel():  # it came in this moment
            self._failure = None
            return False
        with contextlib.suppress(RuntimeError):  # so does another thread
            super().set_running_or_notify_cancel()  # or futures' waiters never hear
        self._end_watches()
        self._stop_tasks(interrupt=True)
        self._connection.look()  # who waits is woken, also if nothing is under way
        return True

    def abort(self) -> None:
        """Give up what has not started, without waiting for that.

        Such tasks end with a `TaskAborted`; what runs goes on.

        Raises
        ------
        RuntimeError
            All of it has come already.
        """
        if self.ready():
            raise RuntimeError(f"{self!r}: nothing is left to abort")
        self._feed_no_more()
        self._stop_tasks(interrupt=False)

    def withdraw(self) -> None:
        """Cancel what has not started, without waiting for that; what runs goes on.

        Once all has ended, it is cancelled if some of it never started.
        """
        if not self.ready():
            self._withdrawn = True
            self._feed_no_more()
            self._stop_tasks(interrupt=False)

    def _stop_tasks(self, *, interrupt: bool) -> None:
        """Ask for its tasks to be given up."""
        self._connection.abort(self._seqs, interrupt=interrupt)

    def stop_recorded(self, indices: Iterable[int], *, interrupt: bool) -> None:
        """Ask for some of its tasks to be given up, if they are known by id only."""

    def _was_aborted(self) -> bool:
        known = (each for each in self._delivered if each is not None)
        return any(each.outcome.status == Status.ABORTED for each in known)

    def _feed_no_more(self) -> None:
        """See that no more tasks are submitted for this."""

    def ready(self) -> bool:
        """Tell whether all of it has come."""
        if not super().done():
            self._connection.look()
        return super().done()


def _tells_output(outcome: Outcome) -> bool:
    """Tell whether all that its task printed so far comes with an outcome.

    Of an engine that was lost, the last words may be lost too.
    """
    return outcome.status != Status.LOST or bool(outcome.stdout or outcome.stderr)
