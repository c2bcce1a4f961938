"""Where a client finds the engine whose task it is used in, and the engine's ways.

A task that waits for tasks of its own would keep its engine from running them: with
every engine at such a wait, nobody would. So an engine registers itself here, and a
client that waits in its main thread lets it run other tasks meanwhile.
"""

from __future__ import annotations

from types import FrameType
from typing import Protocol

__all__ = ["Nest"]


class Nest(Protocol):
    """What an engine offers to whoever waits in one of its tasks."""

    @property
    def descriptor(self) -> int:
        """What to wait on for work: edge-triggered, so ask `ready` before."""

    @property
    def depth(self) -> int:
        """In how many tasks, one within the other, is what is submitted now."""

    def applies(self) -> bool:
        """Tell whether the calling thread is in a task, and others can run on top."""

    def ready(self) -> bool:
        """Tell whether there is work."""

    def suspend(self) -> None:
        """Say that the task waits from now on."""

    def work(self) -> None:
        """Run one task that has come, if any, on top of the one that waits."""

    def resume(self) -> None:
        """Say that the task goes on."""

    def on_interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGINT: raise `KeyboardInterrupt` if the running task is meant."""


#: The engine that this process is, if it is one.
current: Nest | None = None
