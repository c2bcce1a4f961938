"""The processes of one sitting: which there are, what they hold, when they end.

A sitting and all that it starts carry a mark in their environment, so that a
process is found even if it has left its parents.  Linux only: this reads
``/proc`` and waits on process descriptors.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path

#: The variable that carries a sitting's mark.
MARK = "PARALLEL_BENCH_SITTING"

KIBIBYTES_A_MEBIBYTE = 1024

PROC = Path("/proc")

#: States of a process that only waits for its parent to ask how it ended.
ENDED = (b"Z", b"X")


class ProcessesLeft(RuntimeError):
    """Processes were still there at the end of the time to wait for them."""


def parents() -> dict[int, int]:
    """Return the parent of every process that has not ended."""
    found = {}
    for entry in PROC.glob("[0-9]*"):
        try:
            status = (entry / "stat").read_bytes()
        except OSError:
            continue
        state, parent = status.rpartition(b")")[2].split()[:2]
        if state not in ENDED:
            found[int(entry.name)] = int(parent)
    return found


def ancestors(process: int, parent_of: dict[int, int]) -> list[int]:
    """Return a process's parent, grandparent and so on."""
    found = []
    while process := parent_of.get(process, 0):
        found.append(process)
    return found


def is_marked(process: int, mark: str) -> bool:
    """Tell whether a process was started with this mark in its environment."""
    try:
        environment = (PROC / str(process) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={mark}".encode() in environment.split(b"\0")


def members(mark: str, client: int) -> set[int]:
    """Return the processes of a sitting, its client excepted.

    They bear the mark, or descend from the client: a process that sets its own
    title may have overwritten its environment.
    """
    parent_of = parents()
    return {
        process
        for process in parent_of
        if process not in (client, os.getpid())
        and (is_marked(process, mark) or client in ancestors(process, parent_of))
    }


def roles(processes: Iterable[int], engines: Iterable[int]) -> dict[str, list[int]]:
    """Sort processes into engines, agents and the rest: the controller.

    An agent is an engine's ancestor; what an engine started, such as a process
    that watches it, counts as an agent too.
    """
    parent_of = parents()
    engines = set(engines)
    above = {above for engine in engines for above in ancestors(engine, parent_of)}
    found: dict[str, list[int]] = {"engine": [], "agent": [], "controller": []}
    for process in processes:
        if process in engines:
            found["engine"].append(process)
        elif process in above or engines & set(ancestors(process, parent_of)):
            found["agent"].append(process)
        else:
            found["controller"].append(process)
    return found


def memory(process: int) -> float:
    """Return a process's proportional set size (PSS) in MiB."""
    rollup = (PROC / str(process) / "smaps_rollup").read_text(encoding="utf-8")
    held = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(held.split()[1]) / KIBIBYTES_A_MEBIBYTE


def name(process: int) -> str:
    """Return a process's number and command line, for a message."""
    try:
        command = (PROC / str(process) / "cmdline").read_bytes()
    except OSError:
        command = b"(gone)"
    return f"{process} {command.replace(bytes(1), b' ').decode(errors='replace')[:200]}"


class Departure:
    """Waits for processes to end, without a poll's delay.

    Make it while they live: their descriptors are opened then.
    """

    def __init__(self, processes: Iterable[int]) -> None:
        self.open: dict[int, int] = {}
        for process in processes:
            try:
                self.open[os.pidfd_open(process)] = process
            except ProcessLookupError:
                continue

    def wait(self, timeout: float) -> list[int]:
        """Return those that have not ended by then."""
        deadline = time.monotonic() + timeout
        poller = select.poll()
        for descriptor in self.open:
            poller.register(descriptor, select.POLLIN)
        while self.open and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poller.poll(left * 1000):
                poller.unregister(descriptor)
                os.close(descriptor)
                del self.open[descriptor]
        remaining = list(self.open.values())
        for descriptor in self.open:
            os.close(descriptor)
        self.open.clear()
        return remaining


def kill(processes: Iterable[int]) -> None:
    """Kill processes, those that have ended in the meantime ignored."""
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
