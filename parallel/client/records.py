"""What a client asks of the controller's record of tasks, and has it forget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .datetimes import as_datetimes, as_seconds
from .jobs import ids_of
from .submissions import Submissions
from .targets import resolve

__all__ = ["PATIENCE", "Records"]

#: A question that may take the controller long is answered within this, seconds.
PATIENCE = 120.0


class Records(Submissions):
    """What is known of the tasks of all clients, past ones too.

    Which tasks are meant is said by results, message ids, places in the history, or
    lists of these. All methods raise a `KeyError` for tasks that the controller does
    not know (any more), and a `ValueError` if it keeps no record.
    """

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
        found = self._inquire("db_query", query=as_seconds(query), keys=keys)
        return [as_datetimes(record) for record in found]

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


def _check_some(jobs: Any, targets: Any) -> None:
    for given in (jobs, targets):
        if isinstance(given, int) or (given is not None and len(given)):
            return
    raise ValueError(
        "which results are to be purged? Give jobs ('all', or results or ids), or "
        "targets (engines)"
    )
