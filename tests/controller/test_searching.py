"""Who is missed, and for how long."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from parallel.controller import muster
from parallel.controller.hub import Hub
from parallel.controller.muster import Enrolled, Muster
from parallel.controller.peers import Peers
from parallel.controller.searching import AGENT_FIRST, AGENT_KILLS, Search
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


class Agent:
    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def watches(self, info: EngineInfo) -> bool:
        return True

    def kill(self, uuid: bytes, why: str = "") -> bool:
        assert "could not be reached" in why or not why
        self.asked.append(uuid)
        return True


def test_the_agent_is_asked_once_for_whom_it_may_not_know() -> None:
    lost = Losses()
    dispatch: Any = SimpleNamespace(engine_lost=lost)
    peers, agent = Peers(lambda _: True), Agent()
    hub = Hub(peers, dispatch, new_keys(), patience=PATIENCE)
    search = Search(hub, peers, agent, PATIENCE)
    hub.engines[UUID] = EngineInfo(0, UUID, "another host", os.getpid())
    hub.missing[UUID] = 100.0

    for now in (101.0, 131.0, 132.0, 131.0 + AGENT_KILLS):
        search.look_for_missing(now)
    assert agent.asked == [UUID]
    assert lost.found == []
    search.look_for_missing(132.0 + AGENT_KILLS)
    assert lost.found == [(UUID, False)]
    assert hub.missing == {}


def test_the_agent_tells_first_how_an_awaited_engine_died(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[EngineDied] = []
    dispatch: Any = SimpleNamespace(engine_missed=lambda died, now: told.append(died))
    mustered = Muster(None, 2)
    info = EngineInfo(3, UUID, "here", 1)
    mustered.awaited[UUID] = Enrolled(info, 1, 1)
    monkeypatch.setattr(muster.Enrolled, "is_dead", lambda self: True)
    peers = Peers(lambda _: True)
    hub = Hub(peers, dispatch, new_keys(), mustered, PATIENCE)
    search = Search(hub, peers, Agent(), PATIENCE)

    search.look_for_awaited(100.0)
    search.look_for_awaited(100.0 + AGENT_FIRST / 2)
    assert told == []
    words = EngineDied(UUID, "was killed", 7, once=[b"task"])
    hub.engine_died(words, 7, 100.0 + AGENT_FIRST / 2)
    (died,) = told
    assert (died.once, died.engine_id) == ([b"task"], 3)
    search.look_for_awaited(100.0 + 2 * AGENT_FIRST)
    assert told == [died]


def test_one_of_whom_no_agent_tells_is_believed_to_be_dead_by_its_pid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[EngineDied] = []
    dispatch: Any = SimpleNamespace(engine_missed=lambda died, now: told.append(died))
    mustered = Muster(None, 2)
    mustered.awaited[UUID] = Enrolled(EngineInfo(3, UUID, "here", 1), 1, 1)
    monkeypatch.setattr(muster.Enrolled, "is_dead", lambda self: True)
    peers = Peers(lambda _: True)
    hub = Hub(peers, dispatch, new_keys(), mustered, PATIENCE)
    search = Search(hub, peers, Agent(), PATIENCE)

    search.look_for_awaited(100.0)
    search.look_for_awaited(100.0 + AGENT_FIRST)
    (died,) = told
    assert died.once is None, "nobody knows what it had started"
    assert mustered.doubts_until > 0, "nor will the next controller"


def test_one_that_does_not_come_back_is_given_up_soon_after_the_agent_was_asked() -> (
    None
):
    """Whoever is not the agent's it does not tell of: nothing else is to be heard."""
    told: list[EngineDied] = []
    dispatch: Any = SimpleNamespace(engine_missed=lambda died, now: told.append(died))
    mustered = Muster(None, 2)
    mustered.awaited[UUID] = Enrolled(EngineInfo(3, UUID, "elsewhere", 1), 1, 1)
    peers, agent = Peers(lambda _: True), Agent()
    hub = Hub(peers, dispatch, new_keys(), mustered, PATIENCE)
    troubles: list[str] = []
    hub.trouble = lambda words, **_: troubles.append(words)  # type: ignore[method-assign]
    search = Search(hub, peers, agent, PATIENCE)

    asked = 100.0 + PATIENCE
    for now in (100.0, asked - 1, asked, asked + AGENT_KILLS - 1):
        search.look_for_awaited(now)
    assert (agent.asked, told) == ([UUID], [])
    search.look_for_awaited(asked + AGENT_KILLS)
    assert [died.reason for died in told] == ["did not come back"]
    (words,) = troubles
    assert "engine 3 (pid 1 on elsewhere) has not come back 35 s after" in words
