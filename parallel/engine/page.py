"""A page shared with the agent: what an engine was doing, readable after its death.

Before a task starts, its ordinal is written here, and how much of the output had
been read by then. After a `kill -9` the agent still reads both.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import tempfile
from pathlib import Path

__all__ = ["Page", "open_page", "open_unnamed"]

_LAYOUT = struct.Struct("=QQQQ")


class Page:
    """Four numbers in shared memory.

    Parameters
    ----------
    descriptor
        Of a file of at least `mmap.PAGESIZE` bytes: see `open_page`.
    """

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, mmap.PAGESIZE)

    def start(self, ordinal: int, stdout: int, stderr: int) -> None:
        """Note that a task starts, and where its output will begin."""
        _LAYOUT.pack_into(self._map, 0, ordinal, stdout, stderr, 0)

    def leave(self) -> None:
        """Note that the engine ends in good order: it is not to be replaced."""
        ordinal, stdout, stderr, _ = _LAYOUT.unpack_from(self._map)
        _LAYOUT.pack_into(self._map, 0, ordinal, stdout, stderr, 1)

    def read(self) -> tuple[int, int, int, bool]:
        """Return the ordinal started last, the output offsets, and whether it left."""
        ordinal, stdout, stderr, left = _LAYOUT.unpack_from(self._map)
        return ordinal, stdout, stderr, bool(left)

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
