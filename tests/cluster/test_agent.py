"""The agent, without any process."""

from __future__ import annotations

import selectors
import socket
from pathlib import Path

from parallel.cluster.agent import Agent
from parallel.cluster.agentspec import AgentSpec
from parallel.protocol.messages import AgentTrouble, ToAgent, ToOwner
from parallel.transport.keys import new_keys
from parallel.transport.pipe import Pipe


def test_a_controller_may_close_its_pipe_and_die_at_once(tmp_path: Path) -> None:
    spec = AgentSpec(
        cluster_id="",
        profile_dir=str(tmp_path),
        runtime_dir=str(tmp_path / "none"),
        cluster_file=str(tmp_path / "none.json"),
        urls=[],
        keys=new_keys(),
        n=1,
        start_method="fork",
        resources=[{}],
    )
    owners, owner = socket.socketpair()
    ours, controllers = socket.socketpair()
    agent = Agent(spec, Pipe(owner, list[ToAgent]))
    keeper = agent._controller
    keeper.link = Pipe(ours, list[ToAgent])
    keeper._log_begin = 0
    agent.selector.register(keeper.link, selectors.EVENT_READ, agent._on_link)
    controllers.close()
    told = agent.selector.select(0)
    agent._controller_died(-9)
    for key, _ in told:  # as the loop does, whose signal came first
        key.data()
    messages = Pipe(owners, list[ToOwner]).receive()
    assert messages is not None
    assert isinstance(messages[0], AgentTrouble)
    assert "SIGKILL" in messages[0].text
    agent.selector.close()
    for end in (owners, owner, ours):
        end.close()
