"""What is known of one task: when, where, how, and what it printed."""

from __future__ import annotations

from typing import Any

from ..protocol.messages import Status

__all__ = ["KEYS", "Metadata", "status_word"]

_STATUS = {Status.OK: "ok", Status.ABORTED: "aborted"}

KEYS = (
    "msg_id", "submitted", "started", "completed", "received", "engine_uuid",
    "engine_id", "follow", "after", "status", "execute_input", "execute_result",
    "error", "stdout", "stderr", "outputs", "data", "label", "is_broadcast",
    "is_coalescing",
)  # fmt: skip
_KEYS = frozenset(KEYS)
_UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(KEYS), "stdout": "", "stderr": "", "is_broadcast": False,
    "is_coalescing": False,
}  # fmt: skip


class Metadata(dict[str, Any]):
    """The facts of one task, as items and as attributes; no others can be added.

    Times are aware datetimes: `submitted` and `received` by this process's clock,
    `started` and `completed` by the engine's.
    """

    def __init__(self, **known: Any) -> None:
        if other := known.keys() - _KEYS:
            raise KeyError(*other)
        super().__init__(_UNKNOWN)
        self.update(follow=[], after=[], outputs=[], data={})
        self.update(known)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self:
            raise AttributeError(name)
        self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in _KEYS:
            raise KeyError(name)
        super().__setitem__(name, value)


def status_word(status: int) -> str:
    """Return the word for how a task ended: 'ok', 'error' or 'aborted'."""
    return _STATUS.get(Status(status), "error")
