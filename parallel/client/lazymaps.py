"""`imap`: the results of calls that are made as their arguments come, one by one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence, Sized
from typing import Any

from .asynchronous import Bell
from .lazycalls import LazyCalls
from .progress import new_bar

__all__ = ["LazyMapIterator"]


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
        self._calls = LazyCalls(
            view, f, zip(*sequences, strict=False), most, ordered, bar
        )
        self._return_exceptions = return_exceptions
        self._connection = view._connection
        self._client = view.client  # which ends the connection when it is dropped
        weakref.finalize(self, self._calls.stop).atexit = False
        threading.Thread(
            target=self._calls.run, name="parallel-imap", daemon=True
        ).start()

    def cancel(self, *, interrupt: bool = False) -> None:
        """Take no more of the sequences; what is under way still comes.

        Parameters
        ----------
        interrupt
            Cancel what is under way, too: then nothing comes any more.
        """
        self._calls.stop()
        if interrupt:
            for result in self._calls.withdraw():
                result.cancel()
        self._connection.look()  # who waits is woken

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        calls = self._calls
        while True:
            if not calls.is_due():
                self._connection.wait(calls.is_due, calls.follow)
            taken = calls.take()
            if taken is not None:
                return taken.get(return_exceptions=self._return_exceptions)
            if calls.is_over():
                raise calls.failure() or StopIteration

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        calls, bell = self._calls, Bell()
        calls.bells.append(bell)
        try:
            while True:
                taken = calls.take() if calls.is_due() else None
                if taken is not None:
                    return taken.get(return_exceptions=self._return_exceptions)
                if calls.is_over():
                    raise calls.failure() or StopAsyncIteration
                with self._connection.waits.awaiting():
                    await bell.heard()
        finally:
            calls.bells.remove(bell)


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
