"""What clients submit to a controller that cannot go on with it yet."""

from __future__ import annotations

from collections.abc import Iterator

from ...aliases import EngineId, Uuid
from ..events import TaskSubmitted
from ..naming import TaskKey

__all__ = ["Waiting"]


class Waiting:
    """Submissions that wait, in their order; direct ones stand in lines, too."""

    def __init__(self) -> None:
        self._events: dict[TaskKey, TaskSubmitted] = {}
        #: The direct ones of them, by client and engine: they keep their order.
        self._lines: dict[tuple[Uuid, EngineId], dict[TaskKey, None]] = {}

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, key: TaskKey) -> bool:
        return key in self._events

    def __getitem__(self, key: TaskKey) -> TaskSubmitted:
        return self._events[key]

    def __iter__(self) -> Iterator[TaskKey]:
        return iter(self._events)

    def add(self, event: TaskSubmitted) -> None:
        """Let a task wait behind all others."""
        key = event.key
        self._events[key] = event
        if event.pinned is not None:
            self._lines.setdefault((key.client, event.pinned), {})[key] = None

    def take(self, key: TaskKey) -> TaskSubmitted:
        """Take out a task that waits, and return it."""
        event = self._events.pop(key)
        if event.pinned is not None:
            line = self._lines[key.client, event.pinned]
            del line[key]
            if not line:
                del self._lines[key.client, event.pinned]
        return event

    def is_next(self, client: Uuid, engine_id: EngineId, key: TaskKey) -> bool:
        """Tell whether no other direct task stands before this one in its line."""
        line = self._lines.get((client, engine_id))
        return line is None or next(iter(line)) == key

    def of_client(self, client: Uuid) -> list[TaskSubmitted]:
        """Return what a client has submitted that waits."""
        return [each for key, each in self._events.items() if key.client == client]

    def for_engine(self, engine_id: EngineId | None) -> Iterator[TaskKey]:
        """Yield the direct tasks that wait for an engine, client by client."""
        for (_, pinned), line in self._lines.items():
            if pinned == engine_id:
                yield from line
