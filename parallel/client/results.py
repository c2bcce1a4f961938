"""Results that are to come: `AsyncResult`."""

from __future__ import annotations

import asyncio
import threading
import warnings
import weakref
from collections.abc import (
    Callable,
    Generator,
    Sequence,
)
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Future,
)
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NoReturn

from ..errors import TimeoutError
from ..protocol.messages import Status
from .awaited import Awaited, patience
from .deliveries import Delivered
from .displays import display_outputs, streaming
from .metadata import Metadata
from .opened import without_payload

__all__ = ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "AsyncResult"]


class AsyncResult(Awaited):
    """The result of one call, or of one call on several engines.

    Also a `concurrent.futures.Future`, and awaitable: to cancel who awaits it
    cancels it. What is known of its tasks, such as `engine_id` or `stdout`, are
    attributes and items: see `Metadata`.

    Parameters
    ----------
    fname
        What to call it in messages.
    single
        One bare value rather than a list of them.
    """

    #: What `repr` calls it.
    _kind = "AsyncResult"
    #: Whether the result of one of its tasks is a bare value.
    _parts_are_single = True
    #: Its parts that somebody has.
    _cut: weakref.WeakValueDictionary[int, AsyncResult] | None = None

    # The whole

    def get(
        self,
        timeout: float | None = None,
        return_exceptions: bool | None = None,
        return_when: str | None = None,
    ) -> Any:
        """Return the result: a bare value, or a list with one for each engine.

        Parameters
        ----------
        timeout
            Seconds to wait; None or a negative number for ever.
        return_exceptions
            Put exceptions in the place of values rather than raise them.
        return_when
            With `FIRST_EXCEPTION`, the first failure is raised when it comes.

        Raises
        ------
        TimeoutError
            It was not there in time; the error says what is missing.
        RemoteError
            The call raised; the error is also of the original type where that can be
            imported here. So is what ends a task in other ways, such as an
            `EngineError` for an engine that died.
        CompositeError
            Several calls were made, and some of them raised.
        TaskAborted, CancelledError
            It was given up.
        """
        if return_exceptions is None:
            return_exceptions = self._return_exceptions
        left = timeout
        if return_when == FIRST_EXCEPTION and not return_exceptions:
            self._wait_for_first(FIRST_EXCEPTION, patience(timeout))
            self._raise_first()
            left = 0
        elif return_when not in (None, ALL_COMPLETED, FIRST_EXCEPTION):
            warnings.warn(
                f"get() gives the whole, and ignores return_when={return_when!r}",
                UserWarning,
                stacklevel=2,
            )
        if not self.wait(left):
            raise TimeoutError(self._say_what_is_missing(timeout or 0.0))
        if self._failure is not None:
            raise self._why()
        return self._collect(return_exceptions)

    def _raise_first(self) -> None:
        for i, delivered in enumerate(self._delivered):
            if delivered is not None and delivered.outcome.status != Status.OK:
                raise self._value(i)

    def result(self, timeout: float | None = None) -> Any:
        """Return what `get` returns: the name that futures have for it."""
        return self.get(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception that `get` would raise, or None.

        Raises
        ------
        CancelledError
            It was cancelled.
        TimeoutError
            It was not there in time.
        """
        try:
            self.get(timeout)
        except TimeoutError as error:
            if not self.ready():
                raise
            return error
        except Exception as error:
            if self.cancelled():
                raise
            return error
        return None

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        """Return what futures keep; asyncio asks for it from Python 3.14 on."""
        if not Future.done(self) or self.cancelled():
            return Future.done(self), self.cancelled(), None, None
        error = self.exception()
        return True, False, None if error else self.get(), error

    @property
    def r(self) -> Any:
        """The result, waited for."""
        return self.get()

    def get_dict(self, timeout: float | None = -1) -> dict[int, Any]:
        """Return the results by engine id, waiting for them as `get` does.

        Raises
        ------
        ValueError
            An engine has several of them.
        """
        values = self.get(timeout)
        engines = [facts.engine_id for facts in self._facts_of_all()]
        for engine_id in engines:
            if (count := engines.count(engine_id)) > 1:
                raise ValueError(
                    f"{self._fname}: no dict by engine, for {count} tasks ran on "
                    f"engine {engine_id}"
                )
        return dict(zip(engines, [values] if self._single else values, strict=True))

    @property
    def result_dict(self) -> dict[int, Any]:
        """The results by engine id, waited for."""
        return self.get_dict()

    def successful(self) -> bool:
        """Tell whether nothing was raised.

        Raises
        ------
        RuntimeError
            It has not all come yet.
        """
        if not self.ready():
            raise RuntimeError(f"{self!r} has not finished")
        return not self.cancelled() and self.exception() is None

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call `fn` with this result once it has all come."""
        super().add_done_callback(fn)
        self._connection.attend()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        with self._connection.waits.awaiting():
            return await asyncio.wrap_future(self)

    def _say_what_is_missing(self, waited: float) -> str:
        missing = [i for i, d in enumerate(self._delivered) if d is None]
        there = len(self._connection.engines)
        return (
            f"{self._fname}: {len(missing)} of {len(self._delivered)} results have not "
            f"come after {waited:g} s; {there} engines are there"
        )

    # Its parts

    def origin(self, index: int) -> tuple[AsyncResult, int]:
        """Return the result that a task was submitted for, and its index there."""
        return self, index

    def split(self, *, wait: bool = True) -> tuple[AsyncResult, ...]:
        """Return a result for each task: this itself if there is one only.

        A part of a call on several engines is a result like that of a call on one. What
        `get` returns of a map's part is a list with one chunk of values.

        Parameters
        ----------
        wait
            Wait until all of a map is submitted: what is not has no part yet.
        """
        if wait and not self.sent:
            self.wait_for_send()
        if len(self._delivered) == 1 and self.sent:
            return (self,)
        return tuple(self._part(i) for i in range(len(self._delivered)))

    def _part(self, index: int) -> AsyncResult:
        """Return the part of one task: the same as long as somebody has it."""
        if self._cut is None:
            self._cut = weakref.WeakValueDictionary()
        part = self._cut.get(index)
        if part is None:
            part = Selection(
                self._fname, [self.origin(index)], single=self._parts_are_single
            )
            self._cut[index] = part
        return part

    @staticmethod
    def join(*results: AsyncResult) -> AsyncResult:
        """Return one result for the tasks of several, in their order.

        Its value is a list, also for a single task. What is not submitted yet of a map
        is waited for.

        Raises
        ------
        ValueError
            There are none, or they are of several clients.
        """
        if not results:
            raise ValueError("AsyncResult.join(*results): there are no results to join")
        if len({id(ar._connection) for ar in results}) > 1:
            raise ValueError("AsyncResult.join(*results): they are of several clients")
        for ar in results:
            ar.wait_for_send()
        parts = [ar.origin(i) for ar in results for i in range(len(ar._delivered))]
        return Selection(results[0]._fname, parts, single=False)

    def _sorted_out(self) -> tuple[set[AsyncResult], set[AsyncResult]]:
        parts = self.split(wait=False)
        done = {part for part in parts if Future.done(part)}
        return done, set(parts) - done

    # Showing

    def stream_output(self) -> AbstractContextManager[None]:
        """Show what its tasks print and display as it comes, in a `with` block."""
        return streaming(self)

    def display_outputs(self, groupby: str = "type", result_only: bool = False) -> None:
        """Show what its tasks printed and displayed, waiting for it.

        Parameters
        ----------
        groupby
            'type': all that was printed, then all displays; 'engine': one engine
            after the other; 'order': the first displays of all, then the second.
        result_only
            Show only the values of executed code.

        Raises
        ------
        ValueError
            `groupby` is none of these.
        """
        self.wait_for_output()
        display_outputs(
            self._facts_of_all(), groupby, result_only=result_only, single=self._single
        )

    def _facts_of_all(self) -> list[Metadata]:
        return [self._facts(i) for i in range(len(self._delivered))]

    def _state_word(self) -> str:
        if not self.ready():
            return "pending"
        return "failed" if self._failed or self._failure is not None else "finished"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"an {self._kind} stays in its process: send what its get() returns"
        )

    def __repr__(self) -> str:
        return f"<{self._kind}({self._fname}): {self._state_word()}>"


class Selection(AsyncResult):
    """Some tasks of other results, as a result of its own.

    Parameters
    ----------
    parts
        Each a result and an index in it, as `AsyncResult.origin` returns them.
    """

    def __init__(
        self, fname: str, parts: Sequence[tuple[AsyncResult, int]], *, single: bool
    ) -> None:
        first = parts[0][0]
        super().__init__(
            first._connection, fname, single=single, count=len(parts),
            terms=first._terms,
        )  # fmt: skip
        self._method = first._method
        self._return_exceptions = first._return_exceptions
        self._parts = list(parts)
        self._client = first._client
        times = [part._submitted_at(i) for part, i in parts]
        self._submitted = min([time for time in times if time], default=self._submitted)
        self._seqs = [part._seqs[i] for part, i in parts if i < len(part._seqs)]
        self._taking = threading.Lock()
        own: dict[AsyncResult, dict[int, list[int]]] = {}  # a task may be there twice
        for at, (part, index) in enumerate(parts):
            own.setdefault(part, {}).setdefault(index, []).append(at)
        for part, places in own.items():
            watch = partial(self._hear_of, part, places)
            part.watch(watch)
            for index in places:
                self._hear_of(part, places, index)
            if Future.done(part):
                self._hear_of(part, places, None)
                part._unwatch(watch)  # which it keeps: a circle

    def _hear_of(
        self, part: AsyncResult, places: dict[int, list[int]], index: int | None
    ) -> None:
        """Take what has come of a part; if that ended without all, end too."""
        if index is None:
            if part._failure is not None and any(
                self._delivered[at] is None for each in places.values() for at in each
            ):
                self.give_up(part._failure)
            return
        delivered = part._delivered[index]
        for at in places.get(index, ()):
            if delivered is None:  # it shows something
                self._tell(at)
            else:
                self._take(at, delivered)

    def _take(self, at: int, delivered: Delivered) -> None:
        with self._taking:  # whoever made this looks, and whoever reads the connection
            if self._delivered[at] is not None:
                return
            kept = without_payload(delivered.outcome)
            self._delivered[at] = Delivered(kept, (), delivered.received)
            part, index = self._parts[at]
            self._submitted = min(self._submitted, part._submitted_at(index))
            self._missing -= 1
            self._failed = self._failed or kept.status != Status.OK
            complete = not self._missing
        if self._watches:
            self._tell(at)
        if complete:
            self._finish()

    def origin(self, index: int) -> tuple[AsyncResult, int]:
        """Return the result that a task was submitted for, and its index there."""
        return self._parts[index]

    @property
    def msg_ids(self) -> list[str]:
        """The ids of its tasks."""
        known = [
            (part, part._seqs[i]) for part, i in self._parts if i < len(part._seqs)
        ]
        return [part._msg_id(seq) for part, seq in known]

    def _stop_tasks(self, *, interrupt: bool) -> None:
        super()._stop_tasks(interrupt=interrupt)
        of: dict[AsyncResult, list[int]] = {}
        for part, index in self._parts:
            of.setdefault(part, []).append(index)
        for part, indices in of.items():
            part.stop_recorded(indices, interrupt=interrupt)

    def _value(self, index: int) -> Any:
        part, at = self._parts[index]
        return part._value(at)

    def _facts(self, index: int) -> Metadata:
        part, at = self._parts[index]
        return part._facts(at)

    def said(self, index: int) -> tuple[str, str, list[dict[str, Any]]]:
        """Return what a task printed, on both streams, and displayed so far."""
        part, at = self._parts[index]
        return part.said(at)

    def engine_of(self, index: int) -> int | None:
        """Return the engine of a task, if it is known yet."""
        part, at = self._parts[index]
        return part.engine_of(at)
