"""What is told of a task's earlier starts, to its client and by it."""

from __future__ import annotations

from collections.abc import Iterable

from ..aliases import Uuid
from ..protocol.messages import Again, StartedTask
from ..state.naming import TaskKey
from ..state.past import Past
from ..state.tasks import Task

__all__ = ["again", "past_of", "pasts_of"]

#: So many deaths are told, and recorded, and of each the beginning of its first line.
DEATHS, LETTERS = 64, 200


def past_of(task: Task) -> Past:
    """Return what is told, or recorded, of a task's earlier starts."""
    starts, tries, refused, deaths = task.past
    lines = [each.partition("\n")[0][:LETTERS] for each in deaths[-DEATHS:]]
    return Past(starts, tries, list(refused), lines)


def again(task: Task) -> Again:
    """Return what tells a client that its task is to be started again."""
    starts, tries, refused, deaths = past_of(task)
    return Again(StartedTask(task.key.seq, starts, tries, [*refused], [*deaths]))


def pasts_of(client: Uuid, told: Iterable[StartedTask]) -> dict[TaskKey, Past]:
    """Return what a client tells of its tasks."""
    return {
        TaskKey(client, each.seq): Past(
            each.starts, each.tries, each.refused, each.deaths
        )
        for each in told
    }
