"""What a task shows while it runs: data, displays."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Publisher", "publish", "publish_data"]


class Publisher(Protocol):
    """The engine, as far as it sends what is published."""

    def publish(self, kind: str, value: Any) -> bool:
        """Send it on behalf of the task that runs; tell whether one does."""


#: The engine that this process is, if it is one.
current: Publisher | None = None


def publish_data(data: dict[str, Any]) -> None:
    """Publish values by name from a running task: the client's `data` is updated.

    They are there while the task runs, and stay, also if it fails.

    Raises
    ------
    RuntimeError
        This is no task on an engine.
    TypeError
        It is no dict.
    CannotPack
        A value cannot travel.
    """
    if not isinstance(data, dict):
        raise TypeError(f"publish_data() takes a dict of values by name, not {data!r}")
    publish("data", data)


def publish(kind: str, value: Any) -> None:
    """Publish something of a kind: see `protocol.messages.Publish`.

    Raises
    ------
    RuntimeError
        This is no task on an engine.
    """
    if current is None or not current.publish(kind, value):
        raise RuntimeError(
            "nothing can be published here: this is no task that runs on an engine. "
            "Call it in a function that a view applies or maps, or in what it executes"
        )
