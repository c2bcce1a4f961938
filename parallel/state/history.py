"""How tasks ended, remembered in a few bytes each: what later ones may depend on."""

from __future__ import annotations

from array import array
from collections import OrderedDict

from ..aliases import EngineId, Uuid
from .tasks import TaskKey

__all__ = ["History"]

#: So many of a client's tasks are remembered, the newest, at 5 bytes each.
REMEMBERED = 1 << 20
#: So many clients are.
CLIENTS = 64
UNKNOWN, OK, FAILED = 0, 1, 2


class _Past:
    """The ends of one client's tasks, by number from `begin` up."""

    __slots__ = ("begin", "ends", "engines")

    def __init__(self) -> None:
        self.begin = 0
        self.ends = bytearray()
        self.engines = array("i")

    def note(self, seq: int, end: int, engine_id: EngineId) -> None:
        at = seq - self.begin
        if at < 0:
            return  # far older than all the rest
        if at >= len(self.ends):
            more = at + 1 - len(self.ends)
            self.ends.extend(bytes(more))
            self.engines.extend([-1] * more if more > 1 else (-1,))
            if len(self.ends) > 2 * REMEMBERED:
                self._forget(len(self.ends) - REMEMBERED)
                at = seq - self.begin
        self.ends[at] = end
        self.engines[at] = engine_id

    def _forget(self, count: int) -> None:
        del self.ends[:count]
        del self.engines[:count]
        self.begin += count


class History:
    """The ends of all clients' tasks, as far back as memory allows."""

    def __init__(self) -> None:
        self._pasts: OrderedDict[Uuid, _Past] = OrderedDict()

    def note(self, key: TaskKey, ok: bool, engine_id: EngineId) -> None:
        """Remember how a task ended, and where; -1 for an engine means nowhere."""
        past = self._pasts.get(key.client)
        if past is None:
            past = self._pasts[key.client] = _Past()
            if len(self._pasts) > CLIENTS:
                self._pasts.popitem(last=False)
        past.note(key.seq, OK if ok else FAILED, engine_id)

    def find(self, key: TaskKey) -> tuple[bool, EngineId] | None:
        """Return whether a task ended well, and where; None if that is not known."""
        past = self._pasts.get(key.client)
        if past is None or not 0 <= (at := key.seq - past.begin) < len(past.ends):
            return None
        end = past.ends[at]
        return None if end == UNKNOWN else (end == OK, past.engines[at])
