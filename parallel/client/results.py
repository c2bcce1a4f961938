"""Results that are to come: `AsyncResult`."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any, NoReturn

from ..errors import (
    CompositeError,
    EngineError,
    Failure,
    ParallelError,
    RemoteError,
    TaskAborted,
)
from ..protocol.messages import Outcome, Status
from ..protocol.wire import unstow
from ..serialize.calls import unpack_error, unpack_value
from ..transport.sockets import as_buffers
from .deliveries import Delivered, Deliveries

__all__ = ["AsyncResult"]

_UNSET: Any = object()


class AsyncResult(Deliveries):
    """The result of one call, or of one call on several engines.

    Also a `concurrent.futures.Future`, and awaitable.

    Parameters
    ----------
    fname
        What to call it in messages.
    single
        One bare value rather than a list of them.
    """

    # Waiting

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


def _failure_of(error: ParallelError) -> Failure:
    if isinstance(error, RemoteError):
        return error.failure
    return Failure(type(error).__name__, str(error), "", {})


def _without_payload(outcome: Outcome) -> Outcome:
    return Outcome(
        outcome.seq, outcome.status, b"", 0, outcome.engine_id, outcome.started,
        outcome.completed, outcome.stdout, outcome.stderr,
    )  # fmt: skip
