"""Results that the controller is asked for: of whatever client, and however old."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from ..aliases import EngineId
from ..errors import ParallelError
from ..protocol.messages import Outcome, Status
from .connection import Connection
from .datetimes import as_datetime
from .deliveries import Delivered
from .metadata import Metadata
from .replies import ExecuteResult
from .results import AsyncResult

__all__ = ["AsyncHubResult", "NotRecorded"]


class NotRecorded(ParallelError, ValueError):
    """Raised in place of a result of which only the facts were recorded."""


class AsyncHubResult(ExecuteResult):
    """The result of tasks by their ids, from the controller's record.

    The controller is asked once for each task, and answers when it has ended: nothing
    is asked again and again. All else is as with an `AsyncResult`, but that what a
    task prints is known only when it has ended.

    Parameters
    ----------
    single
        One bare value rather than a list of them.
    """

    _kind = "AsyncHubResult"

    def __init__(
        self, connection: Connection, msg_ids: Sequence[str], *, single: bool
    ) -> None:
        name = msg_ids[0] if len(msg_ids) == 1 else f"{len(msg_ids)} tasks"
        super().__init__(connection, name, single=single, count=len(msg_ids))
        #: What the controller told of each task.
        self._told: dict[int, dict[str, Any]] = {}
        self._ids: dict[int, str] = {}
        for index, msg_id in enumerate(msg_ids):
            # Those of other clients get numbers that no task of this one has.
            own = connection.seq_of(msg_id)
            seq = -1 - index if own is None else own
            self._seqs.append(seq)
            self._ids[seq] = msg_id
        if not msg_ids:
            self._finish()
        for index, msg_id in enumerate(msg_ids):
            asked = connection.questions.request("task_result", msg_id=msg_id)
            asked.add_done_callback(partial(self._take, index))

    def _take(self, index: int, asked: Future[Any]) -> None:
        """Take what the controller tells: called by who reads the connection."""
        error = asked.exception()
        if error is not None:
            self.give_up(error if isinstance(error, Exception) else RuntimeError(error))
            return
        told = self._told[index] = asked.result()
        frames = told.pop("frames")
        outcome = Outcome(
            max(0, self._seqs[index]), Status(told["status"]), told.pop("payload"),
            len(frames), told["engine_id"], told["started"], told["completed"],
            told["stdout"], told["stderr"], told["note"],
        )  # fmt: skip
        self.deliver(index, outcome, frames)

    def _stop_tasks(self, *, interrupt: bool) -> None:
        super()._stop_tasks(interrupt=interrupt)
        self.stop_recorded(range(len(self._seqs)), interrupt=interrupt)

    def stop_recorded(self, indices: Iterable[int], *, interrupt: bool) -> None:
        """Ask for tasks to be given up, whichever client submitted them."""
        ids = [self._ids[self._seqs[i]] for i in indices]
        ask = self._connection.questions.request
        ask("abort_tasks", msg_ids=ids, interrupt=interrupt)

    def _arrived(self, index: int, outcome: Outcome) -> None:
        delivered, told = self._delivered[index], self._told[index]
        assert delivered is not None
        self._delivered[index] = delivered._replace(received=told["received"])
        self._submitted = min(self._submitted, told["submitted"])

    def _unpack(self, index: int, delivered: Delivered) -> Any:
        if self._told[index]["omitted"] is not None:
            return NotRecorded(self._told[index]["omitted"])
        if self._told[index]["method"] == "execute":
            return super()._unpack(index, delivered)
        return AsyncResult._unpack(self, index, delivered)

    def _where(self, index: int, engine_id: EngineId) -> dict[str, Any]:
        told = self._told[index]
        method = "execute" if told["method"] == "execute" else "apply"
        uuid = told["engine_uuid"]
        return {"engine_id": engine_id, "engine_uuid": uuid, "method": method}

    def _msg_id(self, seq: int) -> str:
        return self._ids[seq]

    def _submitted_at(self, index: int) -> float:
        submitted: float = self._told.get(index, {}).get("submitted", 0.0)
        return submitted

    def _facts(self, index: int) -> Metadata:
        facts = super()._facts(index)
        told = self._told.get(index)
        if told is not None:
            facts.label = told["label"]
            facts.engine_uuid = told["engine_uuid"]
            facts.submitted = as_datetime(told["submitted"])
        return facts
