"""What is said of tasks that ended otherwise than by their own result."""

from __future__ import annotations

from collections.abc import Mapping

from ..aliases import EngineId
from .events import EngineLost
from .tasks import Needs, Task, TaskState

__all__ = [
    "ABORTED",
    "INTERRUPTED",
    "TIME_UP",
    "WAS_STOPPED",
    "WORLD_ENDED",
    "is_death",
    "say_deadly",
    "say_given_back",
    "say_gone",
    "say_late",
    "say_leaves",
    "say_nobody",
    "say_overrun",
    "say_refused",
    "say_stopped",
    "say_tried",
    "say_wants",
    "say_why",
]

#: What is said of an engine that left in good order.
WAS_STOPPED = "was stopped"
ABORTED = "it was given up before it started"
TIME_UP = "ended, for its time was up: the walltime of its job"
#: Who ends the ranks of an MPI world does so by a signal, whatever it is for.
WORLD_ENDED = (
    "was ended with its MPI world, as all ranks are once one fails or they are stopped"
)
INTERRUPTED = "it was cancelled, and interrupted while it ran"


def say_gone(engine_id: EngineId, reason: str | None) -> str:
    """Say why a direct task cannot be sent."""
    if reason is None:
        return f"there is no engine {engine_id}: it left, or never was"
    return f"engine {engine_id} died before it started the task: {reason}"


def is_death(reason: str) -> bool:
    """Tell whether an engine that is gone for this reason has died."""
    ordered = (WAS_STOPPED, WORLD_ENDED)
    return reason not in ordered and not reason.startswith(say_leaves(""))


def say_leaves(why: str) -> str:
    """Say of an engine that it is about to end."""
    return f"is leaving: {why}"


def say_refused(engine_id: EngineId, why: str) -> str:
    """Say why a direct task is not sent to an engine that is about to end."""
    return f"engine {engine_id} {say_leaves(why)}. It gets nothing more"


def say_given_back(engine_id: EngineId) -> str:
    """Say that a direct task's engine will not run it, for no reason of ours."""
    return f"engine {engine_id} gave it back, and no other engine may run it"


def say_why(
    task: Task, engine_id: EngineId, event: EngineLost, ordinal: int, position: int
) -> str:
    """Say what an engine's death has to do with a task that is not run again."""
    if not event.proved:
        return (
            f"engine {engine_id} is lost: {event.reason}. It may still be running the "
            "task, which is therefore not run again elsewhere"
        )
    if len(task.deaths) > 1:
        return say_deadly(task)
    when = "while it ran the task"
    if ordinal < position or (event.reach or 0) >= ordinal != position:
        when = "before the task's result had left"
    elif ordinal > position:
        known = event.reach is not None
        when = f"before it {'' if known else 'had told that it '}started the task"
    return f"engine {engine_id} died {when}: {event.reason}"


def say_deadly(task: Task) -> str:
    """Say which engines a task has killed."""
    first_lines = "; ".join(death.partition("\n")[0] for death in task.deaths)
    _, newline, details = task.deaths[-1].partition("\n")
    return (
        f"the task killed {len(task.deaths)} engines and is not tried again: "
        f"{first_lines}{newline}{details}"
    )


def say_stopped(reason: str, engine_id: EngineId, death: str) -> str:
    """Say how a task ended that was to be stopped when its engine died."""
    return f"{reason}; its engine {engine_id} is gone: {death}"


def say_tried(task: Task) -> str:
    """Say why a task that raised is not tried once more."""
    tries = "1 try" if task.tries == 1 else f"{task.tries} tries"
    return (
        f"retries={task.terms.retries}, and after {tries} no engine is left that has "
        "not failed it: each engine is tried once"
    )


def say_late(task: Task) -> str:
    """Say what a task waited for that was not started in time."""
    waited = f"it was not started within its timeout of {task.terms.timeout:g} s"
    if task.state is TaskState.WAITING:
        return f"{waited}: the tasks that it depends on had not ended"
    if task.refused:
        ids = ", ".join(map(str, sorted(task.refused)))
        return f"{waited}: it did not suit engines {ids}, and no other was free"
    return f"{waited}: no engine was free for it"


def say_overrun(task: Task) -> str:
    """Say that a task took too long."""
    limit = task.terms.time_limit
    return f"it ran longer than its time_limit of {limit:g} s, and was interrupted"


def say_nobody(needs: Needs, departed: Mapping[EngineId, str]) -> str:
    """Say why no engine may run a task."""
    allowed = sorted(needs.allowed or ())
    parts = [f"it may run on engines {allowed} only"]
    parts += [f"engine {e} is gone: {departed[e]}" for e in allowed if e in departed]
    refused = [e for e in allowed if e in needs.refused]
    if refused:
        parts.append(f"it did not suit {refused}")
    wants = say_wants(needs)
    if wants:
        parts.append(f"it needs {wants}")
    return "no engine can run it: " + "; ".join(parts)


def say_wants(needs: Needs) -> str:
    """Say which resources and labels an engine must have; nothing if none."""
    wants = [f"{name}={much:g}" for name, much in needs.resources]
    if needs.seconds is not None:
        wants.append(f"{needs.seconds:g} s (its time_limit) before its time is up")
    return ", ".join([*wants, *sorted(needs.labels)])
