"""Which engines get work: a client may drain some, and give them work again."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Any

from ..aliases import EngineId, Targets
from ..errors import TimeoutError
from .lookup import Lookup
from .records import PATIENCE
from .targets import resolve

__all__ = ["Staffing"]

#: What the controller says of engines that a client has drained.
ASKED = "a client has asked for it"


class Staffing(Lookup):
    """Taking engines out of service, and putting them back."""

    @property
    def closed(self) -> bool:
        """Whether it is of no use any more: it was closed, or its cluster has gone."""
        return self._connection.closed is not None

    def drain(
        self, targets: Targets = "all", *, stop: bool = False,
        timeout: float | None = None,
    ) -> None:  # fmt: skip
        """Have engines finish what they have started, and get nothing more.

        What waits in their lines goes to other engines, or waits for one. Direct tasks
        still go to them: no other engine has their namespaces. Returns when they have
        nothing in hand any more; what was submitted before this call counts.

        Parameters
        ----------
        targets
            Which engines; by default all.
        stop
            They are to end then. Nobody sees them any more from now on, and direct
            tasks that come later fail; returns when they are gone.
        timeout
            Seconds to wait; None for ever. They go on draining after that.

        Raises
        ------
        TimeoutError
            They still had something in hand; says which.
        ValueError
            Somebody gave them work again meanwhile.

        See Also
        --------
        resume : give them work again
        """
        ids = self._staff(targets)
        answer: Future[None] = self._connection.questions.request(
            "drain", targets=ids, stop=stop, why=ASKED
        )
        if timeout is not None and timeout < 0:
            timeout = None
        done = self._connection.wait(
            answer.done,
            lambda seconds: wait([answer], seconds),
            timeout,
            lambda: [f"engines {ids} drain: they end what they have started"],
        )
        if not done:
            raise TimeoutError(
                f"engines {ids} were not drained within {timeout:g} s: "
                f"{self._say_busy(ids)}. They get nothing more; resume() would change "
                "that"
            )
        answer.result()

    def resume(self, targets: Targets = "all") -> None:
        """Give engines work again that were drained.

        What is about to end, for it was stopped or has no time left, stays drained.

        Parameters
        ----------
        targets
            Which engines; by default all.
        """
        self._inquire("resume", targets=self._staff(targets))

    def _staff(self, targets: Targets) -> list[EngineId]:
        self._connection.look()
        return resolve(self._connection, targets)

    def _say_busy(self, ids: list[EngineId]) -> str:
        """Say how much engines still have in hand."""
        ask = self._connection.questions.ask
        status: dict[str, Any] = ask("queue_status", PATIENCE, verbose=False)
        told = ((e, status.get(str(e), {"queue": 0, "tasks": 0})) for e in ids)
        busy = [(e, each["queue"] + each["tasks"]) for e, each in told]
        return ", ".join(f"engine {e} has {n} in hand" for e, n in busy if n)
