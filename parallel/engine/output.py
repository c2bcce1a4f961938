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
import ctypes
import fcntl
import io
import os
import sys
import threading
from typing import Any, NamedTuple

from .page import open_unnamed

__all__ = ["Capture", "Stream", "open_stream", "read_from"]

#: A task's output beyond this is cut in its middle, bytes.
MOST_NBYTES = 8 << 20
#: What was shown while it ran is kept for its result, up to so many characters.
KEPT = 2 * MOST_NBYTES
#: So much read output is left in the file before it is punched out, bytes …
PUNCH_NBYTES = 1 << 20
#: … and so much of the last always.
LAST_NBYTES = CHUNK_NBYTES = 64 << 10
_KEEP_SIZE_PUNCH_HOLE = 3
_NAMES = "stdout", "stderr"


def open_stream(name: str) -> int:
    """Return the descriptor of a new file for output, to write at its end."""
    descriptor = open_unnamed(f"parallel-{name}")
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def read_from(descriptor: int, offset: int, most: int = LAST_NBYTES) -> str:
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
        self._kept = ""
        self._cut = 0
        os.dup2(source, target)

    def look(self, *, keep: bool) -> str:
        """Return what was printed since the last call; `keep` it for `take` to tell."""
        text = self._read()
        if keep:
            self._kept += text
            cut = len(self._kept) - KEPT
            if cut > 0:
                half = KEPT // 2
                self._kept = self._kept[:half] + self._kept[half + cut :]
                self._cut += cut
        return text

    def take(self) -> str:
        """Return what was printed since the last call, and what was kept till then."""
        text, kept = self._read(), self._kept
        if not kept:
            return text
        if self._cut:
            half = KEPT // 2
            kept = kept[:half] + _say_cut(self._cut) + kept[half:]
        self._kept, self._cut = "", 0
        return kept + text

    def set_aside(self) -> tuple[str, int]:
        """Return what is kept for `take`, and keep no more of it."""
        aside = self._kept, self._cut
        self._kept, self._cut = "", 0
        return aside

    def bring_back(self, aside: tuple[str, int]) -> None:
        """Keep again what was set aside."""
        self._kept, self._cut = aside

    def _read(self) -> str:
        """Return what was printed by now; of too much, the begin and the end."""
        some = os.pread(self._source, CHUNK_NBYTES, self.offset)
        return self._read_on(some) if some else ""

    def _read_on(self, some: bytes) -> str:
        end = os.fstat(self._source).st_size
        parts = []
        if end - self.offset > MOST_NBYTES:
            half = MOST_NBYTES // 2
            cut = end - self.offset - 2 * half
            first = os.pread(self._source, half, self.offset)
            parts = [self._decoder.decode(first), _say_cut(cut)]
            self.offset = end - half
            some = os.pread(self._source, CHUNK_NBYTES, self.offset)
        while some:
            self.offset += len(some)
            parts.append(self._decoder.decode(some))
            left = min(CHUNK_NBYTES, end - self.offset)
            some = os.pread(self._source, left, self.offset) if left > 0 else b""
        self._punch()
        return "".join(parts)

    def repair(self) -> None:
        """Begin anew after somebody truncated the file."""
        size = os.fstat(self._source).st_size
        if size < self.offset:
            self.offset = self._punched = 0

    def _punch(self) -> None:
        # The agent tells what was printed last, should this process die.
        length = self.offset - LAST_NBYTES - self._punched
        if length > PUNCH_NBYTES and _fallocate is not None:
            _fallocate(self._source, _KEEP_SIZE_PUNCH_HOLE, self._punched, length)
            self._punched += length


class Paused(NamedTuple):
    """A task on top of which another runs, and what is kept of its output."""

    task: int
    stdout: tuple[str, int]
    stderr: tuple[str, int]


class Capture:
    """Both streams of this process, from now on."""

    def __init__(self, stdout: int, stderr: int) -> None:
        _flush()
        self.stdout = Stream(stdout, 1)
        self.stderr = Stream(stderr, 2)
        self._lock = threading.Lock()
        self._task, self._running = 0, False
        sys.stdout, sys.stderr = _text(1), _text(2)
        # Final to the stubs, so that nobody does this by mistake.
        sys.__stdout__ = sys.stdout  # type: ignore[misc]
        sys.__stderr__ = sys.stderr  # type: ignore[misc]

    def begin(self, task: int) -> None:
        """Note that a task runs."""
        with self._lock:
            self._task, self._running = task, True

    def take(self) -> tuple[str, str]:
        """Return what the task printed, now that it has ended: stdout, stderr."""
        _flush()
        with self._lock:
            self._running = False
            return self.stdout.take(), self.stderr.take()

    def look(self) -> tuple[int, bool, str, str]:
        """Return what was printed of late: task, whether it runs, stdout, stderr.

        While the task runs, `take` will tell it again, with all the rest.
        """
        _flush()
        with self._lock:
            keep = self._running
            stdout, stderr = self.stdout.look(keep=keep), self.stderr.look(keep=keep)
            return self._task, keep, stdout, stderr

    def pause(self) -> tuple[Paused, str, str]:
        """Let another task run on top; return what `go_on` needs, and the latest text.

        That text is stdout and stderr since the last look: `take` will tell it again.
        """
        _flush()
        with self._lock:
            stdout, stderr = self.stdout.look(keep=True), self.stderr.look(keep=True)
            aside = self.stdout.set_aside(), self.stderr.set_aside()
            return Paused(self._task, *aside), stdout, stderr

    def go_on(self, paused: Paused) -> None:
        """Go on with a task, now that the one on top of it has ended."""
        with self._lock:
            self._task, self._running = paused.task, True
            self.stdout.bring_back(paused.stdout)
            self.stderr.bring_back(paused.stderr)

    def repair(self) -> None:
        """Go on reading after somebody truncated a stream."""
        with self._lock:
            self.stdout.repair()
            self.stderr.repair()


def _flush() -> None:
    """Make Python and C write what they hold back."""
    # The user may have put anything there; `suppress` would take thrice as long.
    try:  # noqa: SIM105
        sys.stdout.flush()
    except Exception:
        pass
    try:  # noqa: SIM105
        sys.stderr.flush()
    except Exception:
        pass
    for file in _c_files:  # and not all: one that a thread waits to read is locked
        _flush_c(file)


def _say_cut(cut: int) -> str:
    return f"\n[... {cut:,} bytes of output cut here ...]\n"


def _text(descriptor: int) -> io.TextIOWrapper:
    raw = open(descriptor, "wb", closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        raw, encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def _load() -> tuple[Any, list[ctypes.c_void_p], Any]:
    libc = ctypes.CDLL(None)
    names = ("__stdoutp", "__stderrp") if sys.platform == "darwin" else _NAMES
    files = [ctypes.c_void_p.in_dll(libc, name) for name in names]
    fallocate = getattr(libc, "fallocate", None)
    if fallocate is not None:
        fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    return libc.fflush, files, fallocate


_flush_c, _c_files, _fallocate = _load()
