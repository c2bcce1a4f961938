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
from collections.abc import Callable
from typing import Any, NamedTuple

from ..state.excerpt import HALF, Excerpt
from .page import Page, open_unnamed

__all__ = ["NOBODY", "Capture", "Stream", "open_stream", "read_from"]

#: What is unread beyond this is cut in its middle, bytes.
MOST_NBYTES = 2 * HALF
#: So much read output is left in the file before it is punched out, bytes …
PUNCH_NBYTES = 1 << 20
#: … and so much of the last always.
LAST_NBYTES = CHUNK_NBYTES = 64 << 10
_KEEP_SIZE_PUNCH_HOLE = 3
#: What prints is no task.
NOBODY = 0
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
        #: What `take` is to tell again.
        self._kept: Excerpt | None = None
        #: What was read, and `look` has not told yet.
        self._untold: Excerpt | None = None
        os.dup2(source, target)

    def look(self, *, keep: bool) -> str:
        """Return what was printed since the last call; `keep` it for `take` to tell."""
        untold, self._untold = self._untold, None
        some = os.pread(self._source, CHUNK_NBYTES, self.offset)
        if not some:
            return "" if untold is None else untold.text
        news = self._read_on(some)
        if keep:
            self._keep(news)
        if untold is None:
            return news.text
        untold.extend(news)
        return untold.text

    def reach(self) -> int:
        """Return how many characters a task, which still runs, has printed so far."""
        some = os.pread(self._source, CHUNK_NBYTES, self.offset)
        if some:
            news = self._read_on(some)
            self._keep(news)
            if self._untold is None:
                self._untold = Excerpt()
            self._untold.extend(news)
        return 0 if self._kept is None else len(self._kept)

    def take(self) -> str:
        """Return what was printed since the last call, and what was kept till then.

        Of both together no more is told than of a text that is read at once.
        """
        some, kept = os.pread(self._source, CHUNK_NBYTES, self.offset), self._kept
        if not some and kept is None:
            return ""
        told = self._keep(self._read_on(some)) if some else kept
        self._kept = self._untold = None
        # A character that was only begun would stand before what the next task prints.
        begun = self._decoder.decode(b"", final=True)
        return (told.text if told is not None else "") + begun

    def set_aside(self) -> Excerpt | None:
        """Return what is kept for `take`, and keep no more of it."""
        aside, self._kept = self._kept, None
        return aside

    def bring_back(self, aside: Excerpt | None) -> None:
        """Keep again what was set aside."""
        self._kept = aside

    def _keep(self, news: Excerpt) -> Excerpt:
        """Keep what was read; return all that is kept."""
        if self._kept is None:
            self._kept = Excerpt()
        self._kept.extend(news)
        return self._kept

    def _read_on(self, some: bytes) -> Excerpt:
        """Return what was printed by now; of too much, the begin and the end."""
        end = os.fstat(self._source).st_size
        found = Excerpt()
        if end - self.offset > MOST_NBYTES:
            found.add(self._decoder.decode(os.pread(self._source, HALF, self.offset)))
            found.skip(end - self.offset - MOST_NBYTES)
            self.offset = end - HALF
            some = os.pread(self._source, CHUNK_NBYTES, self.offset)
        parts = []
        while some:
            self.offset += len(some)
            parts.append(self._decoder.decode(some))
            left = min(CHUNK_NBYTES, end - self.offset)
            some = os.pread(self._source, left, self.offset) if left > 0 else b""
        found.add("".join(parts))
        self._punch()
        return found

    def repair(self) -> None:
        """Begin anew after somebody truncated the file."""
        size = os.fstat(self._source).st_size
        if size < self.offset:
            self.offset = self._punched = 0

    def trim(self) -> bool:
        """Free the middle of what is unread and too much; tell whether it was.

        It is what `_read_on` cuts.
        """
        unread = os.fstat(self._source).st_size - self.offset
        if unread <= MOST_NBYTES:
            return False
        _free(self._source, self.offset + HALF, unread - MOST_NBYTES)
        return True

    def _punch(self) -> None:
        # The agent tells what was printed last, should this process die.
        length = self.offset - LAST_NBYTES - self._punched
        if length > PUNCH_NBYTES:
            _free(self._source, self._punched, length)
            self._punched += length


class Paused(NamedTuple):
    """A task on top of which another runs, and what is kept of its output."""

    task: int
    stdout: Excerpt | None
    stderr: Excerpt | None


def _nobody() -> None:
    """Hear of what is written, and do nothing."""


class Capture:
    """Both streams of this process, from now on.

    Parameters
    ----------
    on_write
        Is told whenever Python writes to one of them, in the thread that does.
    page
        Where a line that was begun is found if the process dies.
    """

    def __init__(
        self, stdout: int, stderr: int, on_write: Callable[[], object] = _nobody,
        page: Page | None = None,
    ) -> None:  # fmt: skip
        _flush()
        self.stdout = Stream(stdout, 1)
        self.stderr = Stream(stderr, 2)
        self._lock = threading.Lock()
        self._task, self._running = NOBODY, False
        sys.stdout, sys.stderr = _text(1, on_write, page), _text(2, on_write, page)
        # Final to the stubs, so that nobody does this by mistake.
        sys.__stdout__ = sys.stdout  # type: ignore[misc]
        sys.__stderr__ = sys.stderr  # type: ignore[misc]

    def begin(self, task: int) -> None:
        """Note that a task runs."""
        with self._lock:
            self._task, self._running = task, True

    def lend(self) -> None:
        """Note that what is printed from now on belongs to no task: to `NOBODY`."""
        with self._lock:
            self._task, self._running = NOBODY, False

    def take(self) -> tuple[str, str]:
        """Return what the task printed, now that it has ended: stdout, stderr."""
        _flush()
        with self._lock:
            self._running = False
            return self.stdout.take(), self.stderr.take()

    def reach(self) -> tuple[int, int]:
        """Return how many characters the running task has printed: stdout, stderr."""
        _flush()
        with self._lock:
            return self.stdout.reach(), self.stderr.reach()

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

    def trim(self) -> bool:
        """Free what nobody will read of a flood; tell whether there is one."""
        with self._lock:
            return self.stdout.trim() | self.stderr.trim()

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


def _free(descriptor: int, start: int, length: int) -> None:
    """Give back what a part of a file takes, where the system can."""
    if _fallocate is not None:
        _fallocate(descriptor, _KEEP_SIZE_PUNCH_HOLE, start, length)


class _Told(io.FileIO):
    """A descriptor to write to, and who is told of it."""

    def __init__(self, descriptor: int, on_write: Callable[[], object]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._on_write = on_write
        #: Where what waits to be written is held meanwhile.
        self.page: Page | None = None
        self._stream = descriptor - 1

    def write(self, data: Any) -> int:
        written = super().write(data)
        if self.page is not None:
            self.page.release(self._stream)
        self._on_write()
        return written

    def hold(self, data: bytes) -> bool:
        """Hold what waits; tell whether it may wait."""
        return self.page is None or self.page.hold(self._stream, data)

    def forget(self) -> None:
        """Leave the page to the process that this one was forked from."""
        self.page = None


class _Begun(io.BufferedWriter):
    """Writes whole lines, so that those of several threads stay apart."""

    def __init__(self, told: _Told) -> None:
        super().__init__(told)
        self._told = told

    def write(self, data: Any) -> int:
        written = super().write(data)
        if not self._told.hold(data):
            self.flush()
        return written


def _text(
    descriptor: int, on_write: Callable[[], object], page: Page | None
) -> io.TextIOWrapper:
    told = _Told(descriptor, on_write)
    told.page = page
    os.register_at_fork(after_in_child=told.forget)
    return io.TextIOWrapper(
        _Begun(told),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
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
