"""What a client has not read, out of the way: on disk, first in, first out."""

from __future__ import annotations

import logging
import os
import struct
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Spool"]

log = logging.getLogger("parallel.controller")


class Spool:
    """Batches in a file without a name, which ends with its process."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._begin = self._end = 0
        #: What found no place in the file: its disk is full.
        self._left_over: deque[list[bytes]] = deque()

    def __bool__(self) -> bool:
        return self._begin < self._end or bool(self._left_over)

    def put(self, parts: Sequence[Any]) -> None:
        """Keep a batch, given as buffers; where there is no room on disk, in memory.

        Nothing is lost for want of room on a disk.
        """
        if not self._left_over:
            lengths = [memoryview(part).nbytes for part in parts]
            head = struct.pack(f"<Q{len(parts)}Q", len(parts), *lengths)
            try:
                self._end = self._write(self._end, (head, *parts))
                return
            except OSError as error:
                log.error("what a client has not read stays in memory: %s", error)
        self._left_over.append([bytes(part) for part in parts])

    def _write(self, at: int, parts: Sequence[Any]) -> int:
        """Write behind what there is; return where that ends."""
        if self._descriptor < 0:
            self._descriptor, name = tempfile.mkstemp(prefix="parallel-")
            Path(name).unlink()
        for part in parts:
            left = memoryview(part).cast("B")
            while left:
                written = os.pwrite(self._descriptor, left, at)
                left, at = left[written:], at + written
        return at

    def take(self) -> list[bytes]:
        """Return the oldest batch, which is forgotten.

        Raises
        ------
        IndexError
            There is none.
        """
        if self._begin == self._end:
            if not self._left_over:
                raise IndexError("nothing was put there")
            return self._left_over.popleft()
        (count,) = struct.unpack("<Q", self._read(8))
        lengths = struct.unpack(f"<{count}Q", self._read(8 * count))
        parts = [self._read(length) for length in lengths]
        if self._begin == self._end:
            os.ftruncate(self._descriptor, 0)
            self._begin = self._end = 0
        return parts

    def _read(self, nbytes: int) -> bytes:
        """Return the next bytes: one read has at most 2 GiB of them."""
        found: list[bytes] = []
        while nbytes:
            found.append(os.pread(self._descriptor, nbytes, self._begin))
            self._begin += len(found[-1])
            nbytes -= len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def close(self) -> None:
        """Forget all."""
        self._begin = self._end = 0
        self._left_over.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
