"""The processes of a cluster, seen from outside."""

from __future__ import annotations

import os
from pathlib import Path

from parallel import Client
from tests.waiting import wait_until

PROC = Path("/proc")


def agent_of(client: Client) -> int:
    """Return the agent's process id."""
    pid: int = client.cluster.record.pid
    return pid


def engines_of(client: Client) -> list[int]:
    """Return the process ids of the engines, in the order of their ids."""
    pids: list[int] = client[:].apply_sync(os.getpid)
    return pids


def controller_of(client: Client) -> int:
    """Return the controller's process id."""
    pid: int = client.cluster.record.controller
    return pid


def is_gone(pid: int) -> bool:
    """Tell whether there is no such process any more; a dead one is gone."""
    try:
        stat = (PROC / f"{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def wait_until_gone(*pids: int, timeout: float = 15) -> None:
    """Wait until all of these processes have ended."""
    wait_until(lambda: all(map(is_gone, pids)), timeout, f"end of {pids}")


def resident(pid: int) -> float:
    """Return the memory that a process has in use, MiB."""
    pages = int((PROC / f"{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
