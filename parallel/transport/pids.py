"""What the system says of a process on this host."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_alive", "start_time", "state_of"]


def state_of(pid: int) -> str:
    """Return the letter by which Linux tells what a process does; '' if it is gone."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and not only its remains."""
    return start_time(pid) is not None


def start_time(pid: int) -> int | None:
    """Return when a living process started; None if there is none of that pid.

    A dead one that its parent has not waited for is dead.
    """
    fields = _stat(pid)
    if fields is None:
        return None if Path("/proc/self").is_dir() else _start_time_elsewhere(pid)
    return None if fields[0] in "ZX" else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    """Return the fields of proc_pid_stat(5) from the third, the state, on."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ends while it is read
        return None
    return line.rpartition(")")[2].split()


def _start_time_elsewhere(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return 0
