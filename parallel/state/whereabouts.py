"""Where a task stands, for whoever waits for it."""

from __future__ import annotations

from msgspec import Struct

from ..aliases import EngineId
from .naming import TaskKey
from .scheduler import Scheduler
from .stories import say_wants
from .tasks import Task, TaskState

__all__ = ["Whereabouts", "whereabouts"]

#: So many of the tasks that one waits for are named.
NAMED = 3


class Whereabouts(Struct, frozen=True):
    """Where one task stands.

    `state` is `running`, `suspended` (it waits for tasks of its own), `sent` to an
    engine that has not got it yet, `in line` on one, `queued` for one, or `waiting` for
    other tasks.
    """

    state: str
    engine_id: EngineId = -1
    #: How long its engine has been at what it runs, or it has been in line, seconds.
    seconds: float = 0.0
    #: What a task that no engine has waits for; of others, the arguments if they are
    #: many.
    why: str = ""


def whereabouts(machine: Scheduler, key: TaskKey, now: float) -> Whereabouts | None:
    """Return where a task stands; None if it has ended, or never came."""
    task = machine.tasks.get(key)
    if task is None:
        return None
    if task.state is TaskState.WAITING:
        return Whereabouts("waiting", why=_say_others(machine.waits_for(task)))
    engine = task.holder
    if task.state is not TaskState.ASSIGNED or engine is None:
        return Whereabouts("queued", why=_say_why_queued(machine, task, now))
    state = "in line"
    if task.ordinal in engine.suspended:
        state = "suspended"
    elif task.ordinal == engine.running:
        state = "running"
    return Whereabouts(state, engine.engine_id, max(0.0, now - engine.heard))


def _say_others(keys: list[TaskKey]) -> str:
    names = ", ".join(f"{key.client.hex()}_{key.seq}" for key in keys[:NAMED])
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"for {names}{more} to end"


def _say_why_queued(machine: Scheduler, task: Task, now: float) -> str:
    engines = machine.engines.values()
    if not engines:
        return "there is no engine"
    able = [engine for engine in engines if not (engine.drains or engine.tired)]
    if not able:
        return "no engine takes more work: they are drained, or their time is up soon"
    if task.needs is None:
        n = len(able)
        return "the one engine is busy" if n == 1 else f"all {n} engines are busy"
    suited = [engine for engine in engines if engine.suits(task.needs)]
    if not suited:
        wants = say_wants(task.needs)
        return f"no engine suits it{', which needs ' * bool(wants)}{wants}"
    ids = sorted(engine.engine_id for engine in suited)
    seconds = task.needs.seconds
    if not any(engine.has_time(seconds, now) for engine in suited):
        return f"of the engines that it may run on, {ids}, none has the time for it"
    return f"of the engines that it may run on, {ids}, none is free"
