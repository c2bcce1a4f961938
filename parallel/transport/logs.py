"""The log of a process that runs users' code: apart from theirs in every way.

The root logger belongs to the user: what is logged there goes to their stderr, and
`logging.basicConfig` is theirs to call.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

__all__ = ["keep_log", "open_log", "open_log_file"]

#: A log that is longer than this is cut to its last part, bytes: a cluster may run for
#: years, and be told of something each minute.
MOST_NBYTES, KEPT_NBYTES = 8 << 20, 1 << 20
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:  # it takes no parameter before Python 3.11
    _StreamHandler = logging.StreamHandler


class _Handler(_StreamHandler):
    """Writes to a log of ours, and cuts it when it is too long."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        _cut(self.stream.fileno())


def open_log_file(path: str | Path) -> int:
    """Return the descriptor of a log to append to, which only its owner can read."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):  # root might close all of /dev/null
        with contextlib.suppress(OSError):  # it is somebody else's
            os.fchmod(descriptor, 0o600)
    _cut(descriptor)
    return descriptor


def _cut(descriptor: int) -> None:
    """Cut a log that is too long: its last lines stay, and say that others do not."""
    with contextlib.suppress(OSError):
        size = os.fstat(descriptor).st_size
        if size <= MOST_NBYTES:
            return
        last = os.pread(descriptor, KEPT_NBYTES, size - KEPT_NBYTES)
        lines = last.partition(b"\n")[2]
        os.ftruncate(descriptor, 0)  # it is written at its end, wherever that is
        told = f"… {size - len(lines):,} bytes of this log were dropped here\n"
        os.write(descriptor, told.encode() + lines)


def open_log() -> None:
    """Log to where stderr is now."""
    ours = logging.getLogger("parallel")
    handler = _Handler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    ours.handlers = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False


def keep_log(stream: TextIO) -> None:
    """Go on logging to a stream, since stderr is about to be the user's."""
    ours = logging.getLogger("parallel")
    ours.propagate = False
    for handler in ours.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
