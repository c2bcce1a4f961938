"""The state of a widget as its front end has it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

__all__ = ["ModelState", "state_of"]


class ModelState:
    """The state of a widget, by its parts; bytes in them are kept by their places."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.buffers: dict[tuple[str | int, ...], bytes] = {}

    def change(self, data: dict[str, Any], buffers: Sequence[bytes]) -> None:
        """Change what a message of a comm says that opens, or updates a state."""
        if not isinstance(data.get("state"), dict):
            return
        paths = [tuple(path) for path in data.get("buffer_paths", ())]
        # Of a part that is bytes alone the message has the place only.
        changed = {*data["state"], *(path[0] for path in paths)}
        kept = {path: b for path, b in self.buffers.items() if path[0] not in changed}
        self.buffers = kept | dict(zip(paths, buffers, strict=False))
        kept_values = {key: v for key, v in self.values.items() if key not in changed}
        self.values = kept_values | data["state"]

    def told(self) -> dict[str, Any]:
        """Return what a comm says to tell all of it; `buffers` go along, in order."""
        paths = [list(path) for path in self.buffers]
        return {"method": "update", "state": self.values, "buffer_paths": paths}


#: By the comms of this notebook's front end.
_states: weakref.WeakKeyDictionary[Any, ModelState] = weakref.WeakKeyDictionary()


def state_of(comm: Any) -> ModelState:
    """Return the state that the front end has of the widget behind a comm."""
    return _states.setdefault(comm, ModelState())
