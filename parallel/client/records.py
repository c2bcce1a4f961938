"""What a client asks of the controller's record of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time
from typing import Any
from weakref import WeakValueDictionary

from .connection import Connection
from .hubresults import AsyncHubResult
from .jobs import ids_of
from .metadata import as_datetime
from .results import AsyncResult
from .submissions import Submissions
from .targets import resolve

__all__ = ["Records"]

#: A question that may take the controller long is answered within this, seconds.
PATIENCE = 120.0
#: The keys of a record that are times, on their own or in dicts under other keys.
TIMES = ("submitted", "started", "completed", "received")
TIMES_WITHIN = {
    "header": ("date",),
    "result_header": ("date",),
    "result_metadata": ("started",),
}


class Records(Submissions):
    """The results of all clients, past ones too, and what is known of their tasks.

    Which tasks are meant is said by results, message ids, places in the history, or
    lists of these. All methods raise a `KeyError` for tasks that the controller does
    not know (any more), and a `ValueError` if it keeps no record.
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

    def hub_history(self) -> list[str]:
        """Return the ids of all clients' tasks, in the order of their submission."""
        found: list[str] = self._inquire("hub_history")
        return found

    def db_query(
        self, query: Mapping[str, Any], keys: str | Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the records of tasks that meet a query, in order of submission.

        Parameters
        ----------
        query
            A dict of keys and what they must equal (None: be missing), or of keys and
            operators: ``{"completed": {"$gt": yesterday}, "label": "sweep"}``. There
            are `$eq $ne $lt $lte $gt $gte $in $nin $glob $all $mod $exists`.
        keys
            What is wanted of each record beside its `msg_id`: one key or several; by
            default all but `buffers` and `result_buffers`.

        Raises
        ------
        ValueError
            There is no such key or operator, or buffers are asked for that were too
            large to be kept.
        """
        if keys is not None and not isinstance(keys, str):
            keys = list(keys)
        found = self._inquire("db_query", query=_as_seconds(query), keys=keys)
        return [_as_datetimes(record) for record in found]

    # Forgetting

    def purge_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """Forget finished tasks, here and in the controller's record.

        Parameters
        ----------
        jobs
            Which tasks; 'all' for all finished ones, of whatever client.
        targets
            And those that ran on these engines.

        Raises
        ------
        ValueError
            Neither is given.
        RuntimeError
            Some of them are under way in this client.
        IndexError
            Some have not finished.
        """
        self.purge_local_results(jobs, targets)
        self.purge_hub_results(jobs, targets)

    def purge_hub_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """Forget finished tasks in the controller's record: see `purge_results`."""
        _check_some(jobs, targets)
        everything = isinstance(jobs, str) and jobs == "all"
        ids = None if everything else ids_of(jobs, self.history)
        self._inquire("purge_results", msg_ids=ids, engines=self._engines(targets))

    def purge_local_results(self, jobs: Any = (), targets: Any = ()) -> None:
        """See that tasks are not under way here: this client keeps no results itself.

        Raises
        ------
        ValueError
            Neither jobs nor targets are given.
        RuntimeError
            Some of them are under way.
        """
        _check_some(jobs, targets)
        self._engines(targets)
        outstanding = set(self.outstanding)
        if not (isinstance(jobs, str) and jobs == "all"):
            outstanding &= set(ids_of(jobs, self.history))
        if outstanding:
            raise RuntimeError(
                f"{len(outstanding)} of the results to purge are still to come: wait "
                "for them, or abort or cancel them"
            )

    def purge_everything(self) -> None:
        """Forget all finished tasks, here and there, and this client's history."""
        self.purge_results("all")
        self.history.clear()

    def _engines(self, targets: Any) -> list[int]:
        if targets is None or (not isinstance(targets, int) and not len(targets)):
            return []
        return resolve(self._connection, targets)

    def _inquire(self, name: str, **arguments: Any) -> Any:
        """Ask the controller behind all that was submitted before."""
        return self._connection.questions.ask(name, PATIENCE, behind=True, **arguments)


def _is_single(jobs: Any) -> bool:
    """Tell whether jobs mean one bare value rather than a list of them."""
    return isinstance(jobs, (str, int)) or getattr(jobs, "_single", False)


def _check_some(jobs: Any, targets: Any) -> None:
    for given in (jobs, targets):
        if isinstance(given, int) or (given is not None and len(given)):
            return
    raise ValueError(
        "which results are to be purged? Give jobs ('all', or results or ids), or "
        "targets (engines)"
    )


def _as_seconds(value: Any) -> Any:
    """Return a query with seconds in the place of times, and lists of sequences."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Mapping):
        return {key: _as_seconds(each) for key, each in value.items()}
    if isinstance(value, date):  # its beginning here, as of a naive datetime
        return datetime.combine(value, time.min).timestamp()
    if isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)):
        return [_as_seconds(each) for each in value]
    return value


def _as_datetimes(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with aware datetimes."""
    for key in TIMES:
        if record.get(key) is not None:
            record[key] = as_datetime(record[key])
    for key, names in TIMES_WITHIN.items():
        within = record.get(key) or {}
        for name in names:
            if within.get(name) is not None:
                within[name] = as_datetime(within[name])
    return record
