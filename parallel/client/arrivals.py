"""Waiting for engines to join."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic

from ..errors import EngineError, TimeoutError
from ..state.stories import WORLD_ENDED
from .connection import Connection
from .progress import Bar, Silence, is_wanted, new_bar, watch_progress

__all__ = ["Arrivals", "bar_of_engines"]

#: A progress bar is drawn anew so often, seconds.
REDRAW = 0.2
#: Unasked, one is drawn of what takes longer, seconds.
PATIENCE = 1.0
#: Who waits for less, seconds, is not told why engines are not there yet.
ASKING = 1.0
#: The cluster is asked whether they can come after so many seconds, and then ever
#: less often.
FIRST, MOST, GROWTH = 0.25, 5.0, 1.5


def bar_of_engines(
    n: int, asked: bool | None = None, widget: bool | None = None
) -> Bar:
    """Return a bar of so many engines, drawn unasked only if they take a while.

    See `progress.is_wanted` and `progress.new_bar`.
    """
    if not is_wanted(asked):
        return Silence(n)
    return new_bar(n, "engines", "engine", widget, 0 if asked else PATIENCE)


class Arrivals:
    """Waits until so many engines are there, or cannot come any more.

    Parameters
    ----------
    n
        How many.
    cluster
        Tells by `why_engines_wait` why some are not started yet, and by
        `why_too_few_come` which have ended so that they cannot come, if it is known.
    """

    def __init__(
        self,
        connection: Connection,
        n: int,
        cluster: object = None,
    ) -> None:
        self._why: Callable[[], list[str]]
        self._why = getattr(cluster, "why_engines_wait", list)
        self._why_too_few: Callable[[int, Counter[str]], list[str]] | None
        self._why_too_few = getattr(cluster, "why_too_few_come", None)
        self._interval = FIRST
        self._next = monotonic() + FIRST
        #: What has ended so that they cannot come, in words.
        self._ended: list[str] = []
        self._connection = connection
        self._n = n
        # What this process has not read yet was before: who was stopped does not count.
        connection.look()
        self._troubles = connection.troubles.total
        self._departed = connection.departed.total

    def _decided(self) -> bool:
        connection = self._connection
        return (
            len(connection.engines) >= self._n
            or connection.troubles.total > self._troubles
            or bool(self._gone())
            or connection.closed is not None
        )

    def _gone(self) -> list[str]:
        """Return, in words, which engines have left since this wait began.

        Ranks that end with their world say nothing of who is to come: what ended it is
        told of another one, or it was stopped, which may be told late.
        """
        gone = self._connection.departed.since(self._departed)
        return [f"engine {who} {why}" for who, why in gone if WORLD_ENDED not in why]

    def _is_hopeless(self) -> bool:
        """Tell whether they cannot come any more, asking the cluster now and then."""
        now = monotonic()
        if self._why_too_few is not None and now >= self._next:
            engines = self._connection.engines.values()
            there = Counter(each.engine_set for each in engines)
            self._ended = self._why_too_few(self._n, there)
            self._interval = min(MOST, self._interval * GROWTH)
            self._next = now + self._interval
        return bool(self._ended)

    def wait(
        self,
        timeout: float | None,
        *,
        interactive: bool | None = None,
        widget: bool | None = None,
    ) -> None:
        """Wait until they are there.

        Parameters
        ----------
        timeout
            Seconds; a negative number or None waits for ever.
        interactive, widget
            Whether to draw a bar, by default where bars are drawn unasked; and how.

        Raises
        ------
        TimeoutError
            They were not there in time; the error says how many were.
        EngineError
            One has left meanwhile, or the cluster says that they cannot come.
        """
        if timeout is not None and timeout < 0:
            timeout = None
        connection = self._connection
        shown = is_wanted(interactive, waits=True)
        if shown or self._why_too_few is not None:
            watch_progress(
                connection.waits,
                bar_of_engines(self._n, shown and interactive, widget),
                lambda: min(self._n, len(connection.engines)),
                lambda seconds: (
                    connection.wait(self._decided, None, seconds, self._explain)
                    or self._is_hopeless()
                ),
                REDRAW,
                timeout,
            )
        else:
            connection.wait(self._decided, None, timeout, self._explain)
        self._judge(timeout)

    def _explain(self) -> list[str]:
        there = len(self._connection.engines)
        return [f"{there} of {self._n} engines are there", *self._why()]

    def _judge(self, timeout: float | None) -> None:
        connection = self._connection
        there = len(connection.engines)
        if there >= self._n:
            return
        if connection.closed is not None:
            raise connection.closed
        if troubles := connection.troubles.since(self._troubles):
            raise EngineError("\n".join(troubles))
        if gone := self._gone():
            told = ", ".join(gone)
            raise EngineError(f"{told} while {there} of {self._n} were there")
        if self._ended:
            words = "\n".join(self._ended)
            raise EngineError(f"{there} of {self._n} engines registered: {words}")
        seconds = timeout or 0.0
        # Whoever looks again and again does not have the batch system asked.
        why = self._why() if seconds >= ASKING else []
        said = f"{there} of {self._n} engines registered within {seconds:g} s"
        raise TimeoutError("\n".join([said, *why]))

    def future(self, timeout: float | None) -> Future[None]:
        """Return a future that is resolved with None once they are there."""
        future: Future[None] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                self.wait(timeout, interactive=False)  # nobody waits and sees it
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(None)

        self._connection.look()
        if self._decided():  # so that it is done when it is returned
            run()
        else:
            name = "parallel-arrivals"
            threading.Thread(target=run, name=name, daemon=True).start()
        return future
