"""What a run is at, told as it goes on: it is never silent, nor stands still unseen."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["Progress"]

#: It is told so often, seconds.
EVERY = 10.0


class Progress(threading.Thread):
    """Says every few seconds what a run is at, and where its threads are if it stands.

    Parameters
    ----------
    patience
        Seconds without any change after which it stands.
    """

    def __init__(self, seed: int, patience: float) -> None:
        super().__init__(name="progress", daemon=True)
        self._begin = f"  seed {seed}"
        self._patience = patience
        self._born = time.monotonic()
        self._over = threading.Event()
        self._stage = "it starts"
        self._count: Callable[[], str] = str

    def enter(self, stage: str, count: Callable[[], str] | None = None) -> None:
        """Say what it is at from now on.

        Parameters
        ----------
        count
            Says how much has been done, from now on.
        """
        self._stage, self._count = stage, count or self._count

    def stop(self) -> None:
        """Say no more."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Tell, until it is stopped."""
        last, since = "", 0.0
        while not self._over.wait(EVERY):
            now, words = time.monotonic(), f"{self._stage}{self._count()}"
            print(f"{self._begin} at {now - self._born:.0f} s: {words}",
                  file=sys.stderr, flush=True)  # fmt: skip
            if words != last:
                last, since = words, now
            elif now - since > self._patience:
                since = now
                faulthandler.dump_traceback(sys.stderr)
