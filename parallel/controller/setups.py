"""What clients want run on each engine that joins, before all else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from ..aliases import Uuid
from ..errors import ProtocolError
from ..protocol.messages import Method, Setup, Submit
from ..state.naming import TaskKey
from .work import Work

__all__ = ["MOST_KILLED", "Setups", "say_deadly"]

#: A setup that kills so many engines in turn is dropped: else each that takes the place
#: of one that it has killed would be killed as well, without end.
MOST_KILLED = 3
#: A client has so many at most.
MOST = 1024


class Setups:
    """Setups by client and name, in the order in which they were first asked for."""

    def __init__(self, epoch: int = 1) -> None:
        #: Their tasks are numbered down: no client knows them. Engines may have some of
        #: earlier controllers.
        self._seqs = count(-1 - (epoch << 32), -1)
        self._works: dict[tuple[Uuid, str], Work] = {}
        #: How many engines each has killed since it last ended on one.
        self._killed: Counter[tuple[Uuid, str]] = Counter()

    def add(
        self, client: Uuid, setup: Setup, frames: Sequence[Any]
    ) -> tuple[Work, Work | None]:
        """Keep a setup; return its work, and that of an earlier one of its name.

        Raises
        ------
        ProtocolError
            The client has too many.
        """
        if len(self.of(client)) >= MOST and (client, setup.name) not in self._works:
            raise ProtocolError(f"it has {MOST} setups, each of another name")
        earlier = self._works.get((client, setup.name))
        del self._killed[client, setup.name]
        submit = Submit(0, Method.APPLY, setup.digest, setup.payload, setup.frames)
        work = self._works[client, setup.name] = Work(submit, frames, setup.name)
        return work, earlier

    def new_key(self, client: Uuid) -> TaskKey:
        """Return the key of one more task, of a client's setup on one engine."""
        return TaskKey(client, next(self._seqs))

    def __iter__(self) -> Iterator[tuple[Uuid, Work]]:
        for (client, _), work in list(self._works.items()):
            yield client, work

    def of(self, client: Uuid) -> list[Work]:
        """Return a client's setups."""
        return [work for key, work in self._works.items() if key[0] == client]

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
