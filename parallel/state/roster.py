"""The engines of a cluster and their ids: counted up from 0, never given twice."""

from __future__ import annotations

from collections.abc import Mapping

from ..aliases import EngineId, Uuid

__all__ = ["Roster"]


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
        self._go_on()

    @property
    def next_id(self) -> EngineId:
        """A number above all that were given."""
        return max(self._given, default=self._next - 1) + 1

    def register(self, uuid: Uuid, wanted: EngineId | None = None) -> EngineId:
        """Return the id of an engine; a free one that it wants, such as its rank."""
        known = self._ids.get(uuid)
        if known is not None:
            return known
        if wanted is None or wanted < self._next or wanted in self._given:
            wanted = self._next
        self._ids[uuid] = wanted
        self._given.add(wanted)
        self._go_on()
        return wanted

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
