"""Waiting for several results at once, or for each as it comes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Any

from ..errors import TimeoutError
from .asynchronous import Bell
from .connection import Connection
from .jobs import futures_and_ids
from .results import AsyncResult

__all__ = ["as_completed", "wait_for"]


def wait_for(
    connection: Connection,
    jobs: Any,
    timeout: float | None,
    history: Sequence[str] = (),
) -> bool:
    """Wait for results; tell whether all of them have come.

    Parameters
    ----------
    jobs
        A result or future, the id of a message, its place in the `history`, several
        of them, or None for all that is outstanding.
    timeout
        Seconds; a negative number or None waits for ever.

    Raises
    ------
    TypeError
        A job is no result.
    ValueError
        An id is not of a message that this client sent.
    """
    if timeout is not None and timeout < 0:
        timeout = None
    deadline = None if timeout is None else monotonic() + timeout
    futures: list[Future[Any]]
    if jobs is None:  # first the maps: their last chunks may be submitted meanwhile
        futures, seqs = connection.tasks.unfinished_maps(), connection.outstanding
    else:
        futures, ids = futures_and_ids(jobs, history)
        seqs = [_own(connection, msg_id) for msg_id in ids]
    if not _wait_for_tasks(connection, seqs, timeout):
        return False
    for job in futures:
        left = None if deadline is None else max(0.0, deadline - monotonic())
        if not _wait_one(job, left):
            return False
    return True


def _own(connection: Connection, msg_id: str) -> int:
    seq = connection.seq_of(msg_id)
    if seq is None or seq >= connection.submitted:
        raise ValueError(
            f"cannot wait for {msg_id!r}: this client did not send it. "
            "get_result(msg_id) asks the controller for it"
        )
    return seq


def _wait_one(job: Any, timeout: float | None) -> bool:
    if isinstance(job, AsyncResult):
        return bool(job.wait(timeout))
    return not concurrent.futures.wait([job], timeout).not_done


def _wait_for_tasks(
    connection: Connection, waited: list[int], timeout: float | None
) -> bool:
    def done() -> bool:
        while waited and not connection.is_open(waited[-1]):
            waited.pop()  # looked at once: not all of them at each turn
        return not waited

    return done() or connection.wait(done, None, timeout)


class as_completed:  # noqa: N801 - a function to its users, and to concurrent.futures'
    """Yield results in the order in which they come, in a `for` or an `async for`.

    Also those that failed or were cancelled: `get` of a result that is yielded raises
    then, and never waits.

    Parameters
    ----------
    results
        Results and other futures; of one result, its parts.
    timeout
        Seconds for all of them, from the first that is asked for; None for any time.

    Raises
    ------
    TimeoutError
        They had not all come by then.
    """

    def __init__(
        self, results: AsyncResult | Iterable[Future[Any]], timeout: float | None = None
    ) -> None:
        if isinstance(results, AsyncResult):
            results = results.split()
        self._pending = set(results)
        self._total = len(self._pending)
        ways = {getattr(future, "_connection", None) for future in self._pending}
        #: The connection by which all come; None if they come in other ways.
        self._connection: Connection | None = ways.pop() if len(ways) == 1 else None
        self._timeout = timeout
        self._deadline: float | None = None
        self._came: deque[Future[Any]] = deque()
        self._changed = threading.Condition()
        self._bell: Bell | None = None
        for future in tuple(self._pending):
            future.add_done_callback(self._take)

    def _take(self, future: Future[Any]) -> None:
        with self._changed:
            self._came.append(future)
            self._changed.notify_all()
        if self._bell is not None:
            self._bell.ring()

    def _left(self) -> float | None:
        """Return the seconds that are left."""
        if self._timeout is None:
            return None
        if self._deadline is None:
            self._deadline = monotonic() + self._timeout
        left = self._deadline - monotonic()
        if left <= 0 and not self._came:
            raise TimeoutError(
                f"{len(self._pending)} of {self._total} results have not come after "
                f"{self._timeout:g} s"
            )
        return max(0.0, left)

    def _follow(self, seconds: float | None) -> None:
        with self._changed:
            if not self._came:
                self._changed.wait(seconds)

    def __iter__(self) -> Iterator[Future[Any]]:
        return self

    def __next__(self) -> Future[Any]:
        if not self._pending:
            raise StopIteration
        while not self._came:
            left = self._left()
            if self._connection is not None:
                self._connection.wait(self._has_some, self._follow, left)
            else:
                self._follow(left)
        return self._given()

    def _given(self) -> Future[Any]:
        future = self._came.popleft()
        self._pending.discard(future)
        return future

    def _has_some(self) -> bool:
        return bool(self._came)

    def __aiter__(self) -> AsyncIterator[Future[Any]]:
        return self

    async def __anext__(self) -> Future[Any]:
        import asyncio

        if not self._pending:
            raise StopAsyncIteration
        self._bell = bell = Bell()
        way = self._connection
        try:
            while not self._came:
                try:
                    with (
                        contextlib.nullcontext()
                        if way is None
                        else way.waits.awaiting()
                    ):
                        await asyncio.wait_for(bell.heard(), self._left())
                except asyncio.TimeoutError:
                    self._left()
        finally:
            self._bell = None
        return self._given()
