"""Who is missed, and for how long."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from parallel.controller.hub import AGENT_KILLS, Hub
from parallel.controller.peers import Peers
from parallel.protocol.messages import EngineDied, EngineInfo
from parallel.transport.keys import new_keys

UUID = b"1" * 16
PATIENCE = 30.0


class Losses:
    """Notes which engines were lost, and whether that was proved."""

    def __init__(self) -> None:
        self.found: list[tuple[bytes, bool]] = []

    def __call__(
        self, died: EngineDied, position: Any, now: float, *, proved: bool
    ) -> None:
        self.found.append((died.uuid, proved))


def test_the_agent_is_asked_once_for_whom_it_may_not_know() -> None:
    lost = Losses()
    dispatch: Any = SimpleNamespace(engine_lost=lost)
    hub = Hub(Peers(lambda _: True), dispatch, new_keys(), patience=PATIENCE)
    hub.engines[UUID] = EngineInfo(0, UUID, "another host", os.getpid())
    hub.missing[UUID] = 100.0
    asked: list[bytes] = []

    def kill(uuid: bytes, why: str) -> bool:
        assert "could not be reached" in why
        asked.append(uuid)
        return True

    for now in (101.0, 131.0, 132.0, 131.0 + AGENT_KILLS):
        hub.look_for_missing(now, kill)
    assert asked == [UUID]
    assert lost.found == []
    hub.look_for_missing(132.0 + AGENT_KILLS, kill)
    assert lost.found == [(UUID, False)]
    assert hub.missing == {}
