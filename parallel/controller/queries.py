"""Clients' questions: one function each, in a table by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..state.scheduler import Scheduler
from .hub import Hub

__all__ = ["QUERIES", "processes", "queue_status"]


def queue_status(hub: Hub, machine: Scheduler, *, verbose: bool = False) -> Any:
    """Return what each engine has in hand and has done, and how much waits.

    Keys are engine ids, as text because the wire's maps have text keys; `queue`
    counts direct tasks, `tasks` balanced ones.
    """
    status: dict[str, Any] = {}
    for _, engine in sorted(machine.by_id.items()):
        tasks = engine.inhand.values()
        direct = [t.key.seq for t in tasks if t.pinned is not None]
        balanced = [t.key.seq for t in tasks if t.pinned is None]
        status[str(engine.engine_id)] = {
            "queue": direct if verbose else len(direct),
            "completed": engine.completed,
            "tasks": balanced if verbose else len(balanced),
        }
    waiting = [task.key.seq for task in machine.queue]
    status["unassigned"] = waiting if verbose else len(waiting)
    return status


def processes(hub: Hub, machine: Scheduler) -> Any:
    """Return host and pid of each engine."""
    return {
        str(info.engine_id): {"host": info.host, "pid": info.pid}
        for info in hub.engines.values()
    }


QUERIES: dict[str, Callable[..., Any]] = {
    "processes": processes,
    "queue_status": queue_status,
}
