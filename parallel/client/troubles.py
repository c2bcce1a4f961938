"""What a client has been told of that its user should know."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..protocol.messages import SetupEnded, Status, Trouble
from ..protocol.wire import unstow
from ..serialize.exceptions import unpack_error
from ..state.newest import Newest
from ..transport import sockets

__all__ = ["Troubles"]

_log = logging.getLogger("parallel.client")

#: So many are kept, the newest: who waits for engines is told of all since it began,
#: and a setup may fail on each that comes in a year.
KEPT = 100


class Troubles:
    """Why engines may not come that somebody waits for; the rest is logged."""

    def __init__(self) -> None:
        self._newest: Newest[int, str] = Newest(KEPT)

    @property
    def total(self) -> int:
        """How many there were so far."""
        return self._newest.total

    def add(self, text: str) -> None:
        """Take note of one, for those who wait."""
        self._newest[self.total] = text

    def since(self, total: int) -> list[str]:
        """Return those that came since there were so many."""
        return [text for _, text in self._newest.since(total)]

    def on_trouble(self, trouble: Trouble) -> None:
        """Take note of what the controller tells."""
        if trouble.hinders:
            self.add(trouble.text)
        else:
            _log.warning("%s", trouble.text)

    def on_setup_ended(self, ended: SetupEnded, frames: Sequence[Any]) -> None:
        """Take note of a setup that failed on an engine that joined."""
        if ended.status is not Status.OK:
            text = _say_setup_failed(ended, frames)
            self.add(text)
            _log.warning("%s", text)


def _say_setup_failed(ended: SetupEnded, frames: Sequence[Any]) -> str:
    payload, _ = unstow(ended.payload, sockets.as_buffers(frames))
    why = unpack_error(payload) if ended.status is Status.ERROR else "it died"
    return f"the setup {ended.name!r} failed on engine {ended.engine_id}: {why}"
