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
    """Batches in two files without a name, which end with their process.

    One is read from while the other is written to, and the two change places when all
    of it is read: so what was read takes no room for ever, however long others follow.
    """

    def __init__(self) -> None:
        self._source, self._sink = _File(), _File()
        #: How many batches there are.
        self.count = 0
        #: What found no place in a file: its disk is full.
        self._left_over: deque[list[bytes]] = deque()
        #: How many bytes that is.
        self.in_memory = 0

    def __bool__(self) -> bool:
        return bool(self._source.left or self._sink.left or self._left_over)

    @property
    def nbytes(self) -> int:
        """How much room it takes, on disk and in memory."""
        return self._source.end + self._sink.end + self.in_memory

    def put(self, parts: Sequence[Any]) -> None:
        """Keep a batch, given as buffers; where there is no room on disk, in memory.

        Nothing is lost for want of room on a disk.
        """
        self.count += 1
        if not self._left_over:
            lengths = [memoryview(part).nbytes for part in parts]
            head = struct.pack(f"<Q{len(parts)}Q", len(parts), *lengths)
            try:
                self._sink.write((head, *parts))
                return
            except OSError as error:
                log.error("what a client has not read stays in memory: %s", error)
        kept = [bytes(part) for part in parts]
        self._left_over.append(kept)
        self.in_memory += sum(map(len, kept))

    def take(self) -> list[bytes]:
        """Return the oldest batch, which is forgotten.

        Raises
        ------
        IndexError
            There is none.
        """
        if not self._source.left:
            self._source, self._sink = self._sink, self._source
        if not self._source.left:
            if not self._left_over:
                raise IndexError("nothing was put there")
            self.count -= 1
            parts = self._left_over.popleft()
            self.in_memory -= sum(map(len, parts))
            return parts
        self.count -= 1
        source = self._source
        (count,) = struct.unpack("<Q", source.read(8))
        lengths = struct.unpack(f"<{count}Q", source.read(8 * count))
        parts = [source.read(length) for length in lengths]
        if not source.left:
            source.empty()
        return parts

    def close(self) -> None:
        """Forget all."""
        self._left_over.clear()
        self.in_memory = self.count = 0
        self._source.close()
        self._sink.close()


class _File:
    """Bytes that are written at the end and read from the beginning."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._begin = 0
        #: Where what was written ends.
        self.end = 0

    @property
    def left(self) -> int:
        """How many bytes are not read."""
        return self.end - self._begin

    def write(self, parts: Sequence[Any]) -> None:
        """Write all of it, or nothing that counts.

        Raises
        ------
        OSError
            There is no room.
        """
        if self._descriptor < 0:
            self._descriptor, name = tempfile.mkstemp(prefix="parallel-")
            Path(name).unlink()
        at = self.end
        for part in parts:
            left = memoryview(part).cast("B")
            while left:
                written = os.pwrite(self._descriptor, left, at)
                left, at = left[written:], at + written
        self.end = at

    def read(self, nbytes: int) -> bytes:
        """Return the next bytes: one system call reads at most 2 GiB of them."""
        found: list[bytes] = []
        while nbytes:
            found.append(os.pread(self._descriptor, nbytes, self._begin))
            self._begin += len(found[-1])
            nbytes -= len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def empty(self) -> None:
        """Give back the room of what was read, which is all."""
        os.ftruncate(self._descriptor, 0)
        self._begin = self.end = 0

    def close(self) -> None:
        """Forget all."""
        self._begin = self.end = 0
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
