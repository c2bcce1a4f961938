"""Results that are to come: `AsyncResult`."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn

from ..errors import (
    CompositeError,
    EngineError,
    Failure,
    ParallelError,
    RemoteError,
    TaskAborted,
)
from ..protocol.messages import Outcome, Status, TaskOutput
from ..protocol.wire import unstow
from ..serialize.calls import unpack_error, unpack_value
from ..transport.sockets import as_buffers
from .connection import Connection, timestamp
from .metadata import KEYS, Metadata, as_datetime, status_word

__all__ = ["AsyncResult"]

_UNSET: Any = object()


class Delivered(NamedTuple):
    """An outcome as it came."""

    outcome: Outcome
    frames: Sequence[Any]
    received: float


class AsyncResult(Future[Any]):
    """The result of one call, or of one call on several engines.

    Also a `concurrent.futures.Future`, and awaitable.

    Parameters
    ----------
    fname
        What to call it in messages.
    single
        One bare value rather than a list of them.
    """

    def __init__(
        self, connection: Connection, fname: str, *, single: bool, count: int = 1
    ) -> None:
        super().__init__()
        self._connection = connection
        self._fname = fname
        self._single = single
        self._submitted = timestamp()
        self._seqs: list[int] = []
        #: Outcomes by index, None where none has come.
        self._delivered: list[Delivered | None] = [None] * count
        self._missing = count
        self._values: dict[int, Any] = {}
        self._printed: dict[int, tuple[str, str]] = {}
        self._failure: ParallelError | None = None
        self._client: Any = None

    def belong_to(self, client: Any) -> None:
        """Keep the client alive that this result comes by."""
        self._client = client

    # What the connection calls

    def sent(self, seq: int, count: int = 1) -> None:
        """Note the numbers under which tasks were submitted."""
        self._seqs.extend(range(seq, seq + count))

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

    def give_up(self, error: ParallelError) -> None:
        """Take note that no outcome will come any more."""
        if not super().done():
            self._failure = error
            self._finish()

    def _complete(self) -> bool:
        """Tell whether what was delivered is all."""
        return True

    # Waiting

    def ready(self) -> bool:
        """Tell whether all of it has come."""
        if not super().done():
            self._connection.look()
        return super().done()

    def done(self) -> bool:
        """Tell whether all of it has come."""
        return self.ready()

    def wait(self, timeout: float | None = -1) -> bool:
        """Wait until all has come, at most `timeout` seconds; tell whether it has.

        A negative timeout, or None, waits for ever.
        """
        if timeout is not None and timeout < 0:
            timeout = None
        is_done = super().done
        if is_done():
            return True
        return self._connection.wait(is_done, self._follow, timeout)

    def wait_for_output(self, timeout: float | None = -1) -> bool:
        """Wait until all has come, output included; tell whether it has.

        What a task printed comes with its result, so this waits for no more than
        `wait` does; what its threads print later is added as it comes.
        """
        return self.wait(timeout)

    def _follow(self, seconds: float | None) -> None:
        """Wait while another thread reads the connection."""
        with self._condition:
            if not super().done():
                self._condition.wait(seconds)

    def get(self, timeout: float | None = None) -> Any:
        """Return the result: a bare value, or a list with one for each engine.

        Parameters
        ----------
        timeout
            Seconds to wait; None or a negative number for ever.

        Raises
        ------
        TimeoutError
            It was not there in time; the error says what is missing.
        RemoteError
            The call raised; the error is also of the original type where that can be
            imported here.
        CompositeError
            Several calls were made, and some of them raised.
        EngineError
            The engine died.
        """
        if not self.wait(timeout):
            raise TimeoutError(self._say_what_is_missing(timeout or 0.0))
        if self._failure is not None:
            raise self._failure
        return self._collect()

    def result(self, timeout: float | None = None) -> Any:
        """Return what `get` returns: the name that futures have for it."""
        return self.get(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception that `get` would raise, or None."""
        try:
            self.get(timeout)
        except TimeoutError as error:
            if not self.ready():
                raise
            return error
        except Exception as error:
            return error
        return None

    @property
    def r(self) -> Any:
        """The result, waited for."""
        return self.get()

    def successful(self) -> bool:
        """Tell whether nothing was raised.

        Raises
        ------
        RuntimeError
            It has not all come yet.
        """
        if not self.ready():
            raise RuntimeError(f"{self!r} has not finished")
        return self.exception() is None

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call `fn` with this result once it has all come."""
        super().add_done_callback(fn)
        self._connection.attend()

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self).__await__()

    def _say_what_is_missing(self, waited: float) -> str:
        missing = [i for i, d in enumerate(self._delivered) if d is None]
        there = len(self._connection.engines)
        return (
            f"{self._fname}: {len(missing)} of {len(self._delivered)} results have not "
            f"come after {waited:g} s; {there} engines are there"
        )

    # Values

    def _value(self, index: int) -> Any:
        """Return one task's value, or the exception that stands for it."""
        value = self._values.get(index, _UNSET)
        if value is _UNSET:
            delivered = self._delivered[index]
            if delivered is None:
                raise TimeoutError(f"result {index} of {self._fname} has not come")
            # Another thread may have unpacked it, and let go of the bytes, by now.
            value = self._values.get(index, _UNSET)
            if value is not _UNSET:
                return value
            value = self._unpack(delivered)
            self._values[index] = value
            # The value keeps what it needs of the buffers.
            kept = delivered.outcome
            if kept.frames or kept.payload:
                kept = _without_payload(kept)
                self._delivered[index] = Delivered(kept, (), delivered.received)
        return value

    def _unpack(self, delivered: Delivered) -> Any:
        outcome = delivered.outcome
        payload, buffers = unstow(outcome.payload, as_buffers(delivered.frames))
        if outcome.status == Status.OK:
            try:
                return unpack_value(payload, buffers, f"the result of {self._fname}")
            except ParallelError as error:
                return error
        if outcome.status == Status.ERROR:
            return unpack_error(payload)
        if outcome.status == Status.LOST:
            return EngineError(pickle.loads(payload))
        return TaskAborted(f"{self._fname} was aborted")

    def _collect(self) -> Any:
        values = [self._value(i) for i in range(len(self._delivered))]
        if self._single:
            if isinstance(values[0], ParallelError):
                raise values[0]
            return values[0]
        self._raise_errors(values)
        return values

    def _raise_errors(self, values: list[Any]) -> None:
        failures = [_failure_of(v) for v in values if isinstance(v, ParallelError)]
        if failures:
            raise CompositeError(
                f"one or more exceptions raised in: {self._fname}", failures
            )

    def __len__(self) -> int:
        return len(self._delivered)

    def __iter__(self) -> Iterator[Any]:
        if self._single:
            raise TypeError(f"{self!r} has a single result: use get()")
        for i in range(len(self._delivered)):
            self._wait_for(i)
            value = self._value(i)
            if isinstance(value, ParallelError):
                raise value
            yield value

    def _wait_for(self, index: int) -> None:
        def there() -> bool:
            return self._failure is not None or (
                index < len(self._delivered) and self._delivered[index] is not None
            )

        self._connection.wait(there, self._follow_parts)
        if self._failure is not None:
            raise self._failure

    def _follow_parts(self, seconds: float | None) -> None:
        with self._condition:
            self._condition.wait(0.005 if seconds is None else min(seconds, 0.005))

    async def __aiter__(self) -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        values = iter(self)
        end = object()
        while (value := await loop.run_in_executor(None, next, values, end)) is not end:
            yield value

    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, str):
            return self._metadata_of(key)
        if not self.ready():
            raise TimeoutError(f"{self!r} has not finished")
        values = self._collect()
        return [values][key] if self._single else values[key]

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

    def _state_word(self) -> str:
        if not self.ready():
            return "pending"
        failed = self._failure is not None or any(
            d.outcome.status != Status.OK for d in self._all_delivered()
        )
        return "failed" if failed else "finished"

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"an {name} stays in its process: send what its get() returns")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._fname}): {self._state_word()}>"


def _tells_output(outcome: Outcome) -> bool:
    """Tell whether all that its task printed so far comes with an outcome.

    Of an engine that was lost, the last words may be lost too.
    """
    return outcome.status != Status.LOST or bool(outcome.stdout or outcome.stderr)


def _failure_of(error: ParallelError) -> Failure:
    if isinstance(error, RemoteError):
        return error.failure
    return Failure(type(error).__name__, str(error), "", {})


def _without_payload(outcome: Outcome) -> Outcome:
    return Outcome(
        outcome.seq, outcome.status, b"", 0, outcome.engine_id, outcome.started,
        outcome.completed, outcome.stdout, outcome.stderr,
    )  # fmt: skip
