"""Showing here what tasks print and display there, as it comes."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import RemoteError
from .canvas import Canvas
from .facts import Facts
from .insets import Insets
from .shown import NOTHING, Told

__all__ = ["streaming"]

#: How an engine numbers a cell: by how many it has run, and some run more than others.
_NUMBER = re.compile(r"(?<=<ipython-input-)\d+")


class _Stream:
    """Shows what is new of each task, once.

    Parameters
    ----------
    errors
        Whether to show what tasks raise, too.
    """

    def __init__(self, result: Facts, *, errors: bool) -> None:
        self._result = result
        self._errors = errors
        self._lock = threading.RLock()
        self._told: dict[int, Told] = {}
        self._insets: defaultdict[int, Insets] = defaultdict(Insets)
        self._canvas = Canvas()
        #: The tasks whose errors were shown.
        self._failed: set[int] = set()
        #: The engine whose traceback was shown first, of those that are alike.
        self._first: dict[str, str] = {}

    def hear(self, index: int | None) -> None:
        """Show what a task has printed and displayed of late: a watch."""
        if index is not None:  # else it is the end, of which nothing is new
            with self._lock:
                self._show(index)

    def catch_up(self) -> None:
        """Show what tasks have printed and displayed of late."""
        with self._lock:
            for index in range(len(self._result._delivered)):  # not elements
                self._show(index)

    def _show(self, index: int) -> None:
        told = self._told.get(index, NOTHING)
        news = self._result.news(index, told)
        if news.told is not told:
            self._told[index] = news.told
        failure = self._new_failure(index)
        if not (news.pieces or news.cleared or failure is not None):
            return
        engine = self._result.engine_of(index)
        pieces = self._insets[index].take(news.pieces, engine)
        if not (pieces or news.cleared or failure is not None):
            return  # all of it is shown in widgets
        label = "?" if engine is None else str(engine)
        with self._canvas.part_of(index, label, anew=news.cleared) as part:
            for piece in pieces:
                part.write(stdout=piece.stdout, stderr=piece.stderr)
                part.display(piece.displays, engine)
            if failure is not None:
                part.tell(self._told_error(failure, label))

    def _new_failure(self, index: int) -> BaseException | None:
        """Return what a task ended with that has failed, the first time."""
        if not self._errors or index in self._failed:
            return None
        failure = self._result.failure_of(index)
        if failure is not None:
            self._failed.add(index)
        return failure

    def _told_error(self, failure: BaseException, label: str) -> str:
        """Return what is shown of an error: its traceback, unless one like it was."""
        if not isinstance(failure, RemoteError):
            return f"[{label}:execute] {type(failure).__name__}: {failure}\n"
        steps = failure.traceback
        is_usage = failure.ename == "UsageError"  # of a magic: no steps
        if not steps or is_usage:
            return f"{failure}\n"
        first = self._first.setdefault(_NUMBER.sub("", steps), label)
        if first != label:
            return f"{failure} (as on engine {first})\n"
        return f"[{label}:execute]\n{failure.painted_traceback().rstrip()}\n"

    def end(self) -> None:
        """Show what is left, and end a line that was begun."""
        with self._lock:
            self.catch_up()
            self._canvas.end()


@contextmanager
def streaming(result: Facts, *, errors: bool = False) -> Iterator[None]:
    """Show what a result's tasks print and display as it comes.

    What they showed before is shown first. It is written by the thread that reads
    the connection: one that waits for the result, for instance.

    Parameters
    ----------
    errors
        Whether to show what they raise, too.
    """
    stream = _Stream(result, errors=errors)
    with result.watched(stream.hear):
        stream.catch_up()
        try:
            yield
        finally:
            stream.end()
