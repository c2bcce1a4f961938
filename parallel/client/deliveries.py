"""What came of tasks: their outcomes as they come, and what is known of each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from datetime import timedelta
from typing import Any, NamedTuple

from ..aliases import EngineId
from ..errors import ParallelError
from ..protocol.messages import Outcome, Published, Status, TaskOutput
from ..protocol.terms import USUAL, Terms
from .connection import Connection, timestamp
from .metadata import KEYS, Metadata, as_datetime, status_word

__all__ = ["Delivered", "Deliveries"]


class Delivered(NamedTuple):
    """An outcome as it came."""

    outcome: Outcome
    frames: Sequence[Any]
    received: float


class Deliveries(Future[Any]):
    """The outcomes of one or several tasks, and their facts.

    Parameters
    ----------
    fname
        What to call it in messages.
    single
        One bare value rather than a list of them.
    terms
        Under which its tasks are submitted.
    """

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
        self._printed: dict[int, tuple[str, str]] = {}
        self._failure: Exception | None = None
        self._client: Any = None

    def belong_to(self, client: Any) -> None:
        """Keep the client alive that this result comes by."""
        self._client = client

    #: The engines that its tasks are meant for, if it is known.
    _targets: Sequence[EngineId] = ()

    # What the connection calls

    def number(self, seq: int, targets: Sequence[EngineId] | None = None) -> None:
        """Note the numbers under which tasks were submitted: one for each target."""
        if targets is None:
            self._seqs.append(seq)
            return
        self._seqs.extend(range(seq, seq + len(targets)))
        self._targets = [*self._targets, *targets]

    def deliver(self, index: int, outcome: Outcome, frames: Sequence[Any]) -> None:
        """Take the outcome of the task of this index."""
        if self._printed and _tells_output(outcome):
            self._printed.pop(index, None)
        self._delivered[index] = Delivered(outcome, frames, timestamp())
        self._missing -= 1
        self._arrived(index, outcome)
        if not self._missing and self._complete():
            self._finish()

    def _arrived(self, index: int, outcome: Outcome) -> None:
        """Take note that a task's outcome is there."""

    def _finish(self) -> None:
        with contextlib.suppress(InvalidStateError):  # cancelled: nobody waits for it
            super().set_result(None)

    def show(self, index: int, output: TaskOutput) -> None:
        """Take what a task printed while it ran, or after its result."""
        if output.running and self._delivered[index] is not None:
            return  # its result has told this already
        out, err = self._printed.get(index, ("", ""))
        self._printed[index] = (out + output.stdout, err + output.stderr)

    def publish(self, index: int, published: Published, frames: Sequence[Any]) -> None:
        """Take what a task shows while it runs, other than text."""

    def give_up(self, error: ParallelError) -> None:
        """Take note that no outcome will come any more."""
        if not super().done():
            self._failure = error
            self._finish()

    def cancel(self) -> bool:
        """Give up what has not come; the task goes on. Tell whether it was not there.

        From now on, to get it raises a `CancelledError`.
        """
        cancelled = super().cancel()
        if cancelled:
            self._failure = CancelledError(f"{self._fname} was given up by cancel()")
        return cancelled

    def _complete(self) -> bool:
        """Tell whether what was delivered is all."""
        return True

    def ready(self) -> bool:
        """Tell whether all of it has come."""
        if not super().done():
            self._connection.look()
        return super().done()

    def _value(self, index: int) -> Any:
        """Return one task's value, or the exception that stands for it."""
        raise NotImplementedError

    # Facts

    @property
    def progress(self) -> int:
        """How many of its parts have come."""
        self._connection.look()
        return len(self._delivered) - self._missing

    @property
    def msg_ids(self) -> list[str]:
        """The ids of its tasks."""
        return [f"{self._connection.session}_{seq}" for seq in self._seqs]

    @property
    def metadata(self) -> Any:
        """The facts of its task, or a list with those of each."""
        facts = [self._facts(i) for i in range(len(self._delivered))]
        return facts[0] if self._single else facts

    def _facts(self, index: int) -> Metadata:
        facts = Metadata(submitted=as_datetime(self._submitted))
        if index < len(self._seqs):
            facts.msg_id = self.msg_ids[index]
        delivered = self._delivered[index]
        out, err = self._printed.get(index, ("", ""))
        if delivered is not None:
            outcome = delivered.outcome
            engine = self._connection.engines.get(outcome.engine_id)
            facts.update(
                started=as_datetime(outcome.started),
                completed=as_datetime(outcome.completed),
                received=as_datetime(delivered.received),
                engine_id=outcome.engine_id,
                engine_uuid=engine.uuid.hex() if engine else None,
                status=status_word(outcome.status),
            )
            out, err = outcome.stdout + out, outcome.stderr + err
            if outcome.status != Status.OK:
                facts.error = self._value(index)
        facts.update(stdout=out, stderr=err)
        return facts

    def _metadata_of(self, key: str) -> Any:
        if key not in KEYS:
            raise KeyError(key)
        self._connection.look()
        facts = self.metadata
        return facts[key] if self._single else [each[key] for each in facts]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in KEYS:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return self._metadata_of(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *KEYS]

    @property
    def elapsed(self) -> float:
        """Seconds since submission; until the last result came, once it has."""
        if not self.ready():
            return timestamp() - self._submitted
        return self.wall_time

    @property
    def wall_time(self) -> float:
        """Seconds from submission to the last result's coming.

        Raises
        ------
        TimeoutError
            It has not all come yet.
        """
        last = max((d.received for d in self._all_delivered()), default=0.0)
        return max(0.0, last - self._submitted)

    @property
    def serial_time(self) -> float:
        """Seconds that its tasks took, one after the other.

        Raises
        ------
        TimeoutError
            It has not all come yet.
        """
        outcomes = [d.outcome for d in self._all_delivered()]
        return sum(max(0.0, o.completed - o.started) for o in outcomes)

    def timedelta(
        self,
        start: Any,
        end: Any,
        start_key: Callable[[Any], Any] = min,
        end_key: Callable[[Any], Any] = max,
    ) -> float:
        """Return the seconds between two times, or lists of times, of `metadata`."""
        if not hasattr(start, "timestamp"):
            start = start_key(start)
        if not hasattr(end, "timestamp"):
            end = end_key(end)
        passed: timedelta = end - start
        return passed.total_seconds()

    def _all_delivered(self) -> list[Delivered]:
        if not self.ready():
            raise TimeoutError(f"{self!r} has not finished")
        return [d for d in self._delivered if d is not None]


def _tells_output(outcome: Outcome) -> bool:
    """Tell whether all that its task printed so far comes with an outcome.

    Of an engine that was lost, the last words may be lost too.
    """
    return outcome.status != Status.LOST or bool(outcome.stdout or outcome.stderr)
