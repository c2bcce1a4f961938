"""Clients' questions: one function each, in a table by name.

A function returns its answer, or a future of it. What it raises, or its future,
comes to the client as an exception of the same built-in type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from ..state.naming import TaskKey, task_key
from ..state.whereabouts import Whereabouts
from ..state.whereabouts import whereabouts as locate
from .dispatch import Dispatch
from .enroute import with_arguments
from .futures import then
from .hub import Hub
from .records import (
    db_query,
    hub_history,
    purge_results,
    result_status,
    task_result,
)
from .resubmitting import resubmit
from .staffing import drain, load, resume, scale, shrink, standing
from .store.entry import msg_id_of

__all__ = ["QUERIES", "abort_tasks", "processes", "queue_status", "whereabouts"]


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
        if key is not None and place is not None:
            place = with_arguments(place, dispatch.machine.tasks[key], hub.unread_by)
        if key is not None and place is None and dispatch.reopening is not None:
            why = dispatch.reopening.say(key, now)
            place = Whereabouts("queued", why=why) if why else None
        if place is not None:
            found[msg_id] = place
    ids = {place.engine_id for place in found.values()}
    engines = [info for info in hub.engines.values() if info.engine_id in ids]
    pulses = hub.pulses.take(engines)
    return then(pulses, lambda wrong: {"tasks": found, "engines": wrong})


def abort_tasks(
    hub: Hub, dispatch: Dispatch, *, msg_ids: list[str], interrupt: bool
) -> None:
    """Give up tasks of whatever client; with `interrupt`, also those that run."""
    now = asyncio.get_running_loop().time()
    keys = [key for key in map(task_key, msg_ids) if key is not None]
    for client in {key.client for key in keys}:
        seqs = [key.seq for key in keys if key.client == client]
        dispatch.intake.abort(client, seqs, interrupt, now)


_ALL: Sequence[Callable[..., Any]] = (
    abort_tasks,
    db_query,
    drain,
    hub_history,
    load,
    processes,
    purge_results,
    queue_status,
    result_status,
    resubmit,
    resume,
    scale,
    shrink,
    standing,
    task_result,
    whereabouts,
)
QUERIES: dict[str, Callable[..., Any]] = {ask.__name__: ask for ask in _ALL}
