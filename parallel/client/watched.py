"""A future of several parts, of which each can be watched."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

from .future import LazyFuture

__all__ = ["Watched"]

_log = logging.getLogger("parallel.client")

#: Told of what is new of a task, by index, and of the end of the whole, by None.
Watch = Callable[[int | None], object]


class Watched(LazyFuture):
    """A future that tells of news of its parts, until it ends."""

    _watches: Sequence[Watch] = ()

    def _end_watches(self) -> None:
        if not self._watches:
            return
        with self._condition:
            watches, self._watches = self._watches, ()
        for watch in watches:
            self._call(watch, None)

    def _tell(self, index: int) -> None:
        for watch in tuple(self._watches):
            self._call(watch, index)

    def _call(self, watch: Watch, index: int | None) -> None:
        """Tell who watches, who may fail without harm to the result."""
        try:
            watch(index)
        except Exception:
            self._unwatch(watch)
            _log.exception("what tasks show is not shown while they run, because of")

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
