"""What an engine has of its tasks: told to a controller that was started again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..protocol.messages import Held, HeldTask, Message, Result, Stage
from ..protocol.wire import controller_decoder
from ..state.stream import Stream

__all__ = ["Batch", "Stock", "results_in", "take_stock"]


class Batch(NamedTuple):
    """Messages that travel together, and their frames."""

    messages: Sequence[Message]
    frames: Sequence[Any]


class Stock(NamedTuple):
    """What is to be said to the next controller, in this order."""

    held: Held
    results: list[Batch]


def results_in(stream: Stream) -> Iterator[Batch]:
    """Yield the results that were said in a session, and that nobody has confirmed."""
    decoder = controller_decoder()
    for (head, *frames), _ in list(stream.kept):
        results: list[Message] = []
        own: list[Any] = []
        at = 0
        for message in decoder.decode(head)[1]:
            count = getattr(message, "frames", 0)
            if isinstance(message, Result) and message.task:
                results.append(message)
                own += frames[at : at + count]
            at += count
        if results:
            yield Batch(results, own)


def take_stock(
    reach: int,
    started: Iterable[tuple[int, bytes]],
    waiting: Iterable[int],
    said: Iterable[Batch],
) -> Stock:
    """Return what to say of an engine's tasks.

    Parameters
    ----------
    reach
        Nothing else up to this ordinal will be started.
    started
        The tasks that have started, by ordinal and token, the innermost last.
    waiting
        The ordinals of those that wait for tasks of their own.
    said
        Results, each maybe several times, with what else was said.
    """
    tasks: dict[int, HeldTask] = {}
    waits = set(waiting)
    running = dict(started)
    innermost = next(reversed(running), 0)
    for ordinal, token in running.items():
        waits_too = ordinal in waits or ordinal != innermost
        stage = Stage.SUSPENDED if waits_too else Stage.RUNNING
        tasks[ordinal] = HeldTask(token, ordinal, stage)
    batches: list[Batch] = []
    for batch in said:
        batches.append(batch)
        for message in batch.messages:
            if isinstance(message, Result):
                ordinal = message.ordinal
                tasks[ordinal] = HeldTask(message.task, ordinal, Stage.ENDED)
    named = [task for task in tasks.values() if task.task]
    return Stock(Held(reach, named), batches)
