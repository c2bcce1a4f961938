"""What is known of one task: when, where, how, and what it printed."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ..protocol.messages import Status

__all__ = ["KEYS", "Metadata", "as_datetime", "status_word"]

_STATUS = {Status.OK: "ok", Status.ABORTED: "aborted"}

KEYS = (
    "msg_id", "submitted", "started", "completed", "received", "engine_uuid",
    "engine_id", "follow", "after", "status", "execute_input", "execute_result",
    "error", "stdout", "stderr", "outputs", "data", "label", "is_broadcast",
    "is_coalescing",
)  # fmt: skip


class Metadata(dict[str, Any]):
    """The facts of one task, as items and as attributes; no others can be added.

    Times are aware datetimes: `submitted` and `received` by this process's clock,
    `started` and `completed` by the engine's.
    """

    def __init__(self, **known: Any) -> None:
        super().__init__(dict.fromkeys(KEYS))
        self.update(stdout="", stderr="", follow=[], after=[], outputs=[], data={})
        self.update(is_broadcast=False, is_coalescing=False)
        for key, value in known.items():
            self[key] = value

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
        if name not in KEYS:
            raise KeyError(name)
        super().__setitem__(name, value)


def as_datetime(seconds: float) -> datetime | None:
    """Return an aware datetime for seconds since the epoch; None for 0."""
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def status_word(status: int) -> str:
    """Return the word for how a task ended: 'ok', 'error' or 'aborted'."""
    return _STATUS.get(Status(status), "error")
