"""A page shared with the agent: what an engine was doing, readable after its death.

Before a task starts, its ordinal is written here, and how much of the output had
been read by then. When one that waits for others goes on, its own ordinal is written
again, so the highest one is kept apart. After a `kill -9` the agent still reads it all.

Apart from that the page lists tasks that must not be started twice and have been
started here, as long as a controller may not know what became of them. And it has the
lines that were begun on stdout and stderr, which Python writes when they end.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import tempfile
from collections.abc import Collection
from pathlib import Path

__all__ = ["LISTED", "Page", "open_page", "open_unnamed"]

_LAYOUT = struct.Struct("=QQQQQ")
#: Where the list begins: how many there are, and whether it lacks some.
_LIST, _LIST_AT = struct.Struct("=QQ"), 128
_ENTRY, _ENTRIES_AT = struct.Struct("=40p"), 144
#: So many tasks can be listed: those of a tenth of a second at best, since results are
#: kept until the record has them.
LISTED = 1_000
#: Then a line that was begun, of each stream: its length, and so much of it.
_LENGTH, _BEGUN_NBYTES = struct.Struct("=Q"), 4096
_BEGUN_AT = _ENTRIES_AT + LISTED * _ENTRY.size
_NBYTES = _BEGUN_AT + 2 * (_LENGTH.size + _BEGUN_NBYTES)
#: Behind that: the size of the MPI world that the engine is a rank of, and its rank.
_PLACE, _PLACE_AT = struct.Struct("=QQ"), 64


class Page:
    """A few numbers, and a list of tasks, in shared memory.

    Parameters
    ----------
    descriptor
        Of a file that `open_page` made.
    """

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, _NBYTES)
        self._reach = 0

    def start(self, ordinal: int, stdout: int, stderr: int) -> None:
        """Note that a task starts, or goes on, and where its output will begin."""
        if ordinal > self._reach:
            self._reach = ordinal
        _LAYOUT.pack_into(self._map, 0, ordinal, stdout, stderr, self._reach, 0)

    def leave(self) -> None:
        """Note that the engine ends in good order: it is not to be replaced."""
        *before, _ = _LAYOUT.unpack_from(self._map)
        _LAYOUT.pack_into(self._map, 0, *before, 1)

    def read(self) -> tuple[int, int, int, int, bool]:
        """Return what was noted last.

        Returns
        -------
        tuple[int, int, int, int, bool]
            The ordinal of the task that ran last, the offsets of its output, the
            highest ordinal that was started, and whether the engine left.
        """
        ordinal, stdout, stderr, reach, left = _LAYOUT.unpack_from(self._map)
        return ordinal, stdout, stderr, reach, bool(left)

    # Tasks that must not be started twice

    def enlist(self, task: bytes) -> None:
        """List a task; without room for it, the list lacks some from now on."""
        count, _ = _LIST.unpack_from(self._map, _LIST_AT)
        if count >= LISTED:
            struct.pack_into("=Q", self._map, _LIST_AT + 8, 1)
            return
        _ENTRY.pack_into(self._map, _ENTRIES_AT + count * _ENTRY.size, task)
        struct.pack_into("=Q", self._map, _LIST_AT, count + 1)

    def relist(self, tasks: Collection[bytes]) -> None:
        """List these tasks only; if they are too many, the list counts as lacking some.

        So it does while this is done: the process may be killed at any moment.
        """
        _LIST.pack_into(self._map, _LIST_AT, 0, 1)
        for task in tasks:
            self.enlist(task)
        struct.pack_into("=Q", self._map, _LIST_AT + 8, len(tasks) > LISTED)

    def listed(self) -> list[bytes] | None:
        """Return the tasks that are listed; None if there may be others."""
        count, lacks = _LIST.unpack_from(self._map, _LIST_AT)
        if lacks:
            return None
        at = range(_ENTRIES_AT, _ENTRIES_AT + count * _ENTRY.size, _ENTRY.size)
        return [_ENTRY.unpack_from(self._map, each)[0] for each in at]

    def note_place(self, rank: int, size: int) -> None:
        """Note which rank of an MPI world of so many this engine is: it has joined."""
        _PLACE.pack_into(self._map, _PLACE_AT, size, rank)

    def place(self) -> tuple[int, int] | None:
        """Return the engine's rank, and of how many; None if it has not told."""
        size, rank = _PLACE.unpack_from(self._map, _PLACE_AT)
        return (rank, size) if size else None

    # Lines that were begun

    def hold(self, stream: int, data: bytes) -> bool:
        """Add to the line that was begun on a stream; tell whether it has room."""
        at = _begun_at(stream)
        length = _LENGTH.unpack_from(self._map, at)[0]
        end = length + len(data)
        if end > _BEGUN_NBYTES:
            return False
        text_at = at + _LENGTH.size
        self._map[text_at + length : text_at + end] = data
        _LENGTH.pack_into(self._map, at, end)
        return True

    def release(self, stream: int) -> None:
        """Note that what was begun on a stream has been written."""
        _LENGTH.pack_into(self._map, _begun_at(stream), 0)

    def held(self, stream: int) -> str:
        """Return the line that was begun on a stream, and not written yet."""
        at = _begun_at(stream)
        length = _LENGTH.unpack_from(self._map, at)[0]
        begin = at + _LENGTH.size
        return self._map[begin : begin + length].decode("utf-8", "replace")

    def close(self) -> None:
        """Unmap it."""
        with contextlib.suppress(BufferError):
            self._map.close()


def _begun_at(stream: int) -> int:
    return _BEGUN_AT + stream * (_LENGTH.size + _BEGUN_NBYTES)


def open_page() -> int:
    """Return the descriptor of a new page, with no name in any folder."""
    descriptor = open_unnamed("parallel-page")
    os.ftruncate(descriptor, _NBYTES)
    return descriptor


def open_unnamed(name: str) -> int:
    """Return the descriptor of a new file that vanishes with its last user."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    descriptor, path = tempfile.mkstemp(prefix=name)
    Path(path).unlink()
    return descriptor
