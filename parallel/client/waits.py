"""Waits that say what they wait for when they take long."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic

from ..errors import ParallelError

__all__ = ["EXPLAIN_AFTER", "Waits"]

_log = logging.getLogger("parallel.client")

#: A call that blocks for longer says what it waits for, seconds.
EXPLAIN_AFTER = 30.0


class _Words:
    """Since when a wait goes on, and after how long something is said, seconds."""

    def __init__(self, after: float | None) -> None:
        self.begin = monotonic()
        self.after = after


class Waits:
    """Waits on a connection.

    Parameters
    ----------
    wait
        Waits until something is so, while another thread follows by other means, or
        until a monotonic deadline; tells which.
    explain
        Says, in lines, what a coroutine may wait for.
    """

    def __init__(
        self,
        wait: Callable[
            [Callable[[], bool], Callable[[float | None], object], float | None], bool
        ],
        explain: Callable[[], list[str]] = list,
    ) -> None:
        self._wait = wait
        self._explain = explain
        #: After so long it is said, and again after twice the time, seconds; None for
        #: never.
        self.explain_after: float | None = EXPLAIN_AFTER
        self._whole = threading.local()
        #: When something was said for a coroutine last.
        self._said = float("-inf")

    @contextlib.contextmanager
    def as_one(self) -> Iterator[None]:
        """Take this thread's waits in the block for parts of one."""
        self._whole.words = _Words(self.explain_after)
        try:
            yield
        finally:
            del self._whole.words

    @contextlib.contextmanager
    def awaiting(self) -> Iterator[None]:
        """Say the same of what a coroutine awaits in the block.

        Of the thousands that may await something at a time, one speaks for all.
        """
        after = self.explain_after
        if after is None:
            yield
            return
        import asyncio

        loop, begin = asyncio.get_running_loop(), monotonic()
        timer = loop.call_later(after, lambda: speak(after))

        def speak(more: float) -> None:
            nonlocal timer
            timer = loop.call_later(more, speak, 2 * more)
            now = monotonic()
            if now - self._said >= after:
                self._said = now
                # Not here: to ask the controller takes a while.
                words = now - begin, self._explain
                threading.Thread(target=_say, args=words, daemon=True).start()

        try:
            yield
        finally:
            timer.cancel()

    def wait(
        self,
        done: Callable[[], bool],
        follow: Callable[[float | None], object],
        timeout: float | None,
        explain: Callable[[], list[str]],
        look: float | None = None,
    ) -> bool:
        """Wait until `done()`, at most `timeout` seconds; tell whether it is.

        Parameters
        ----------
        explain
            Says what is waited for, in lines; of none, nothing is said.
        look
            Look so often whether it is done, seconds, though nothing comes.
        """
        words = getattr(self._whole, "words", None) or _Words(self.explain_after)
        deadline = None if timeout is None else monotonic() + timeout
        while words.after is not None:
            due = words.begin + words.after
            if deadline is not None and due >= deadline:
                break
            if self._until(done, follow, due, look):
                return True
            _say(monotonic() - words.begin, explain)
            words.after *= 2
        return self._until(done, follow, deadline, look)

    def _until(
        self,
        done: Callable[[], bool],
        follow: Callable[[float | None], object],
        deadline: float | None,
        look: float | None,
    ) -> bool:
        while look is not None:
            end = monotonic() + look
            if deadline is not None and end >= deadline:
                break
            if self._wait(done, follow, end):
                return True
        return self._wait(done, follow, deadline)


def _say(waited: float, explain: Callable[[], list[str]]) -> None:
    try:
        lines = explain()
    except ParallelError as error:
        lines = [str(error)]
    if lines:
        told = "".join(f"\n- {line}" for line in lines)
        _log.warning("after %.3g s this still waits:%s", waited, told)
