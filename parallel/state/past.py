"""What became of a task's earlier starts: counted across the kills of controllers.

The client that submitted a task is told whenever it is to be started again, and tells
the next controller. Until the client has that, the engine where it raised keeps the
result. So what several say of a task differs, and the one that knows of more starts is
right: what an engine has of an earlier one is old.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..aliases import EngineId
from ..protocol.messages import Status

__all__ = ["FIRST", "Past", "after", "later", "past_in", "tail_of"]

#: Behind a task's name, for engines, are three numbers of so many bytes: how often it
#: has been started, has raised, and has killed its engine.
NBYTES = 2
#: Of a death that only the number is known of.
BEFORE = "an engine died before the controller was killed"


class Past(NamedTuple):
    """How a task's earlier starts ended.

    Parameters
    ----------
    starts
        How many there were.
    tries
        How often it raised.
    refused
        Engines where it did, or that it did not suit, as far as they are known.
    deaths
        How the engines died that had started it.
    """

    starts: int = 0
    tries: int = 0
    refused: Sequence[EngineId] = ()
    deaths: Sequence[str] = ()

    def with_names_of(self, earlier: Past) -> Past:
        """Return this, with the engines that are named in what was known earlier."""
        refused = sorted({*self.refused, *earlier.refused})
        fewer = len(earlier.deaths)
        deaths = [*earlier.deaths, *self.deaths[fewer:]]
        return self._replace(refused=refused, deaths=deaths[: len(self.deaths)])


#: Of a task that has not been started before.
FIRST = Past()


def later(past: Past, other: Past) -> Past:
    """Return the one that knows of more starts, with what the other one names."""
    if past.starts < other.starts:
        past, other = other, past
    return past.with_names_of(other)


def tail_of(past: Past) -> bytes:
    """Return what is behind a task's name if it has been started before."""
    numbers, most = (past.starts, past.tries, len(past.deaths)), 256**NBYTES - 1
    return b"".join(min(each, most).to_bytes(NBYTES, "big") for each in numbers)


def past_in(tail: bytes) -> Past:
    """Return what is behind a task's name: only numbers."""
    if len(tail) != 3 * NBYTES:
        return FIRST
    parts = (tail[at : at + NBYTES] for at in range(0, len(tail), NBYTES))
    starts, tries, deaths = (int.from_bytes(each, "big") for each in parts)
    return Past(starts, tries, (), (BEFORE,) * deaths)


def after(past: Past, status: Status, engine_id: EngineId) -> Past:
    """Return what has become of a task once one more start has ended.

    The death of an engine is among the deaths already.
    """
    if status not in (Status.ERROR, Status.UNMET):
        return past
    starts, tries, refused, deaths = past
    raised = status is Status.ERROR
    return Past(starts + 1, tries + raised, [*refused, engine_id], deaths)
