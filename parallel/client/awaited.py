"""Waiting for a result: for all of it, the first of it, with a bar or without."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Future,
)
from functools import partial
from typing import Any

from ..errors import TimeoutError
from .opened import Opened
from .progress import Bar, new_bar, watch_progress

__all__ = ["Awaited", "patience"]

#: A bar is drawn anew this often at most, seconds.
LOOK = 0.1


class Awaited(Opened):
    """A result that can be waited for."""

    def done(self) -> bool:
        """Tell whether all of it has come."""
        return self.ready()

    def wait(self, timeout: float | None = -1, return_when: str | None = None) -> Any:
        """Wait until all has come, at most `timeout` seconds; tell whether it has.

        Parameters
        ----------
        timeout
            Seconds; a negative number or None waits for ever.
        return_when
            `FIRST_COMPLETED`, `FIRST_EXCEPTION` or `ALL_COMPLETED`.

        Returns
        -------
        bool or tuple
            With `return_when`, the two sets of results for single tasks that have
            come and that have not.
        """
        timeout = patience(timeout)
        if return_when is None or return_when == ALL_COMPLETED:
            is_done = super().done
            if not is_done():
                self._connection.wait(is_done, self._follow, timeout)
            return is_done() if return_when is None else self._sorted_out()
        self._wait_for_first(return_when, timeout)
        return self._sorted_out()

    def _wait_for_first(self, return_when: str, timeout: float | None) -> bool:
        if return_when not in (FIRST_COMPLETED, FIRST_EXCEPTION):
            raise ValueError(
                "return_when is FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED, "
                f"not {return_when!r}"
            )
        is_done = super().done

        def decided() -> bool:
            if return_when == FIRST_COMPLETED:
                return is_done() or self._missing < len(self._delivered)
            return is_done() or self._failed

        return self._connection.wait(decided, self._follow_parts, timeout)

    def _sorted_out(self) -> tuple[set[Any], set[Any]]:
        """Return the parts that have come, and those that have not."""
        raise NotImplementedError

    def wait_for_output(self, timeout: float | None = -1) -> bool:
        """Wait until all has come, output included; tell whether it has.

        What a task printed comes with its result, so this waits for no more than
        `wait` does; what its threads print later is added as it comes.
        """
        found: bool = self.wait(timeout)
        return found

    @property
    def sent(self) -> bool:
        """Whether what was given to the call may be changed: it is copied."""
        return True

    def wait_for_send(self, timeout: float | None = -1) -> bool:
        """Wait until what was given to the call may be changed: see `sent`.

        Raises
        ------
        TimeoutError
            It may not after so many seconds; a negative number or None waits for ever.
        """
        if not self.sent:
            self._connection.wait(
                lambda: self.sent, self._follow_parts, patience(timeout)
            )
        if not self.sent:
            raise TimeoutError(f"{self!r}: not all was sent within {timeout:g} s")
        return True

    def _follow(self, seconds: float | None) -> None:
        """Wait while another thread reads the connection."""
        with self._condition:
            if not super().done():
                self._condition.wait(seconds)

    def wait_interactive(
        self,
        interval: float = 0.1,
        timeout: float | None = -1,
        widget: bool | None = None,
        return_when: str | None = ALL_COMPLETED,
    ) -> Any:
        """Wait as `wait` does, and show a bar of what has come meanwhile.

        Parameters
        ----------
        interval
            Seconds between two looks.
        widget
            Whether the bar is a notebook's; by default where one shows it.

        Returns
        -------
        bool or tuple
            What `wait` would.
        """
        if return_when == ALL_COMPLETED:
            return_when = None
        bar, wait = self._new_bar(widget), self.wait
        if return_when is not None:
            wait = partial(self._wait_for_first, return_when)
        over = self._watch(bar, wait, interval, patience(timeout))
        return over if return_when is None else self._sorted_out()

    def wait_with_bar(self, delay: float) -> None:
        """Wait until all has come; after `delay` seconds, show a bar of what has."""
        self._watch(self._new_bar(delay=delay), self.wait)

    def _watch(
        self, bar: Bar, wait: Callable[[float], bool], interval: float = LOOK,
        timeout: float | None = None,
    ) -> bool:  # fmt: skip
        def progress() -> int:
            bar.total = self._expected()
            return self._progress()

        waits = self._connection.waits
        return watch_progress(waits, bar, progress, wait, interval, timeout)

    def show_progress(self, widget: bool | None = None, delay: float = 0) -> None:
        """Show a bar that follows what comes, from now on and without waiting.

        Parameters
        ----------
        widget
            Whether the bar is a notebook's; by default where one shows it.
        delay
            Seconds after which it is shown: not at all of what takes less.
        """
        bar = self._new_bar(widget, delay)

        def follow(index: int | None) -> None:
            bar.total = self._expected()
            bar.update(self._progress() - bar.n)
            if index is None:
                bar.close()

        self.watch(follow)
        if Future.done(self):
            follow(None)

    def _new_bar(self, widget: bool | None = None, delay: float = 0) -> Bar:
        return new_bar(
            self._expected(), self._fname, widget=widget, delay=delay,
            elapsed=self.elapsed,
        )  # fmt: skip

    def _expected(self) -> int | None:
        """Return how much `progress` will count in the end; None if unknown."""
        return len(self._delivered)


def patience(timeout: float | None) -> float | None:
    """Return the seconds to wait; None for ever, as a negative number means."""
    return None if timeout is not None and timeout < 0 else timeout
