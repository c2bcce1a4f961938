"""Which engines a client knows to be there, and what is known of those that were."""

from __future__ import annotations

from ..aliases import EngineId, Uuid
from ..protocol.messages import EngineInfo, EngineJoined, EngineLeft, Welcome
from ..state.newest import Newest

__all__ = ["Presence"]

MEANWHILE = "is gone: it ended while there was no controller"


class Presence:
    """The engines of a cluster, as its controller tells of them."""

    def __init__(self) -> None:
        #: The engines that are there.
        self.engines: dict[EngineId, EngineInfo] = {}
        #: How engines died that were there.
        self.departed: Newest[EngineId, str] = Newest()
        #: Their names, which what they did is still known by.
        self.departed_uuids: Newest[EngineId, Uuid] = Newest()

    def on_engines(self, welcome: Welcome) -> None:
        """Take in which engines are there; others may have been before."""
        infos = {info.engine_id: info for info in welcome.engines}
        before, self.engines = self.engines, infos
        for engine_id in before.keys() - infos.keys():
            self.departed[engine_id] = MEANWHILE
            self.departed_uuids[engine_id] = before[engine_id].uuid

    def on_joined(self, joined: EngineJoined) -> None:
        """Take note of one more."""
        self.engines[joined.engine.engine_id] = joined.engine

    def on_left(self, left: EngineLeft) -> None:
        """Take note of one fewer."""
        engine = self.engines.pop(left.engine_id, None)
        if engine is not None:
            self.departed_uuids[left.engine_id] = engine.uuid
        self.departed[left.engine_id] = left.reason
