"""What a rank and Slurm say to one another, in lines that Slurm can read.

MPICH sends its addresses to `srun --mpi=pmi2` in values as long as Slurm says that they
may be, 1024 bytes, with their names before them. But Slurm's mpi/pmi2 reads 1024 bytes
of a line at most, and takes the rest for another one, which it does not know: so both
wait for ever. Whether a line gets so long is chance: MPICH compresses what it sends,
and sends what lies behind its address in memory as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import threading
from collections.abc import Mapping

__all__ = ["Relay", "open_relay"]

#: How Slurm says how long a value may be, and what is said instead.
LONGEST = re.compile(rb"vallen_max=(\d+)")
FITTING = 512


class Relay:
    """A line from a rank to who has started it, on which values are told to be short.

    It is made before the rank's process is forked off, and each side takes its end.

    Parameters
    ----------
    descriptor
        The rank's line to who has started it.
    """

    def __init__(self, descriptor: int) -> None:
        self._starter = descriptor
        self._ours, self._theirs = socket.socketpair()

    def connect(self) -> None:
        """Have this process, which is to be the rank, speak through the relay."""
        os.dup2(self._theirs.fileno(), self._starter)
        self._theirs.close()
        self._ours.close()

    def start(self) -> None:
        """Pass on in a thread what is said, as long as both sides are there."""
        self._theirs.close()
        threading.Thread(target=self._run, name="parallel-pmi", daemon=True).start()

    def _run(self) -> None:
        with self._ours, contextlib.suppress(OSError):  # one side has gone
            ours = self._ours.fileno()
            other = {ours: self._starter, self._starter: ours}
            while True:
                for end in select.select(list(other), [], [])[0]:
                    said = os.read(end, 1 << 16)
                    if not said:
                        return
                    if end != ours:
                        said = LONGEST.sub(_fitting, said)
                    while said:
                        said = said[os.write(other[end], said) :]


def _fitting(told: re.Match[bytes]) -> bytes:
    return b"vallen_max=%d" % min(int(told[1]), FITTING)


def open_relay(environment: Mapping[str, str]) -> Relay | None:
    """Return what a rank is to speak through; None where nothing is in its way.

    Parameters
    ----------
    environment
        The rank's own.
    """
    line = environment.get("PMI_FD", "")
    is_by_slurm = any(name.startswith("SLURM_STEP_") for name in environment)
    return Relay(int(line)) if is_by_slurm and line.isdigit() else None
