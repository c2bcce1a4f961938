"""How tasks ended, remembered in a few bytes each: what later ones may depend on."""

from __future__ import annotations

from array import array
from collections import OrderedDict

from ..aliases import EngineId, Uuid
from ..protocol.messages import Status
from .naming import TaskKey

__all__ = ["CANCELLED", "FAILED", "OK", "History", "end_of"]

#: So many of a client's tasks are remembered, the newest, at 5 bytes each.
REMEMBERED = 1 << 18
#: So many clients are, and so many of all their tasks: those of whom a task ended last.
#: A task may have a client of its own, so that there can be many with few tasks each;
#: each takes 400 bytes before its first.
CLIENTS, TASKS = 1 << 12, 1 << 22
#: How a task ended, in a byte.
UNKNOWN, OK, FAILED, CANCELLED = range(4)
_ENDS = {Status.OK: OK, Status.ABORTED: CANCELLED}


def end_of(status: Status) -> int:
    """Return which of the ends a task came to that ended so."""
    return _ENDS.get(status, FAILED)


class _Past:
    """The ends of one client's tasks, by number from `begin` up."""

    __slots__ = ("begin", "counted", "ends", "engines")

    def __init__(self) -> None:
        self.begin = 0
        #: So many ends are in the sum of all.
        self.counted = 0
        self.ends = bytearray()
        self.engines = array("i")

    def note(self, seq: int, end: int, engine_id: EngineId) -> None:
        at = seq - self.begin
        if at == len(self.ends):
            self.ends.append(UNKNOWN)
            self.engines.append(-1)
        if at >= len(self.ends) or at >= 2 * REMEMBERED:
            at = self._make_room(seq)
        if at >= 0:  # else it is far older than all the rest
            self.ends[at] = end
            self.engines[at] = engine_id

    def _make_room(self, seq: int) -> int:
        """Return the place of a number higher than all; what is too old goes."""
        if seq - self.begin >= 2 * REMEMBERED:
            begin = seq + 1 - REMEMBERED
            del self.ends[: begin - self.begin]
            del self.engines[: begin - self.begin]
            self.begin = begin
        at = seq - self.begin
        more = at + 1 - len(self.ends)
        self.ends.extend(bytes(more))
        self.engines.extend(array("i", [-1]) * more)
        return at


class History:
    """The ends of all clients' tasks, as far back as memory allows."""

    def __init__(self) -> None:
        self._pasts: OrderedDict[Uuid, _Past] = OrderedDict()
        #: Whose task ended last, and its past.
        self._client: Uuid | None = None
        self._past = _Past()
        #: How many ends are remembered, but for what that past has grown since.
        self._total = 0

    def note(self, key: TaskKey, end: int, engine_id: EngineId) -> None:
        """Remember how a task ended, and where; -1 for an engine means nowhere."""
        client, seq = key
        if client != self._client:
            self._turn_to(client)
        self._past.note(seq, end, engine_id)

    def _turn_to(self, client: Uuid) -> None:
        """Have a client's past at hand, and let go of those unused for longest."""
        before = self._past
        self._total += len(before.ends) - before.counted
        before.counted = len(before.ends)
        self._client = client
        self._past = self._pasts.setdefault(client, _Past())
        self._pasts.move_to_end(client)
        while len(self._pasts) > 1 and (
            len(self._pasts) > CLIENTS or self._total > TASKS
        ):
            _, dropped = self._pasts.popitem(last=False)
            self._total -= dropped.counted

    def find(self, key: TaskKey) -> tuple[int, EngineId] | None:
        """Return how a task ended, and where; None if that is not known."""
        past = self._pasts.get(key.client)
        if past is None or not 0 <= (at := key.seq - past.begin) < len(past.ends):
            return None
        end = past.ends[at]
        return None if end == UNKNOWN else (end, past.engines[at])
