"""`imap`: calls made as their arguments come, results given as they are asked for."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future
from typing import Any

from .asynchronous import Bell
from .progress import Bar, new_bar
from .results import AsyncResult

__all__ = ["LazyMapIterator"]

#: So many results wait to be taken before no more calls are made.
UNTAKEN = 4096


class LazyMapIterator:
    """The results of calls, each made when its arguments are there.

    A thread takes them from the sequences, which may be without end, from the moment
    that this is made. It ends with them, with `cancel`, and when this is dropped. What
    a sequence raises is raised here, behind the results of what came before. Also
    an asynchronous iterator.

    Parameters
    ----------
    view
        Any view: `view._apply(f, args, {})` makes each call, with the flags that the
        view has now. Results are bare where those of `apply` are.
    ordered
        In the order of the elements, or as results come.
    max_outstanding
        So many calls are under way at most: 'auto' for as many as there are engines,
        0 for any number.
    return_exceptions
        Give exceptions in the place of results rather than raise them.
    progress
        Show a bar.

    Raises
    ------
    ValueError
        `max_outstanding` is negative or no number.
    """

    def __init__(
        self,
        view: Any,
        f: Any,
        sequences: Sequence[Iterable[Any]],
        *,
        ordered: bool = True,
        max_outstanding: int | str | None = "auto",
        return_exceptions: bool = False,
        progress: bool = False,
    ) -> None:
        if not sequences:
            raise AssertionError("imap needs at least one sequence")
        view = _as_it_is(view)
        most = _checked(view, max_outstanding)
        bar = None
        if progress:
            lengths = [len(s) for s in sequences if isinstance(s, Sized)]
            bar = new_bar(min(lengths, default=None), getattr(f, "__name__", "imap"))
        self._flow = _Flow(view, f, zip(*sequences, strict=False), most, ordered, bar)
        self._return_exceptions = return_exceptions
        self._connection = view._connection
        self._client = view.client  # which ends the connection when it is dropped
        weakref.finalize(self, self._flow.stop).atexit = False
        threading.Thread(
            target=self._flow.run, name="parallel-imap", daemon=True
        ).start()

    def cancel(self, *, interrupt: bool = False) -> None:
        """Take no more of the sequences; what is under way still comes.

        Parameters
        ----------
        interrupt
            Cancel what is under way, too: then nothing comes any more.
        """
        self._flow.stop()
        if interrupt:
            for result in self._flow.withdraw():
                result.cancel()
        self._connection.look()  # who waits is woken

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        flow = self._flow
        while True:
            if not flow.is_due():
                self._connection.wait(flow.is_due, flow.follow)
            taken = flow.take()
            if taken is not None:
                return taken.get(return_exceptions=self._return_exceptions)
            if flow.is_over():
                raise flow.failure() or StopIteration

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        flow, bell = self._flow, Bell()
        flow.bells.append(bell)
        try:
            while True:
                taken = flow.take() if flow.is_due() else None
                if taken is not None:
                    return taken.get(return_exceptions=self._return_exceptions)
                if flow.is_over():
                    raise flow.failure() or StopAsyncIteration
                with self._connection.waits.awaiting():
                    await bell.heard()
        finally:
            flow.bells.remove(bell)


class _Flow:
    """What the thread and the iterator share, so that the thread can outlive it."""

    def __init__(
        self, view: Any, f: Any, rows: Iterator[tuple[Any, ...]], most: int,
        ordered: bool, bar: Bar | None,
    ) -> None:  # fmt: skip
        self._view = view
        self._f = f
        self._rows = rows
        self._most = most
        self._ordered = ordered
        self._bar = bar
        self._changed = threading.Condition()
        #: What is to be given next: of an ordered map, also what has not come yet.
        self._ready: deque[AsyncResult] = deque()
        self._under_way: set[AsyncResult] = set()
        self._stopped = False
        #: A call is being made: what comes of it is not among the others yet.
        self._calling = False
        self._withdrawn = False
        self._ended = False
        self._failure: BaseException | None = None
        self.bells: list[Bell] = []

    # The thread

    def run(self) -> None:
        """Take arguments and make calls until there are no more."""
        try:
            while self._may_go_on():
                row = next(self._rows, None)
                if row is None or not self._may_call():
                    break
                self._add(self._view._apply(self._f, row, {}))
                self._view._connection.set_off()
        except BaseException as error:  # of the user's sequence, or it cannot travel
            self._failure = error
        with self._changed:
            self._ended = True
            self._tell()
        if self._bar is not None and not self._under_way:
            self._bar.close()
        connection, self._view = self._view._connection, None
        connection.look()  # who waits is woken

    def _may_go_on(self) -> bool:
        with self._changed:
            while not self._stopped and not self._has_room():
                self._changed.wait()
            return not self._stopped

    def _may_call(self) -> bool:
        with self._changed:
            self._calling = not self._stopped
            return self._calling

    def _has_room(self) -> bool:
        if not self._most:
            return True
        return len(self._under_way) < self._most and len(self._ready) < UNTAKEN

    def _add(self, result: AsyncResult) -> None:
        with self._changed:
            self._calling = False
            self._under_way.add(result)
            withdrawn = self._withdrawn
            if self._ordered and not withdrawn:
                self._ready.append(result)
        result.add_done_callback(self._came)
        if withdrawn:  # while this was being submitted
            result.cancel()

    def _came(self, result: Any) -> None:
        with self._changed:
            self._under_way.discard(result)
            if not self._ordered and not self._withdrawn:
                self._ready.append(result)
            self._tell()
        if self._bar is not None:
            self._bar.update()
            if self._ended and not self._under_way:
                self._bar.close()

    def _tell(self) -> None:
        self._changed.notify_all()
        for bell in tuple(self.bells):
            bell.ring()

    # The iterator

    def stop(self) -> None:
        """Make no more calls."""
        with self._changed:
            self._stopped = True
            self._tell()

    def withdraw(self) -> list[AsyncResult]:
        """Forget all that was submitted, and return what of it is under way."""
        with self._changed:
            self._withdrawn = True
            self._ready.clear()
            return list(self._under_way)

    def is_due(self) -> bool:
        """Tell whether there is something to give, or will be nothing any more."""
        with self._changed:
            if self._ready:
                return Future.done(self._ready[0])
            return self.is_over()

    def is_over(self) -> bool:
        """Tell whether all was given."""
        with self._changed:
            halted = self._ended or (self._stopped and not self._calling)
            return halted and not self._ready and not self._under_way

    def take(self) -> AsyncResult | None:
        """Return the next result, if it has come."""
        with self._changed:
            if not self._ready or not Future.done(self._ready[0]):
                return None
            self._changed.notify_all()
            return self._ready.popleft()

    def failure(self) -> BaseException | None:
        """Return what ended the thread, once."""
        failure, self._failure = self._failure, None
        return failure

    def follow(self, seconds: float | None) -> None:
        """Wait while another thread reads the connection."""
        with self._changed:
            if not self.is_due():
                self._changed.wait(seconds)


def _as_it_is(view: Any) -> Any:
    """Return a view that keeps the flags which this one has now."""
    copied = object.__new__(type(view))
    vars(copied).update(vars(view))
    return copied


def _checked(view: Any, most: int | str | None) -> int:
    if most == "auto" or most is None:
        return max(1, len(view))
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        raise ValueError(f"max_outstanding is 'auto', or a number from 0, not {most!r}")
    return most
