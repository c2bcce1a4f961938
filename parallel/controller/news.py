"""What all clients are told: which engines come and go, and what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..aliases import EngineId, Uuid
from ..protocol.messages import EngineInfo, EngineJoined, EngineLeft, Message, Trouble
from .peers import Peers

__all__ = ["News"]

log = logging.getLogger("parallel.hub")


class News:
    """Tells clients, and remembers what is to be told to those that come later."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        #: Engines that are about to end: to clients, they are gone.
        self._hidden: set[Uuid] = set()
        #: The newest troubles, for clients that come later.
        self.troubles: list[Trouble] = []

    def joined(self, info: EngineInfo) -> None:
        """Tell of one more engine, unless it is about to end."""
        if info.uuid not in self._hidden:
            self._tell(EngineJoined(info))

    def left(self, uuid: Uuid, engine_id: EngineId, why: str) -> None:
        """Tell that an engine is gone, if that was not told before."""
        if engine_id >= 0 and uuid not in self._hidden:
            self._tell(EngineLeft(engine_id, why))
        self._hidden.discard(uuid)

    def leaves(self, info: EngineInfo, why: str) -> None:
        """Call an engine gone that is about to end."""
        if info.uuid not in self._hidden:
            self._hidden.add(info.uuid)
            self._tell(EngineLeft(info.engine_id, why))

    def shown(self, infos: Iterable[EngineInfo]) -> list[EngineInfo]:
        """Return those of these engines that clients are to know of."""
        return [info for info in infos if info.uuid not in self._hidden]

    def trouble(self, text: str, *, hinders: bool = True) -> None:
        """Tell what users should know.

        Parameters
        ----------
        hinders
            Engines may not come that somebody waits for.
        """
        log.error("%s", text)
        trouble = Trouble(text, hinders)
        self.troubles = [*self.troubles[-9:], trouble]
        self._tell(trouble)

    def _tell(self, message: Message) -> None:
        for client in self._peers.of_role("client"):
            self._peers.say(client, message)
