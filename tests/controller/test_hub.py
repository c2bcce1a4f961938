"""Who is gone, and what was known of it before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from parallel.controller.agents import Agents
from parallel.controller.hub import Hub
from parallel.controller.muster import Muster
from parallel.controller.peers import Peers
from parallel.protocol.messages import EngineDied, Hello
from parallel.transport.keys import new_keys

UUID = b"1" * 16
PATIENCE = 30.0


def test_an_agent_tells_again_what_an_engine_had_started_that_is_known_to_be_dead() -> (
    None
):
    told: list[EngineDied] = []
    dispatch: Any = SimpleNamespace(engine_missed=lambda died, now: told.append(died))
    peers = Peers(lambda _: True)
    hub = Hub(peers, dispatch, new_keys(), Muster(None, 2), PATIENCE)
    drains: Any = SimpleNamespace()
    agents = Agents(hub, peers, None, drains)
    agent = peers.welcome(Hello("agent", "control", b"a" * 16, "", "far", 1), b"r", -1)
    agents.on_death(agent, EngineDied(UUID, "was killed", 7, once=[]), 1.0)
    assert not told
    words = EngineDied(UUID, "was killed", 7, once=[b"task"])
    agents.on_death(agent, words, 1.0)
    assert told == [words]
