"""The engines of a cluster and their ids: counted up from 0, never given twice."""

from __future__ import annotations

from ..aliases import EngineId, Uuid

__all__ = ["Roster"]


class Roster:
    """Gives ids to engines: the same one however often an engine asks."""

    def __init__(self) -> None:
        self._ids: dict[Uuid, EngineId] = {}
        self._given: set[EngineId] = set()
        self._next: EngineId = 0

    def register(self, uuid: Uuid, wanted: EngineId | None = None) -> EngineId:
        """Return the id of an engine; a free one that it wants, such as its rank."""
        known = self._ids.get(uuid)
        if known is not None:
            return known
        if wanted is None or wanted < 0 or wanted in self._given:
            while self._next in self._given:
                self._next += 1
            wanted = self._next
        self._ids[uuid] = wanted
        self._given.add(wanted)
        return wanted

    def __contains__(self, uuid: Uuid) -> bool:
        return uuid in self._ids
