"""What has been sent to an engine, and has not arrived there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..aliases import Uuid
from ..protocol.wire import frames_nbytes
from ..state.tasks import Task
from ..state.whereabouts import Whereabouts

__all__ = ["with_arguments"]

#: Arguments of less than this, bytes, are no reason why anything takes long; and so
#: many are, though they have arrived: they are unpacked.
MUCH, VERY_MUCH = 1 << 20, 64 << 20


def with_arguments(
    place: Whereabouts, task: Task, unread_by: Callable[[Uuid], Iterable[Any]]
) -> Whereabouts:
    """Return where a task stands, with what its arguments have to do with it.

    To the scheduler a task runs once it is the first of those that its engine was sent.

    Parameters
    ----------
    unread_by
        Returns what an engine was sent and has not confirmed.
    """
    frames, engine = task.body.frames, task.holder
    nbytes = frames_nbytes(frames)
    if place.state != "running" or nbytes < MUCH or engine is None:
        return place
    # All frames of a task are in one batch.
    if any(part is frames[0] for part in unread_by(engine.uuid)):
        return Whereabouts("sent", place.engine_id, place.seconds, _say(nbytes))
    if nbytes < VERY_MUCH:
        return place
    return Whereabouts("running", place.engine_id, place.seconds, _say(nbytes))


def _say(nbytes: int) -> str:
    return f"{nbytes >> 20:,} MiB of arguments"
