"""What those need of the dispatcher who work for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..protocol.messages import Message
from ..state.events import Event
from ..state.naming import TaskKey
from ..state.scheduler import Scheduler
from .functions import FunctionStore
from .store.record import Record

__all__ = ["Host"]


class Host(Protocol):
    """What is needed of the dispatcher."""

    machine: Scheduler
    record: Record
    functions: FunctionStore

    def handle(self, events: Sequence[Event], now: float) -> None:
        """Let the machine decide, and do it."""

    def tell_client(
        self, key: TaskKey, message: Message, frames: Sequence[Any] = ()
    ) -> bool:
        """Tell the client of a task something; tell whether it is there."""
