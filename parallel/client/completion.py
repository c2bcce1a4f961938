"""The names that live on engines, for a prompt that completes what is being typed."""

from __future__ import annotations

import contextlib
from time import monotonic
from typing import Any

from ..aliases import EngineId
from ..errors import ParallelError
from ..protocol.messages import Method
from ..protocol.terms import Terms
from ..serialize.calls import pack_value
from .connection import Connection
from .results import AsyncResult

__all__ = ["names_on"]

#: So long a prompt waits at most, seconds.
PATIENCE = 0.5
#: What the record calls the question.
LABEL = "completion"
#: The names of an engine's namespace, whatever its user calls `globals`.
NAMES = "[*__import__('builtins').globals()]"
#: What IPython adds to a namespace, which nobody pulls.
IPYTHONS = frozenset({"In", "Out", "exit", "get_ipython", "open", "quit"})


def names_on(connection: Connection, engines: list[EngineId]) -> list[str]:
    """Return the public names on those engines that have nothing to do, sorted.

    Engines that work, or do not answer, are left out: nobody waits for a task because
    of a keystroke. It is asked by a connection of its own, which leaves the history
    of the session alone.
    """
    if connection.closed is not None:
        return []
    deadline = monotonic() + PATIENCE
    try:
        with contextlib.closing(connection.another(PATIENCE)) as aside:
            idle = _idle(aside, engines, deadline - monotonic())
            return _asked(aside, idle, deadline) if idle else []
    except (ParallelError, OSError):
        return []


def _idle(
    connection: Connection, engines: list[EngineId], seconds: float
) -> list[EngineId]:
    """Return those of some engines that do nothing and have nothing to do."""
    told: dict[str, Any] = connection.questions.ask("queue_status", max(0.0, seconds))
    in_hand = {
        each: status["queue"] + status["tasks"]
        for each in engines
        if (status := told.get(str(each))) is not None
    }
    return [each for each, tasks in in_hand.items() if not tasks]


def _asked(
    connection: Connection, engines: list[EngineId], deadline: float
) -> list[str]:
    count = len(engines)
    result = AsyncResult(connection, LABEL, single=count == 1, count=count)
    packed, terms = pack_value(NAMES, LABEL), Terms(label=LABEL)
    seq = connection.submit(result, Method.PULL, b"", packed, engines, terms=terms)
    result.number(seq, engines)
    connection.set_off()
    if not result.wait(max(0.0, deadline - monotonic())):
        connection.abort(range(seq, seq + count))
    known: set[str] = set()
    for part in result.split():
        if part.ready() and part.successful():
            known.update(part.get())
    return sorted(name for name in known - IPYTHONS if name[0] != "_")
