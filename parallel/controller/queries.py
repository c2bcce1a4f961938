"""Clients' questions: one function each, in a table by name.

A function returns its answer, or a future of it. What it raises, or its future,
comes to the client as an exception of the same built-in type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from ..aliases import EngineId
from ..protocol.messages import Answer, Status
from ..state.tasks import TaskKey, task_key
from ..state.whereabouts import Whereabouts
from ..state.whereabouts import whereabouts as locate
from .dispatch import Dispatch
from .gathering import Gathering
from .hub import Hub
from .store.entry import Entry, msg_id_of
from .store.fields import as_bytes, too_large

__all__ = [
    "QUERIES",
    "abort_tasks",
    "answer_of",
    "db_query",
    "hub_history",
    "processes",
    "purge_results",
    "queue_status",
    "resubmit",
    "result_status",
    "task_result",
    "whereabouts",
]

#: A submission that is on its way is waited for, and looked for this often, seconds.
COMING, LOOK = 5.0, 0.01
#: A packed answer of more bytes than this has a frame of its own.
INLINE_NBYTES = 1 << 16

A = TypeVar("A")
B = TypeVar("B")


def queue_status(hub: Hub, dispatch: Dispatch, *, verbose: bool = False) -> Any:
    """Return what each engine has in hand and has done, and how much waits.

    Keys are engine ids, as text because the wire's maps have text keys; `queue`
    counts direct tasks, `tasks` balanced ones. If it is `verbose`, their ids are told.
    """

    def told(keys: list[TaskKey]) -> list[str] | int:
        return [msg_id_of(key) for key in keys] if verbose else len(keys)

    machine = dispatch.machine
    status: dict[str, Any] = {}
    for _, engine in sorted(machine.by_id.items()):
        tasks = engine.inhand.values()
        direct = [task.key for task in tasks if task.pinned is not None]
        balanced = [task.key for task in tasks if task.pinned is None]
        status[str(engine.engine_id)] = {
            "queue": told(direct),
            "completed": engine.completed,
            "tasks": told(balanced),
        }
    status["unassigned"] = told([task.key for task in machine.queue])
    return status


def processes(hub: Hub, dispatch: Dispatch) -> Any:
    """Return host and pid of each engine."""
    return {
        str(info.engine_id): {"host": info.host, "pid": info.pid}
        for info in hub.engines.values()
    }


def whereabouts(
    hub: Hub, dispatch: Dispatch, *, msg_ids: list[str]
) -> Future[dict[str, Any]]:
    """Return where unfinished tasks stand, and what is wrong with their engines."""
    now = asyncio.get_running_loop().time()
    found = {}
    for msg_id in msg_ids:
        key = task_key(msg_id)
        place = None if key is None else locate(dispatch.machine, key, now)
        if key is not None and place is None and dispatch.reopening is not None:
            why = dispatch.reopening.say(key, now)
            place = Whereabouts("queued", why=why) if why else None
        if place is not None:
            found[msg_id] = place
    ids = {place.engine_id for place in found.values()}
    engines = [info for info in hub.engines.values() if info.engine_id in ids]
    pulses = hub.pulses.take(engines)
    return _then(pulses, lambda wrong: {"tasks": found, "engines": wrong})


# The record


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
    made = _then(found, gathering.join)
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

    return _then(dispatch.record.entries(msg_ids), sort)


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
        was_coming = dispatch.is_coming(msg_id) and loop.time() < patient_until
        known = dispatch.record.watch(msg_id)
        known.add_done_callback(lambda known: take(known, was_coming))
        found.add_done_callback(lambda _: known.cancel())

    def take(known: Future[Entry], was_coming: bool) -> None:
        if found.cancelled():
            return
        error = known.exception()
        if error is None and known.result().outcome is not None:
            _then(known, _told, found)
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


def resubmit(hub: Hub, dispatch: Dispatch, *, msg_ids: list[str]) -> Future[list[str]]:
    """Submit tasks once more, whatever became of them; return their new ids."""
    loop = asyncio.get_running_loop()
    found: Future[list[str]] = Future()

    def submit(entries: list[Entry]) -> None:
        with suppress(InvalidStateError):  # who asked has left meanwhile
            try:
                found.set_result(dispatch.resubmit(entries, loop.time()))
            except Exception as error:
                found.set_exception(error)

    def pass_on(known: Future[list[Entry]]) -> None:
        error = known.exception()
        if error is None:
            loop.call_soon_threadsafe(submit, known.result())
            return
        with suppress(InvalidStateError):
            found.set_exception(error)

    dispatch.record.entries(msg_ids, frames=True).add_done_callback(pass_on)
    return found


def abort_tasks(
    hub: Hub, dispatch: Dispatch, *, msg_ids: list[str], interrupt: bool
) -> None:
    """Give up tasks of whatever client; with `interrupt`, also those that run."""
    now = asyncio.get_running_loop().time()
    keys = [key for key in map(task_key, msg_ids) if key is not None]
    for client in {key.client for key in keys}:
        seqs = [key.seq for key in keys if key.client == client]
        dispatch.abort(client, seqs, interrupt, now)


def answer_of(seq: int, found: Future[Any]) -> tuple[Answer, Sequence[Any]]:
    """Return what a client is told of a question's end, and its frames."""
    error = found.exception()
    if error is not None:
        words = error.args[0] if error.args else error
        return Answer(seq, None, f"{type(error).__name__}: {words}"), ()
    value = found.result()
    if isinstance(value, msgspec.Raw):
        packed = memoryview(value)
        if packed.nbytes > INLINE_NBYTES:
            return Answer(seq, None, frames=1), [packed]
    return Answer(seq, value), ()


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


def _then(
    future: Future[A], do: Callable[[A], B], made: Future[B] | None = None
) -> Future[B]:
    """Return the future of what is made of another's result."""
    made = Future() if made is None else made

    def pass_on(known: Future[A]) -> None:
        with suppress(InvalidStateError):  # given up meanwhile
            try:
                made.set_result(do(known.result()))
            except Exception as error:
                made.set_exception(error)

    future.add_done_callback(pass_on)
    return made


_ALL: Sequence[Callable[..., Any]] = (
    abort_tasks,
    db_query,
    hub_history,
    processes,
    purge_results,
    queue_status,
    result_status,
    resubmit,
    task_result,
    whereabouts,
)
QUERIES: dict[str, Callable[..., Any]] = {ask.__name__: ask for ask in _ALL}
