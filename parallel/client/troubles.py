"""What a client has been told of that its user should know."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..protocol.messages import SetupEnded, Status, Trouble
from ..protocol.wire import unstow
from ..serialize.calls import unpack_error
from ..transport import sockets

__all__ = ["Troubles"]

_log = logging.getLogger("parallel.client")


class Troubles(list[str]):
    """Why engines may not come that somebody waits for; the rest is logged."""

    def on_trouble(self, trouble: Trouble) -> None:
        """Take note of what the controller tells."""
        if trouble.hinders:
            self.append(trouble.text)
        else:
            _log.warning("%s", trouble.text)

    def on_setup_ended(self, ended: SetupEnded, frames: Sequence[Any]) -> None:
        """Take note of a setup that failed on an engine that joined."""
        if ended.status is not Status.OK:
            text = _say_setup_failed(ended, frames)
            self.append(text)
            _log.warning("%s", text)


def _say_setup_failed(ended: SetupEnded, frames: Sequence[Any]) -> str:
    payload, _ = unstow(ended.payload, sockets.as_buffers(frames))
    why = unpack_error(payload) if ended.status is Status.ERROR else "it died"
    return f"the setup {ended.name!r} failed on engine {ended.engine_id}: {why}"
