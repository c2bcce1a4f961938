"""The engines of a cluster and their ids: counted up from 0, never given twice."""

from __future__ import annotations

from collections.abc import Mapping

from ..aliases import EngineId, Uuid
from .newest import Newest

__all__ = ["Roster"]

#: So many MPI worlds are remembered whose ranks may not all be there yet.
WORLDS = 64


class Roster:
    """Gives ids to engines: the same one however often an engine asks.

    Parameters
    ----------
    ids
        Those that an earlier controller gave to engines that may return.
    next_id
        All below this were given by earlier controllers.
    """

    def __init__(
        self, ids: Mapping[Uuid, EngineId] | None = None, next_id: EngineId = 0
    ) -> None:
        self._ids: dict[Uuid, EngineId] = dict(ids or {})
        #: All below this were given, and so were these above it.
        self._next = next_id
        self._given: set[EngineId] = {i for i in self._ids.values() if i >= next_id}
        #: The id of each world's rank 0, and which ranks have theirs.
        self._worlds: Newest[bytes, tuple[EngineId, bytearray]] = Newest(WORLDS)
        self._go_on()

    @property
    def next_id(self) -> EngineId:
        """A number above all that were given."""
        return max(self._given, default=self._next - 1) + 1

    def register(
        self,
        uuid: Uuid,
        wanted: EngineId | None = None,
        world: bytes = b"",
        size: int = 0,
    ) -> EngineId:
        """Return the id of an engine; a free one that it wants, such as its rank.

        Parameters
        ----------
        world, size
            The MPI world in which that is its rank, and how many ranks that has. They
            get ids in their order, in whichever they come: from 0 if these are free.
        """
        known = self._ids.get(uuid)
        if known is not None:
            return known
        if world and wanted is not None and 0 <= wanted < size:
            begin, there = self._worlds.get(world) or self._make_room(world, size)
            if wanted < len(there) and not there[wanted]:
                there[wanted] = True
                self._ids[uuid] = begin + wanted
                return begin + wanted
        if wanted is None or wanted < self._next or wanted in self._given:
            wanted = self._next
        self._ids[uuid] = wanted
        self._given.add(wanted)
        self._go_on()
        return wanted

    def _make_room(self, world: bytes, size: int) -> tuple[EngineId, bytearray]:
        """Keep ids in a row for the ranks of a world."""
        is_free = not self._next and all(size <= given for given in self._given)
        begin = 0 if is_free else self.next_id
        self._next = begin + size
        self._given = {given for given in self._given if given >= self._next}
        self._go_on()
        self._worlds[world] = begin, bytearray(size)
        return self._worlds[world]

    def _go_on(self) -> None:
        """Count those at the beginning that were all given, and keep the others."""
        while self._next in self._given:
            self._given.remove(self._next)
            self._next += 1

    def forget(self, uuid: Uuid) -> None:
        """Forget an engine that will not come back; its id is not given again."""
        self._ids.pop(uuid, None)

    def __contains__(self, uuid: Uuid) -> bool:
        return uuid in self._ids
