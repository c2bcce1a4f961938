"""Whether engines are alive: asked of their side threads, which answer at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from concurrent.futures import Future

from ..aliases import Uuid
from ..protocol.messages import EngineInfo, Ping
from ..transport.pids import state_of
from .peers import Peers

__all__ = ["PATIENCE", "Pulses", "say_state"]

#: An engine that has not answered within this is said not to, seconds.
PATIENCE = 1.0
#: What the state of a process on this host says of one that does not answer. While
#: C code holds the GIL, no thread of it can.
_STATES = {
    "": "does not answer: its process is gone",
    "R": "is alive, and too busy to answer: its code holds the GIL",
    "S": "is alive, and cannot answer: its code holds the GIL in a call that waits",
    "T": "does not answer: its process is stopped (SIGSTOP)",
    "t": "does not answer: its process is held by a debugger",
    "D": "does not answer: its process hangs in a call of the system, as to a disk",
}
_UNKNOWN = (
    "does not answer: its code holds the GIL, or its process is stopped or cut off, "
    "which is told before long"
)


class Pulses:
    """Questions to engines that are open."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        #: Who has not answered, and who wants to know, for each question.
        self._open: dict[Future[None], set[Uuid]] = {}

    def take(self, engines: Collection[EngineInfo]) -> Future[dict[str, str]]:
        """Return how each engine is, by its id: '' if it answers."""
        silent = {info.uuid for info in engines}
        heard: Future[None] = Future()
        told: Future[dict[str, str]] = Future()

        def tell(_: Future[None]) -> None:
            told.set_result(
                {
                    str(info.engine_id): say_state(info) if info.uuid in silent else ""
                    for info in engines
                }
            )

        heard.add_done_callback(tell)
        self._open[heard] = silent
        for uuid in silent:
            peer = self._peers.channel(uuid, "control")
            if peer is not None:
                self._peers.say(peer, Ping())
        if silent:
            asyncio.get_running_loop().call_later(PATIENCE, self._settle, heard)
        else:
            self._settle(heard)
        return told

    def hear(self, uuid: Uuid) -> None:
        """Take note of an answer."""
        for heard, silent in list(self._open.items()):
            silent.discard(uuid)
            if not silent:
                self._settle(heard)

    def _settle(self, heard: Future[None]) -> None:
        if self._open.pop(heard, None) is not None:
            heard.set_result(None)


def say_state(info: EngineInfo) -> str:
    """Say of an engine that does not answer how it is."""
    if info.host != socket.gethostname():
        return _UNKNOWN
    return _STATES.get(state_of(info.pid), _UNKNOWN)
