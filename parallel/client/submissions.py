"""What a client has submitted: ids, what is under way, and how to stop it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from ..aliases import EngineId
from .connection import Connection
from .facts import Facts
from .history import Counted, MsgIds, Outstanding
from .jobs import futures_and_ids, ids_of
from .partial import Partial
from .results import AsyncResult
from .session import Session
from .targets import is_id, resolve
from .whereabouts import explain_tasks

__all__ = ["Submissions"]


class Submissions:
    """The tasks of a client, in their order."""

    def __init__(self, connection: Connection, secret: str) -> None:
        self._connection = connection
        self._counted = Counted(lambda: connection.submitted, connection.unlisted)
        #: Its id, and its key.
        self.session = Session(connection.session, secret.encode())

    @property
    def history(self) -> MsgIds:
        """The ids of all messages that this client has sent, in their order."""
        return MsgIds(self._connection.session, self._counted)

    @history.setter
    def history(self, ids: Sequence[str]) -> None:
        self.history.become(ids)

    @property
    def outstanding(self) -> Outstanding:
        """The ids of those that have not come back."""
        connection = self._connection
        connection.look()
        return Outstanding(connection.session, lambda: connection.outstanding)

    @property
    def results(self) -> Partial:
        """What has come of results that have not all come, by message id."""
        return Partial(self._under_way, _values_of)

    @property
    def metadata(self) -> Partial:
        """What is known of the tasks of such results, by message id."""
        return Partial(self._under_way, _facts_of)

    def _under_way(self) -> list[Any]:
        self._connection.look()
        return [
            sink for sink in self._connection.tasks.sinks() if isinstance(sink, Facts)
        ]

    def attend(self) -> None:
        """See that results come in though nobody asks for them."""
        self._connection.attend()

    def abort(
        self, jobs: Any = None, targets: Any = None, block: bool | None = None
    ) -> None:
        """Give up what has not started; do not wait for that.

        Such tasks end with a `TaskAborted`; what runs goes on: see
        `AsyncResult.cancel` for stopping it too.

        Parameters
        ----------
        jobs
            Results, message ids, places in the history, or several of these; None
            for all that is outstanding.
        targets
            Only what is to run on these engines.
        block
            Of no effect: wait for the results if you need to.

        Raises
        ------
        TypeError
            A job is none of these.
        """
        connection = self._connection
        if jobs is None:
            seqs = connection.outstanding
        else:
            found = (connection.seq_of(each) for each in ids_of(jobs, self.history))
            seqs = [seq for seq in found if seq is not None]
        if targets is not None:
            ids = set(resolve(connection, targets))
            seqs = [seq for seq in seqs if self._target_of(seq) in ids]
        self._stop_maps(set(seqs))
        connection.abort(seqs)

    def _stop_maps(self, seqs: set[int]) -> None:
        """End the maps of which all that is under way is given up: no more follows."""
        connection = self._connection
        parts = [connection.tasks.part_of(seq) for seq in seqs]
        maps = {part[0] for part in parts if part and isinstance(part[0], AsyncResult)}
        unfinished = set(self.outstanding)
        for result in maps:
            under_way = unfinished.intersection(result.msg_ids)
            if not result.sent and seqs.issuperset(map(connection.seq_of, under_way)):
                with contextlib.suppress(RuntimeError):  # it came in this moment
                    result.abort()

    def _target_of(self, seq: int) -> EngineId | None:
        """Return the engine that a task is meant for; None for any, or if it ended."""
        part = self._connection.tasks.part_of(seq)
        if part is None or not isinstance(part[0], Facts):
            return None
        return part[0].engine_of(part[1])

    def explain(self, jobs: Any = None) -> str:
        """Say where unfinished tasks stand, and whether their engines are alive.

        A call that waits for longer than `explain_after` says so by itself.

        Parameters
        ----------
        jobs
            As for `wait`.

        Returns
        -------
        str
            A line for each that runs, and one for each reason for which others wait;
            '' if there are none.

        Raises
        ------
        TransportError
            The controller did not answer.
        """
        seqs = None
        if jobs is not None:
            futures, ids = futures_and_ids(jobs, self.history)
            ids = [*ids, *(each for f in futures for each in getattr(f, "msg_ids", ()))]
            numbers = (self._connection.seq_of(msg_id) for msg_id in ids)
            seqs = [n for n in numbers if n is not None and self._connection.is_open(n)]
        return "\n".join(explain_tasks(self._connection, seqs))

    @property
    def explain_after(self) -> float | None:
        """A call that waits for longer says for what: seconds, None for never.

        It is said as a warning of the logger `parallel.client`, which goes to stderr
        unless the program says otherwise, and again after twice the time.
        """
        return self._connection.waits.explain_after

    @explain_after.setter
    def explain_after(self, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(
                f"explain_after is more than 0 s, or None: not {seconds!r}"
            )
        self._connection.waits.explain_after = seconds

    @property
    def reconnect_timeout(self) -> float | None:
        """Seconds that a controller is waited for that cannot be reached any more.

        Until then, what is under way is kept, and goes on when it is there again. After
        that, all that waits raises `TransportError`. None is for ever.
        """
        return self._connection.absence.timeout

    @reconnect_timeout.setter
    def reconnect_timeout(self, seconds: float | None) -> None:
        if seconds is not None and not seconds >= 0:
            raise ValueError(
                f"reconnect_timeout is at least 0 s, or None: not {seconds!r}"
            )
        self._connection.absence.timeout = seconds

    def queue_status(self, targets: Any = "all", verbose: bool = False) -> Any:
        """Return what engines have to do.

        Parameters
        ----------
        targets
            By default all engines; for one id, that engine's part alone is returned.
        verbose
            Tell the ids of the tasks, and not only how many they are.

        Returns
        -------
        dict
            By engine id: `queue` (direct tasks in hand), `tasks` (balanced ones) and
            `completed`, and under `unassigned` what waits for an engine.
        """
        found = self._connection.questions.ask("queue_status", verbose=verbose)
        status = {
            key if key == "unassigned" else int(key): v for key, v in found.items()
        }
        if targets is None or (isinstance(targets, str) and targets == "all"):
            return status
        if is_id(targets):
            return status[resolve(self._connection, [targets])[0]]
        wanted = {*resolve(self._connection, targets), "unassigned"}
        return {key: value for key, value in status.items() if key in wanted}


def _facts_of(result: Any) -> dict[str, Any]:
    facts = result.metadata
    several = facts if isinstance(facts, list) else [facts]
    return {each.msg_id: each for each in several if each.msg_id is not None}


def _values_of(result: Any) -> dict[str, Any]:
    """Return what has come of a result by its parts: values, or errors."""
    values = {}
    for part in result.split(wait=False):
        if part is not result and part.done():
            value = part.get(return_exceptions=True)
            values[part.msg_ids[0]] = value if part._single else value[0]
    return values
