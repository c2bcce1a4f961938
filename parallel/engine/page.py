"""A page shared with the agent: what an engine was doing, readable after its death.

Before a task starts, its ordinal is written here, and how much of the output had
been read by then. When one that waits for others goes on, its own ordinal is written
again, so the highest one is kept apart. After a `kill -9` the agent still reads it all.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import tempfile
from pathlib import Path

__all__ = ["Page", "open_page", "open_unnamed"]

_LAYOUT = struct.Struct("=QQQQQ")


class Page:
    """Five numbers in shared memory.

    Parameters
    ----------
    descriptor
        Of a file of at least `mmap.PAGESIZE` bytes: see `open_page`.
    """

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, mmap.PAGESIZE)
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

    def close(self) -> None:
        """Unmap it."""
        with contextlib.suppress(BufferError):
            self._map.close()


def open_page() -> int:
    """Return the descriptor of a new page, with no name in any folder."""
    descriptor = open_unnamed("parallel-page")
    os.ftruncate(descriptor, mmap.PAGESIZE)
    return descriptor


def open_unnamed(name: str) -> int:
    """Return the descriptor of a new file that vanishes with its last user."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    descriptor, path = tempfile.mkstemp(prefix=name)
    Path(path).unlink()
    return descriptor
