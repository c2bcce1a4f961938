"""What users' code prints, caught where it leaves the process: the descriptors.

Python's `print`, C's `printf` and child processes all write to descriptors 1 and
2. These are files without a name here, not pipes: a writer never blocks, though C
code that holds the GIL print megabytes, and the order is kept. What was read is
punched out of the file, so it never grows by more than what is unread.

A child that opens `/dev/stdout` anew and truncates it loses what was unread, as
it does under any redirection to a file.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import fcntl
import io
import os
import sys
import threading
from typing import Any

from .page import open_unnamed

__all__ = ["Capture", "Stream", "open_stream", "read_from"]

#: A task's output beyond this is cut in its middle, bytes.
MOST_NBYTES = 8 << 20
#: So much read output is left in the file before it is punched out, bytes.
PUNCH_NBYTES = 1 << 20
_KEEP_SIZE_PUNCH_HOLE = 3


def open_stream(name: str) -> int:
    """Return the descriptor of a new file for output, to write at its end."""
    descriptor = open_unnamed(f"parallel-{name}")
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def read_from(descriptor: int, offset: int, most: int = 1 << 16) -> str:
    """Return what stands in a stream's file from an offset on: its last part."""
    size = os.fstat(descriptor).st_size
    begin = max(offset, size - most)
    return os.pread(descriptor, max(0, size - begin), begin).decode("utf-8", "replace")


class Stream:
    """One of the two: where it is read to."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._punched = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        #: The bytes read so far.
        self.offset = 0
        os.dup2(source, target)

    def take(self) -> str:
        """Return what was printed since the last call."""
        some = os.pread(self._source, 1 << 16, self.offset)
        if not some:
            return ""
        size = os.fstat(self._source).st_size
        text = ""
        if size - self.offset > MOST_NBYTES:
            half = MOST_NBYTES // 2
            first = os.pread(self._source, half, self.offset)
            cut = size - self.offset - 2 * half
            text = self._decoder.decode(first)
            text += f"\n[... {cut:,} bytes of output cut here ...]\n"
            self.offset = size - half
            some = os.pread(self._source, 1 << 16, self.offset)
        parts = [text]
        while some:
            self.offset += len(some)
            parts.append(self._decoder.decode(some))
            some = os.pread(self._source, 1 << 16, self.offset)
        self._punch()
        return "".join(parts)

    def repair(self) -> None:
        """Begin anew after somebody truncated the file."""
        size = os.fstat(self._source).st_size
        if size < self.offset:
            self.offset = self._punched = 0

    def _punch(self) -> None:
        if self.offset - self._punched > PUNCH_NBYTES and _fallocate is not None:
            length = self.offset - self._punched
            _fallocate(self._source, _KEEP_SIZE_PUNCH_HOLE, self._punched, length)
            self._punched = self.offset


class Capture:
    """Both streams of this process, from now on."""

    def __init__(self, stdout: int, stderr: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        self.stdout = Stream(stdout, 1)
        self.stderr = Stream(stderr, 2)
        self._lock = threading.Lock()
        sys.stdout, sys.stderr = _text(1), _text(2)
        # Final to the stubs, so that nobody does this by mistake.
        sys.__stdout__ = sys.stdout  # type: ignore[misc]
        sys.__stderr__ = sys.stderr  # type: ignore[misc]

    def take(self) -> tuple[str, str]:
        """Return what was printed since the last call: stdout, stderr."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the user may have put anything there
                stream.flush()
        _flush_c(None)
        with self._lock:
            return self.stdout.take(), self.stderr.take()

    def repair(self) -> None:
        """Go on reading after somebody truncated a stream."""
        with self._lock:
            self.stdout.repair()
            self.stderr.repair()


def _text(descriptor: int) -> io.TextIOWrapper:
    raw = open(descriptor, "wb", closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        raw, encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def _load() -> tuple[Any, Any]:
    libc = ctypes.CDLL(None)
    fallocate = getattr(libc, "fallocate", None)
    if fallocate is not None:
        fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    return libc.fflush, fallocate


_flush_c, _fallocate = _load()
