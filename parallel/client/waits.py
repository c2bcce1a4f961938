"""Waits that say what they wait for when they take long."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from ..errors import ParallelError

__all__ = ["EXPLAIN_AFTER", "Waits"]

_log = logging.getLogger("parallel.client")

#: A call that blocks for longer says what it waits for, seconds.
EXPLAIN_AFTER = 30.0


class Waits:
    """Waits on a connection.

    Parameters
    ----------
    wait
        Waits until something is so, while another thread follows by other means, or
        until a monotonic deadline; tells which.
    """

    def __init__(
        self,
        wait: Callable[
            [Callable[[], bool], Callable[[float | None], object], float | None], bool
        ],
    ) -> None:
        self._wait = wait
        #: After so long it is said, and again after twice the time, seconds; None for
        #: never.
        self.explain_after: float | None = EXPLAIN_AFTER

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
        begin, word = monotonic(), self.explain_after
        deadline = None if timeout is None else begin + timeout
        while word is not None and (deadline is None or begin + word < deadline):
            if self._until(done, follow, begin + word, look):
                return True
            _say(monotonic() - begin, explain)
            word *= 2
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
