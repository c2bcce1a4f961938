"""The log of a process that runs users' code: apart from theirs in every way.

The root logger belongs to the user: what is logged there goes to their stderr, and
`logging.basicConfig` is theirs to call.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import TextIO

__all__ = ["keep_log", "open_log", "open_log_file"]

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def open_log_file(path: str | Path) -> int:
    """Return the descriptor of a log to append to, which only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with contextlib.suppress(OSError):  # it is somebody else's, or no file at all
        os.fchmod(descriptor, 0o600)
    return descriptor


def open_log() -> None:
    """Log to where stderr is now."""
    ours = logging.getLogger("parallel")
    handler = logging.StreamHandler()
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
