"""The kinds that messages tell apart by number: of calls, and of their ends."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Method", "Stage", "Status"]


class Method(IntEnum):
    """What an engine is to do with a task's payload."""

    APPLY = 0
    MAP = 1
    EXECUTE = 2
    PUSH = 3
    PULL = 4
    #: Empty the namespace.
    CLEAR = 5
    #: As `MAP`, but what one element raises takes the place of its result.
    MAP_EACH = 6
    #: Hear what a front end says to widgets.
    COMM = 7


class Status(IntEnum):
    """How a task ended."""

    OK = 0
    #: The user's code raised, or its result could not be packed.
    ERROR = 1
    #: The engine died. The payload of this and of those below is a pickled text.
    LOST = 2
    #: It was given up before it started, or interrupted, as its user asked.
    ABORTED = 3
    #: It was not started in time, or ran for too long.
    TIMEOUT = 4
    #: What it depends on can never be.
    IMPOSSIBLE = 5
    #: It depends on a task that nobody knows.
    INVALID = 6
    #: It refused this engine (`depend`, `require`), which another may suit.
    UNMET = 7


class Stage(IntEnum):
    """How far an engine is with a task."""

    #: It has ended, and its result is sent again.
    ENDED = 0
    RUNNING = 1
    #: It waits for tasks of its own.
    SUSPENDED = 2
