"""`ViewExecutor`: a view as the standard library's executor."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from time import monotonic
from typing import Any
from weakref import WeakSet

from ..serialize.callables import Callee, name_of
from .partition import is_sized

__all__ = ["ViewExecutor"]

#: Of what has no length, so many tasks for each engine are under way.
AHEAD = 4


class ViewExecutor(Executor):
    """Runs calls on a view, under the promises of `concurrent.futures`.

    Its futures are the view's own results. It may be shut down; the engines, the
    view and its other results are left alone.

    Parameters
    ----------
    view
        Where the calls run.
    """

    def __init__(self, view: Any) -> None:
        #: Where the calls run.
        self.view = view
        self._lock = threading.Lock()
        #: What somebody may still wait for; others are with the connection.
        self._futures: WeakSet[Any] = WeakSet()
        #: Whether no more calls are taken.
        self.is_shut_down = False

    @property
    def _max_workers(self) -> int:
        """How many calls can run at once: other libraries ask for it by this name."""
        return len(self.view)

    def submit(self, fn: Callee, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn(*args, **kwargs)` on the view; return its result, which is a future.

        Raises
        ------
        RuntimeError
            The executor was shut down.
        """
        self._check_open()
        future: Future[Any] = self.view.apply_async(fn, *args, **kwargs)
        self._watch(future)
        return future

    def map(
        self,
        fn: Callee,
        /,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Call `fn` with each element; return an iterator of the results, in order.

        What has a length is submitted by and by, whether or not somebody iterates.
        Of what has none, such as a generator, no more is taken than keeps the engines
        busy, and it may be without end.

        Parameters
        ----------
        timeout
            The iterator raises a `TimeoutError` so many seconds after this call.
        chunksize
            So many elements travel as one task.
        buffersize
            At most so many elements of a generator are under way.
        """
        self._check_open()
        if chunksize < 1:
            raise ValueError(f"chunksize is at least 1, not {chunksize}")
        if buffersize is not None and buffersize < 1:
            raise ValueError(f"buffersize is at least 1, not {buffersize}")
        if timeout is None and buffersize is None:
            return self._map_whole(fn, iterables, chunksize)
        if buffersize is None and not all(is_sized(each) for each in iterables):
            buffersize = AHEAD * max(1, len(self.view)) * chunksize
        ahead = None if buffersize is None else max(1, buffersize // chunksize)
        deadline = None if timeout is None else monotonic() + timeout
        parts = self._submit_parts(fn, iterables, chunksize)
        ready = deque(itertools.islice(parts, ahead))  # before the first next()
        return _values(ready, parts, deadline)

    def _map_whole(self, fn: Any, iterables: Any, chunksize: int) -> Iterator[Any]:
        options = {"chunksize": chunksize} if chunksize > 1 else {}
        result = self.view.map_async(fn, *iterables, **options) if iterables else []
        if isinstance(result, list):  # nothing to do
            return iter(result)
        self._watch(result)
        return _elements(result)

    def _submit_parts(
        self, fn: Any, iterables: Any, size: int
    ) -> Iterator[Future[Any]]:
        """Submit elements as they are asked for; yield futures of lists of results."""
        calls = zip(*iterables, strict=False)
        name = name_of(fn)
        while part := list(itertools.islice(calls, size)):
            future: Any = self.submit(_call_each, fn, part)
            future._fname = name  # errors name what the user called
            yield future

    def _watch(self, future: Any) -> None:
        """Have `shutdown` see a future; if it has not, nothing is to come of it."""
        # Not locked while calls are made: these may wait, in callbacks submit more.
        with self._lock:
            is_late = self.is_shut_down
            if not is_late:
                self._futures.add(future)
        if is_late:
            future.cancel()
            self._check_open()
        # Whoever waits for futures does so without looking at the connection.
        self.view.client.attend()

    def _check_open(self) -> None:
        if self.is_shut_down:
            raise RuntimeError(
                "cannot schedule new futures after shutdown: view.executor is a new one"
            )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the engines go on.

        Parameters
        ----------
        wait
            Return when all futures have ended.
        cancel_futures
            Cancel those that have not started.
        """
        with self._lock:
            self.is_shut_down = True
            futures = list(self._futures)
        futures = [future for future in futures if not future.done()]
        if cancel_futures:
            for future in futures:
                future.withdraw()
        if wait:
            self.view.client.wait(futures)

    def __repr__(self) -> str:
        state = " (shut down)" if self.is_shut_down else ""
        return f"<{type(self).__name__} on {self.view!r}{state}>"


def _call_each(f: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    """Make some calls where the engine is: one task."""
    return [f(*args) for args in calls]


def _values(
    ready: deque[Future[Any]], parts: Iterator[Future[Any]], deadline: float | None
) -> Iterator[Any]:
    """Yield the results of parts in order, and submit one part for each that came."""
    try:
        while ready:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            values = ready[0].result(left)
            ready.popleft()
            ready.extend(itertools.islice(parts, 1))
            values.reverse()
            while values:  # kept no longer than until they are given
                yield values.pop()
    finally:  # nobody will ask for the rest
        for future in ready:
            future.cancel()


def _elements(result: Any) -> Iterator[Any]:
    try:
        yield from result.drain()
    finally:
        if not result.done():
            result.cancel()
