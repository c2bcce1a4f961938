"""What clients want run on each engine that joins, before all else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..aliases import Uuid
from ..protocol.messages import Method, Setup, Submit
from .work import Work

__all__ = ["MOST_KILLED", "Setups", "say_deadly"]

#: A setup that kills so many engines in turn is dropped: else each that takes the place
#: of one that it has killed would be killed as well, without end.
MOST_KILLED = 3


class Setups:
    """Setups by client and name, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self._works: dict[tuple[Uuid, str], Work] = {}
        #: How many engines each has killed since it last ended on one.
        self._killed: Counter[tuple[Uuid, str]] = Counter()

    def add(
        self, client: Uuid, setup: Setup, frames: Sequence[Any]
    ) -> tuple[Work, Work | None]:
        """Keep a setup; return its work, and that of an earlier one of its name."""
        earlier = self._works.get((client, setup.name))
        del self._killed[client, setup.name]
        submit = Submit(0, Method.APPLY, setup.digest, setup.payload, setup.frames)
        work = self._works[client, setup.name] = Work(submit, frames, setup.name)
        return work, earlier

    def __iter__(self) -> Iterator[tuple[Uuid, Work]]:
        for (client, _), work in list(self._works.items()):
            yield client, work

    def ended(self, client: Uuid, name: str) -> None:
        """Note that a setup has ended on an engine, and has not killed it."""
        del self._killed[client, name]

    def has_killed(self, client: Uuid, work: Work) -> bool:
        """Note that an engine died of a setup; tell whether it is dropped for that."""
        if work.setup is None or self._works.get((client, work.setup)) is not work:
            return False
        self._killed[client, work.setup] += 1
        if self._killed[client, work.setup] < MOST_KILLED:
            return False
        del self._works[client, work.setup], self._killed[client, work.setup]
        return True

    def forget(self, client: Uuid) -> list[Work]:
        """Drop the setups of a client that has left, and return them."""
        keys = [key for key in self._works if key[0] == client]
        for key in keys:
            del self._killed[key]
        return [self._works.pop(key) for key in keys]


def say_deadly(work: Work) -> str:
    """Say why a setup is dropped."""
    return (
        f"the setup {work.setup!r} killed {MOST_KILLED} engines one after the other, "
        "and is not run on those that join from now on"
    )
