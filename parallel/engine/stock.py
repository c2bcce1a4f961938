"""What an engine has of its tasks: told to a controller that was started again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple

from ..protocol.kinds import Stage
from ..protocol.messages import Held, HeldTask, Message, Result
from ..protocol.wire import controller_decoder
from ..state.stream import Stream
from .turns import Started

__all__ = ["Batch", "Stock", "results_in", "said_in", "take_stock", "tasks_in"]


class Batch(NamedTuple):
    """Messages that travel together, and their frames."""

    messages: Sequence[Message]
    frames: Sequence[Any]


class Stock(NamedTuple):
    """What is to be said to the next controller, in this order."""

    held: Held
    results: list[Batch]


def said_in(stream: Stream, after: int, kinds: Collection[type]) -> Iterator[Batch]:
    """Yield what was said of these kinds behind a batch, and nobody has confirmed."""
    decoder = controller_decoder()
    kept = list(stream.kept)
    skipped = max(0, after - (stream.sent - len(kept)))
    for (head, *frames), _ in kept[skipped:]:
        said: list[Message] = []
        own: list[Any] = []
        at = 0
        for message in decoder.decode(head)[1]:
            count = getattr(message, "frames", 0)
            if type(message) in kinds:
                said.append(message)
                own += frames[at : at + count]
            at += count
        if said:
            yield Batch(said, own)


def results_in(stream: Stream) -> Iterator[Batch]:
    """Yield the results that were said in a session, and that nobody has confirmed."""
    return said_in(stream, 0, (Result,))


def tasks_in(batches: Iterable[Batch]) -> set[bytes]:
    """Return what names the tasks whose results are in these."""
    said = (message for batch in batches for message in batch.messages)
    return {message.task for message in said if isinstance(message, Result)}


def take_stock(
    reach: int,
    started: Sequence[Started],
    waiting: Iterable[int],
    said: Iterable[Batch],
) -> Stock:
    """Return what to say of an engine's tasks.

    Parameters
    ----------
    reach
        Nothing else up to this ordinal will be started.
    started
        The tasks that have started, the innermost last.
    waiting
        The ordinals of those that wait for tasks of their own.
    said
        Results, each maybe several times, with what else was said.
    """
    tasks: dict[int, HeldTask] = {}
    waits = set(waiting)
    innermost, now = started[-1].ordinal if started else 0, monotonic()
    for ordinal, token, since in started:
        waits_too = ordinal in waits or ordinal != innermost
        stage = Stage.SUSPENDED if waits_too else Stage.RUNNING
        tasks[ordinal] = HeldTask(token, ordinal, stage, now - since)
    batches: list[Batch] = []
    for batch in said:
        batches.append(batch)
        for message in batch.messages:
            if isinstance(message, Result):
                ordinal = message.ordinal
                tasks[ordinal] = HeldTask(message.task, ordinal, Stage.ENDED)
    named = [task for task in tasks.values() if task.task]
    return Stock(Held(reach, named), batches)
