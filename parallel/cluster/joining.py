"""A rank on its way into its MPI world, as its watcher sees it.

MPI_Init returns once all ranks have come, and waits for ever if one does not, without a
word. So the watcher says so; and of a rank that dies there, it removes what MPI itself
would have removed a moment later.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from pathlib import Path

from ..engine.page import Page
from ..engine.segments import is_in_mpi, segments_of

__all__ = ["IN_INIT", "Joining"]

log = logging.getLogger("parallel.engine")

#: A rank that has not registered is told of after so many seconds, and ever less often.
LONG, GROWTH = 15.0, 2.0
#: What is said of one that waits for others.
IN_INIT = "it is in MPI_Init, which returns once all ranks have come"
#: Who starts ranks tells them by these which one they are.
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


class Joining:
    """A rank that has not registered yet.

    Parameters
    ----------
    engine
        Its process.
    page
        Where it notes that it has.
    """

    def __init__(self, engine: int, page: Page) -> None:
        self._engine = engine
        self._page = page
        self._begun = time.monotonic()
        self._due = LONG
        self._segments: set[str] = set()
        told = (os.environ[name] for name in RANKS if name in os.environ)
        rank = next((f"rank {each}" for each in told), "a rank")
        self._name = f"{rank} (pid {engine} on {socket.gethostname()})"

    @property
    def _is_over(self) -> bool:
        return self._page.place() is not None

    def look(self) -> None:
        """See how far it has come; say so if that takes long."""
        waited = time.monotonic() - self._begun
        if self._is_over:
            if self._due > LONG:
                log.warning("%s has registered, after %.0f s", self._name, waited)
                self._due = LONG
            return
        self._segments |= segments_of(self._engine)
        if waited < self._due:
            return
        self._due *= GROWTH
        how = IN_INIT if is_in_mpi(self._engine) else "it has not begun MPI_Init"
        log.warning("%s has not registered for %.0f s: %s", self._name, waited, how)

    def sweep(self) -> None:
        """Remove what it leaves behind if it has died on its way."""
        if not self._is_over:
            for segment in self._segments:
                Path(segment).unlink(missing_ok=True)
