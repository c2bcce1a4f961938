"""How a process ended, in words, with the last of its log."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

__all__ = ["last_lines", "log_size", "say_death", "say_exit"]

#: So many last lines of a log are told with a death.
LAST_LINES = 8


def say_exit(code: int) -> str:
    """Say what an exit status means; a negative one is a signal."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with status {code}"


def say_death(pid: int, code: int, why: str = "") -> str:
    """Say how a process of this host ended: by its exit status, unless `why` is known.

    Who was killed is seldom told by whom, so the usual suspects are named.
    """
    guess = " (by hand, or by the kernel when memory ran out)"
    how = why or say_exit(code) + (guess if code == -signal.SIGKILL else "")
    return f"{how} (pid {pid} on {socket.gethostname()})"


def log_size(log: str | Path) -> int:
    """Return how long a log is by now, in bytes: what comes then begins there."""
    with contextlib.suppress(FileNotFoundError):
        return Path(log).stat().st_size
    return 0


def last_lines(log: str | Path, begin: int) -> str:
    """Return, to be added to a message, the last lines that came since `begin`."""
    try:
        with Path(log).open("rb") as file:
            if begin <= os.fstat(file.fileno()).st_size:  # else it was cut meanwhile
                file.seek(begin)
            lines = file.read()[-4096:].decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"\nits log {log} cannot be read: {error.strerror}"
    if not lines:
        return ""
    # A crash is told first, and then the stack down to our own first call.
    crash = [i for i, line in enumerate(lines) if line.startswith("Fatal Python error")]
    shown = lines[crash[-1] :][:LAST_LINES] if crash else lines[-LAST_LINES:]
    text = "\n".join(f"  {line}" for line in shown)
    return f"\nlast lines of {log}:\n{text}"
