"""Waiting for engines to join."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from ..errors import EngineError, TimeoutError
from .connection import Connection
from .progress import is_wanted, new_bar, watch_progress

__all__ = ["Arrivals"]

#: A progress bar is drawn anew so often, seconds.
REDRAW = 0.2


class Arrivals:
    """Waits until so many engines are there, or cannot come any more.

    Parameters
    ----------
    n
        How many.
    """

    def __init__(self, connection: Connection, n: int) -> None:
        self._connection = connection
        self._n = n
        self._troubles = connection.troubles.total
        self._departed = connection.departed.total

    def _decided(self) -> bool:
        connection = self._connection
        return (
            len(connection.engines) >= self._n
            or connection.troubles.total > self._troubles
            or connection.departed.total > self._departed
            or connection.closed is not None
        )

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
        if is_wanted(interactive, waits=True):
            watch_progress(
                connection.waits,
                new_bar(self._n, "engines", "engine", widget),
                lambda: min(self._n, len(connection.engines)),
                lambda seconds: connection.wait(
                    self._decided, None, seconds, self._explain
                ),
                REDRAW,
                timeout,
            )
        else:
            connection.wait(self._decided, None, timeout, self._explain)
        self._judge(timeout)

    def _explain(self) -> list[str]:
        return [f"{len(self._connection.engines)} of {self._n} engines are there"]

    def _judge(self, timeout: float | None) -> None:
        connection = self._connection
        there = len(connection.engines)
        if there >= self._n:
            return
        if connection.closed is not None:
            raise connection.closed
        if troubles := connection.troubles.since(self._troubles):
            raise EngineError("\n".join(troubles))
        if gone := connection.departed.since(self._departed):
            told = ", ".join(f"engine {each} {reason}" for each, reason in gone)
            raise EngineError(f"{told} while {there} of {self._n} were there")
        raise TimeoutError(
            f"{there} of {self._n} engines registered within {timeout or 0.0:g} s"
        )

    def future(self, timeout: float | None) -> Future[None]:
        """Return a future that is resolved with None once they are there."""
        future: Future[None] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                self.wait(timeout)
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
