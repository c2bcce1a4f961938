"""How much a controller holds, keeps for others, and records at most."""

from __future__ import annotations

import msgspec

__all__ = ["Holdings", "Limits", "Room"]


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """How many unfinished tasks, and bytes of their arguments, a controller holds."""

    tasks: int = 1 << 16
    nbytes: int = 128 << 20


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much may wait for all clients together, bytes."""

    on_disk: int = 16 << 30
    #: Where there is no room on disk.
    in_memory: int = 64 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is recorded: beyond it, the oldest of the finished tasks go.

    Unfinished tasks do not count: the controller has them in hand anyway.
    """

    records: int = 100_000
    #: What is kept of arguments and results, bytes.
    nbytes: int = 1 << 30
    #: The arguments, or the result, of one task; larger ones are not kept, bytes.
    task_nbytes: int = 16 << 20
