"""What processes hold, and what there is on disk, looked at again and again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.integration.processes import PROC, resident
from tests.leaks import listing

__all__ = ["Curve", "Holding", "Sampler", "held_by"]


class Holding(NamedTuple):
    """What one process holds at a moment.

    `memory` is in MiB, and counts files without a name, such as output that was caught.
    """

    memory: float
    descriptors: int
    threads: int


@dataclass
class Curve:
    """How something changed: a value for each moment, seconds since the begin."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, moment: float, value: float) -> None:
        """Take in the next value."""
        self.times.append(moment)
        self.values.append(value)


class Sampler(threading.Thread):
    """Looks at processes, and at a folder, from now on until it is stopped.

    Parameters
    ----------
    pids
        The processes, each with its name.
    folder
        Where the cluster's files and all temporary ones are.
    every
        Seconds between two looks.
    """

    def __init__(self, pids: Mapping[str, int], folder: Path, every: float) -> None:
        super().__init__(name="sampler", daemon=True)
        self._pids = dict(pids)
        self._folder = folder
        self._every = every
        self._over = threading.Event()
        self._begin = time.monotonic()
        #: By process, and by what is looked at: a field of `Holding`.
        self.curves: dict[str, dict[str, Curve]] = {
            name: {what: Curve() for what in Holding._fields} for name in pids
        }
        #: How many files there are, and their size in all, MiB.
        self.files, self.disk = Curve(), Curve()
        #: Processes that were there at first, and are not any more.
        self.gone: set[str] = set()

    def run(self) -> None:
        """Look, until it is stopped, and once more then."""
        while not self._over.is_set():
            self._look()
            self._over.wait(self._every)
        self._look()

    def stop(self) -> None:
        """End, and wait for that."""
        self._over.set()
        self.join()

    def now(self, name: str, what: str) -> float:
        """Return what one process holds now: a field of `Holding`."""
        return float(getattr(held_by(self._pids[name]), what))

    def files_now(self) -> float:
        """Return how many files there are now."""
        return float(len(list(_sizes(self._folder))))

    def _look(self) -> None:
        moment = time.monotonic() - self._begin
        for name, pid in self._pids.items():
            try:
                held = held_by(pid)
            except OSError:
                self.gone.add(name)
                continue
            for what, value in zip(Holding._fields, held, strict=True):
                self.curves[name][what].add(moment, value)
        sizes = list(_sizes(self._folder))
        self.files.add(moment, len(sizes))
        self.disk.add(moment, sum(sizes) / 2**20)


def held_by(pid: int) -> Holding:
    """Return what a process holds now.

    Raises
    ------
    OSError
        There is no such process.
    """
    memory = resident(pid)
    threads = len(listing(PROC / f"{pid}/task"))
    descriptors = listing(PROC / f"{pid}/fd")
    for descriptor in descriptors:
        with suppress(OSError):  # it was closed meanwhile
            path = PROC / f"{pid}/fd/{descriptor}"
            if str(path.readlink()).startswith("/memfd:"):
                memory += path.stat().st_blocks * 512 / 2**20
    return Holding(memory, len(descriptors), threads)


def _sizes(folder: Path) -> list[int]:
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it was removed meanwhile
                found.append((Path(root) / name).lstat().st_size)
    return found
