"""What clients want run on each engine that joins, before all else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..aliases import Uuid
from ..protocol.messages import Method, Setup, Submit
from .work import Work

__all__ = ["Setups"]


class Setups:
    """Setups by client and name, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self._works: dict[tuple[Uuid, str], Work] = {}

    def add(
        self, client: Uuid, setup: Setup, frames: Sequence[Any]
    ) -> tuple[Work, Work | None]:
        """Keep a setup; return its work, and that of an earlier one of its name."""
        earlier = self._works.get((client, setup.name))
        submit = Submit(0, Method.APPLY, setup.digest, setup.payload, setup.frames)
        work = self._works[client, setup.name] = Work(submit, frames, setup.name)
        return work, earlier

    def __iter__(self) -> Iterator[tuple[Uuid, Work]]:
        for (client, _), work in list(self._works.items()):
            yield client, work

    def forget(self, client: Uuid) -> list[Work]:
        """Drop the setups of a client that has left, and return them."""
        keys = [key for key in self._works if key[0] == client]
        return [self._works.pop(key) for key in keys]
