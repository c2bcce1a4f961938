"""Results by the ids of their tasks: of this client or of any, now or later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from .connection import Connection
from .hubresults import AsyncHubResult
from .jobs import ids_of
from .records import PATIENCE, Records
from .results import AsyncResult

__all__ = ["Lookup"]


class Lookup(Records):
    """The results of all clients' tasks, and of those that are submitted once more.

    Which tasks are meant, and what is raised of them: see `Records`.
    """

    #: Whether methods wait for results if they are not told.
    block = False

    def __init__(self, connection: Connection, secret: str) -> None:
        super().__init__(connection, secret)
        #: Results that are to come, by the ids of their tasks.
        self._asked_for: WeakValueDictionary[
            tuple[tuple[str, ...], bool], AsyncHubResult
        ] = WeakValueDictionary()

    def get_result(
        self, indices_or_msg_ids: Any = None, block: bool | None = None,
        owner: bool = True, *, label: str | None = None,
    ) -> AsyncResult:  # fmt: skip
        """Return the result of tasks: of this client's or another's, now or later.

        Parameters
        ----------
        indices_or_msg_ids
            Which tasks; None for the one that was submitted last.
        block
            Whether to wait for it; the client's own `block` if None.
        owner
            Of no effect.
        label
            In place of these: all tasks of this label (see `View.label`), of whatever
            client, as a list in the order of their submission. Of one that was
            submitted again it is the last time that counts.

        Returns
        -------
        AsyncResult
            The one that the tasks were submitted for, if that is under way in this
            client; else an `AsyncHubResult`. For one id or place, it has one value;
            for a list or a label, a list of them.

        Raises
        ------
        KeyError
            From the result: nobody knows such a task; at once: nor such a label.
        TypeError
            Both tasks and a label are given.
        """
        if label is not None:
            if indices_or_msg_ids is not None:
                raise TypeError("get_result takes tasks or a label, not both")
            indices_or_msg_ids = self._labelled(label)
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        ids = ids_of(jobs, self.history)
        single = _is_single(jobs)
        result = self._under_way_as(ids, single=single)
        if result is None:
            result = self._ask_for(ids, single=single)
            if self._have_come(ids):  # so is what users ask of it without waiting
                result.wait(PATIENCE)
        return self._waited_for(result, block)

    def _ask_for(self, ids: Sequence[str], *, single: bool) -> AsyncHubResult:
        """Return the result of tasks by their ids: the same until it has come.

        Who looks for it every second would fill memory, here and in the controller.
        """
        which = tuple(ids), single
        result = self._asked_for.get(which)
        if result is None or result.done():
            result = AsyncHubResult(self._connection, ids, single=single)
            result.belong_to(self)
            self._asked_for[which] = result
        return result

    def _labelled(self, label: str) -> list[str]:
        """Return the ids of the tasks of a label, but for those submitted again."""
        found = self.db_query({"label": label, "resubmitted": None}, keys="msg_id")
        if not found:
            raise KeyError(
                f"no task of the label {label!r} is recorded: it may have been purged, "
                "or so many came after it that it was dropped"
            )
        return [record["msg_id"] for record in found]

    def _have_come(self, ids: Sequence[str]) -> bool:
        """Tell whether this client has had the results of tasks that are its own."""
        connection = self._connection
        seqs = map(connection.seq_of, ids)
        return all(seq is not None and not connection.is_open(seq) for seq in seqs)

    def _under_way_as(self, ids: Sequence[str], *, single: bool) -> AsyncResult | None:
        """Return the result that is to come of just these tasks, in this order."""
        connection = self._connection
        seq = connection.seq_of(ids[0]) if ids else None
        part = None if seq is None else connection.tasks.open.get(seq)
        if part is None or not isinstance(part[0], AsyncResult):
            return None
        result = part[0]
        fits = result.msg_ids == list(ids) and result._single == single
        return result if fits else None

    def _waited_for(self, result: AsyncResult, block: bool | None) -> AsyncResult:
        if self.block if block is None else block:
            result.wait()
        return result

    def resubmit(
        self, indices_or_msg_ids: Any = None, metadata: Any = None,
        block: bool | None = None,
    ) -> AsyncHubResult:  # fmt: skip
        """Submit tasks once more, whatever became of them; return the new result.

        The new tasks have ids of their own, and the same function, arguments and
        terms. One that is under way goes on.

        Parameters
        ----------
        indices_or_msg_ids
            Which tasks; None for the one that was submitted last.
        metadata
            Of no effect.

        Raises
        ------
        ValueError
            The arguments of one were too large to be recorded.
        """
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        ids = ids_of(jobs, self.history)
        again = self._inquire("resubmit", msg_ids=ids)
        result = AsyncHubResult(self._connection, again, single=_is_single(jobs))
        result.belong_to(self)
        self._waited_for(result, block)
        return result

    def result_status(self, msg_ids: Any, status_only: bool = True) -> dict[str, Any]:
        """Return which tasks are `pending`, and which `completed`; `status` is 'ok'.

        Parameters
        ----------
        status_only
            If not, also what completed tasks gave, by message id: a value, or the
            exception that stands for it.
        """
        ids = ids_of(msg_ids, self.history)
        told: dict[str, Any] = self._inquire("result_status", msg_ids=ids)
        status = {"status": "ok", **told}
        if not status_only and status["completed"]:
            done = status["completed"]
            result = AsyncHubResult(self._connection, done, single=False)
            values = result.get(return_exceptions=True)
            status.update(zip(done, values, strict=True))
        return status


def _is_single(jobs: Any) -> bool:
    """Tell whether jobs mean one bare value rather than a list of them."""
    return isinstance(jobs, (str, int)) or getattr(jobs, "_single", False)
