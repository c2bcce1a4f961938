"""What conditions on other tasks mean, in the plainest words."""

from __future__ import annotations

from collections.abc import Mapping

from parallel.aliases import EngineId
from parallel.protocol.terms import Condition
from parallel.state.naming import TaskKey, task_key

Ends = Mapping[TaskKey, tuple[bool, EngineId]]


def named(condition: Condition) -> set[TaskKey | None]:
    """Return the tasks of a condition."""
    return {task_key(msg_id) for msg_id in condition.msg_ids}


def counting(condition: Condition, ends: Ends) -> dict[TaskKey | None, EngineId]:
    """Return the tasks that ended as the condition asks, and where."""
    found = {}
    for key in named(condition):
        if key in ends:
            ok, engine_id = ends[key]
            if condition.success if ok else condition.failure:
                found[key] = engine_id
    return found


def holds(condition: Condition, ends: Ends) -> bool:
    """Tell whether enough tasks have ended as they should."""
    counted = counting(condition, ends)
    if condition.all or not named(condition):
        return len(counted) == len(named(condition))
    return bool(counted)


def can_hold(condition: Condition, ends: Ends) -> bool:
    """Tell whether it holds if all tasks that have not ended end as they should."""
    still_open = {key for key in named(condition) if key not in ends}
    good = len(counting(condition, ends)) + len(still_open)
    if condition.all or not named(condition):
        return good == len(named(condition))
    return good > 0


def follows(condition: Condition, ends: Ends) -> set[EngineId]:
    """Return where a task may run that follows those of a condition; maybe nowhere."""
    engines = set(counting(condition, ends).values()) - {-1}
    return set() if condition.all and len(engines) > 1 else engines
