"""Clients' questions about the record: what was submitted, and what became of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from ..aliases import EngineId
from ..protocol.messages import Status
from .dispatch import Dispatch
from .futures import then
from .gathering import Gathering
from .hub import Hub
from .store.entry import Entry
from .store.fields import as_bytes, too_large

__all__ = [
    "db_query",
    "hub_history",
    "purge_results",
    "result_status",
    "task_result",
]

#: A submission that is on its way is waited for, and looked for this often, seconds.
COMING, LOOK = 5.0, 0.01


def hub_history(hub: Hub, dispatch: Dispatch) -> Future[list[str]]:
    """Return the ids of all recorded tasks, in the order of their submission."""
    return dispatch.record.history()


def db_query(
    hub: Hub,
    dispatch: Dispatch,
    *,
    query: dict[str, Any],
    keys: str | list[str] | None = None,
) -> Future[Any]:
    """Return the records that meet a query: see `store.record.Record.find`.

    They are packed by the record's thread: to do so here would hold up all tasks.
    """
    gathering = Gathering()
    found = dispatch.record.find(query, keys, gathering.put)
    made = then(found, gathering.join)
    made.add_done_callback(lambda _: gathering.close())
    return made


def result_status(
    hub: Hub, dispatch: Dispatch, *, msg_ids: list[str]
) -> Future[dict[str, list[str]]]:
    """Return which of these tasks are `pending`, and which `completed`."""

    def sort(entries: list[Entry]) -> dict[str, list[str]]:
        return {
            "pending": [e.msg_id for e in entries if e.outcome is None],
            "completed": [e.msg_id for e in entries if e.outcome is not None],
        }

    return then(dispatch.record.entries(msg_ids), sort)


def task_result(hub: Hub, dispatch: Dispatch, *, msg_id: str) -> Future[dict[str, Any]]:
    """Return how a task ended, once it has, with all that its client was told.

    One client may ask for a task that another has submitted, and whose submission is
    still on its way: that is waited for.
    """
    loop = asyncio.get_running_loop()
    patient_until = loop.time() + COMING
    found: Future[dict[str, Any]] = Future()

    def ask() -> None:
        # Looked at first: the task may come, and end, while the record is read.
        was_coming = dispatch.intake.is_coming(msg_id) and loop.time() < patient_until
        known = dispatch.record.watch(msg_id)
        known.add_done_callback(lambda known: take(known, was_coming))
        found.add_done_callback(lambda _: known.cancel())

    def take(known: Future[Entry], was_coming: bool) -> None:
        if found.cancelled():
            return
        error = known.exception()
        if error is None and known.result().outcome is not None:
            then(known, _told, found)
        else:  # unknown, or it came to be known only while the file was read
            loop.call_soon_threadsafe(again, error, was_coming)

    def again(error: BaseException | None, was_coming: bool) -> None:
        if found.cancelled():
            return
        if error is None or dispatch.record.is_open(msg_id):
            ask()
        elif was_coming:
            loop.call_later(LOOK, ask)
        else:
            found.set_exception(error)

    ask()
    return found


def purge_results(
    hub: Hub,
    dispatch: Dispatch,
    *,
    msg_ids: list[str] | None,
    engines: list[EngineId],
) -> Future[None]:
    """Forget finished tasks: these and those of these engines, or, by None, all."""
    uuids = [i.uuid for i in hub.engines.values() if i.engine_id in engines]
    return dispatch.record.purge(msg_ids, uuids)


def _told(entry: Entry) -> dict[str, Any]:
    """Return what a task's client was told of its end, and what it knew before."""
    outcome = entry.outcome
    if outcome is None:
        raise IndexError(f"task {entry.msg_id} has not finished")
    frames = entry.result_frames
    return {
        "omitted": too_large("result", entry) if frames is None else None,
        "status": Status(outcome.status),
        "payload": b"" if frames is None else outcome.payload,
        "frames": as_bytes(frames or ()),
        "engine_id": outcome.engine_id,
        "engine_uuid": entry.engine_uuid.hex() or None,
        "submitted": entry.submitted,
        "started": outcome.started,
        "completed": outcome.completed,
        "received": entry.received,
        "stdout": outcome.stdout + entry.stdout,
        "stderr": outcome.stderr + entry.stderr,
        "note": outcome.note,
        "label": entry.label,
        "method": entry.submit.method.name.lower(),
    }
