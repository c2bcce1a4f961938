"""What the system says of a process on this host."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_alive", "state_of"]


def state_of(pid: int) -> str:
    """Return the letter by which Linux tells what a process does; '' if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ends while it is read
        return ""
    return stat.rpartition(")")[2].split()[0]


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and not only its remains."""
    state = state_of(pid)
    if state:
        return state not in "ZX"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return not Path("/proc/self").is_dir()
