"""How a process ended, in words, with the last of its log."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

__all__ = [
    "last_lines",
    "lines_since",
    "log_size",
    "say_death",
    "say_exit",
    "shown_lines",
]

#: So many last lines of a log are told with a death.
LAST_LINES = 8
#: … which are among so many last bytes.
LAST_NBYTES = 16 << 10


def say_exit(code: int) -> str:
    """Say what an exit status means; a negative one is a signal."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with status {code}"


#: Said of one that was killed while the kernel killed for want of memory.
NO_MEMORY = " by the kernel, for memory ran out"
#: Who was killed is seldom told by whom, so the usual suspects are named.
SUSPECTS = " (by hand, or by the kernel when memory ran out)"


def say_death(pid: int, code: int, why: str = "", *, no_memory: bool = False) -> str:
    """Say how a process of this host ended: by its exit status, unless `why` is known.

    Parameters
    ----------
    no_memory
        The kernel has killed processes about then because memory ran out.
    """
    guess = NO_MEMORY if no_memory else SUSPECTS
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
        lines = lines_since(log, begin)
    except OSError as error:
        return f"\nits log {log} cannot be read: {error.strerror}"
    return shown_lines(log, lines)


def lines_since(log: str | Path, begin: int) -> list[str]:
    """Return the lines of a log that came since `begin`: so many last bytes of them.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with Path(log).open("rb") as file:
        if begin <= os.fstat(file.fileno()).st_size:  # else it was cut meanwhile
            file.seek(begin)
        text = file.read()[-LAST_NBYTES:].decode("utf-8", "replace")
    return text.replace("\0", "").splitlines()  # Open MPI ends a refusal with one


def shown_lines(log: str | Path, lines: list[str]) -> str:
    """Return the last of some lines of a log, to be added to a message."""
    if not lines:
        return ""
    # A crash is told first, and then the stack down to our own first call.
    crash = [i for i, line in enumerate(lines) if line.startswith("Fatal Python error")]
    shown = lines[crash[-1] :][:LAST_LINES] if crash else lines[-LAST_LINES:]
    text = "\n".join(f"  {line}" for line in shown)
    return f"\nlast lines of {log}:\n{text}"
