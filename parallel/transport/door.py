"""The controller's ipc address, shut for a moment when too many come at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from .sockets import Socket, bind_again, unbind

__all__ = ["Door"]

log = logging.getLogger("parallel.controller")

#: It stays shut for so long, and is looked at for so long after that, seconds.
SHUT, LOOK = 0.1, 0.5


class Door:
    """The addresses of a bound socket, if all are ipc.

    libzmq ends its process where it may open no more files to accept on one, and twenty
    thousand a second can come. To shut it breaks all connections that were made there:
    sessions outlive that, and who finds nobody there tries again. Over TCP nothing of
    the kind happens.
    """

    def __init__(self, router: Socket, urls: Sequence[str]) -> None:
        self._router = router
        is_plain = all(url.startswith("ipc://") for url in urls)
        self._urls = urls if is_plain else []
        self._timer: asyncio.TimerHandle | None = None
        self._is_shut = False

    def shut(self) -> None:
        """Let nobody in for a moment."""
        if self._is_shut or not self._urls:
            return
        self._is_shut = True
        log.error(
            "so many connect at once that there are no files for them: all connections "
            "are broken for %g s, and made again by those who have keys", SHUT
        )  # fmt: skip
        for url in self._urls:
            unbind(self._router, url)
        self._later(SHUT)

    def close(self) -> None:
        """Leave it as it is."""
        if self._timer is not None:
            self._timer.cancel()

    def _later(self, seconds: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tend)

    def _tend(self) -> None:
        if self._is_shut:
            for url in self._urls:
                bind_again(self._router, url)
            self._is_shut = False
            self._later(LOOK)
        elif not all(Path(url.removeprefix("ipc://")).exists() for url in self._urls):
            # What was there before has ended only now, and taken the new name along.
            self.shut()
