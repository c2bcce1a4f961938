"""What names a task: to the machines, to users, and to engines."""

from __future__ import annotations

from typing import NamedTuple

from ..aliases import Uuid

__all__ = ["NAME_NBYTES", "TaskKey", "key_of", "task_key"]

#: A task's name, for engines, is so long.
NAME_NBYTES = 24


class TaskKey(NamedTuple):
    """Which task: the client that submitted it, and its number there."""

    client: Uuid
    seq: int


def task_key(msg_id: str) -> TaskKey | None:
    """Return the key of the task that users know under this id, if it is one."""
    client, _, seq = msg_id.rpartition("_")
    if len(client) != 32 or not (seq.isascii() and seq.isdigit()):
        return None
    try:
        return TaskKey(bytes.fromhex(client), int(seq))
    except ValueError:
        return None


def key_of(token: bytes) -> TaskKey | None:
    """Return the key of the task that a token names, if it names one."""
    if len(token) < NAME_NBYTES:
        return None
    seq = int.from_bytes(token[16:NAME_NBYTES], "big", signed=True)
    return TaskKey(token[:16], seq)
