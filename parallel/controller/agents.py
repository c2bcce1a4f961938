"""Who watches the engines' processes: can kill them, and tells how they died."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Sequence

from ..aliases import Uuid
from ..protocol.messages import (
    AgentTrouble,
    EngineDied,
    EngineInfo,
    FromAgent,
    Kill,
    Retire,
    Scale,
    Scaled,
    Signal,
    Stop,
)
from ..state.stories import say_leaves
from ..transport.credentials import peer_process
from ..transport.pipe import Pipe
from .complaints import Complaints
from .drains import Drains
from .hub import Hub
from .peer import Peer
from .peers import Peers

__all__ = ["Agents"]

log = logging.getLogger("parallel.hub")

#: What an engine said before it died has come within this, seconds, though nobody
#: notices that its connections break.
LAST_WORDS = 2.0
#: Agents of other hosts may tell users so much in so long, seconds; the rest is logged.
MOST, EVERY = 20, 60.0
#: And in so many letters.
LONGEST = 4096


class Agents:
    """The agent that forked this controller, if one did, and those of other hosts.

    Parameters
    ----------
    link
        The pipe to the one that did.
    drains
        Orders to drain, stop and scale, which are carried out here.
    """

    def __init__(
        self, hub: Hub, peers: Peers, link: Pipe | None, drains: Drains
    ) -> None:
        self._hub = hub
        self._peers = peers
        self.link = link
        self._drains = drains
        drains.overseer = self
        #: Deaths that agents of other hosts told, and when: what these engines said
        #: last may come after it, by another connection.
        self._deaths: dict[Uuid, tuple[EngineDied, float]] = {}
        self._told: deque[float] = deque(maxlen=MOST)
        self._complaints = Complaints(log)

    def watches(self, info: EngineInfo) -> bool:
        """Tell whether somebody will say how an engine died, if it does."""
        return bool(info.agent) or self.link is not None

    def kill(self, uuid: Uuid, why: str = "") -> bool:
        """Have an engine's agent kill it; tell whether that could be asked."""
        return self._ask(uuid, Kill([uuid], why))

    def kill_for_task(self, uuid: Uuid, why: str) -> None:
        """Kill an engine whose task does not end when it is interrupted."""
        info = self._hub.engines.get(uuid)
        log.warning("engine %s is killed for its task: %s", info, why)
        ended = "was killed by SIGKILL: its task did not end when it was interrupted"
        control = self._peers.channel(uuid, "control")
        if self.kill(uuid, ended) or info is None or control is None:
            return
        # What an engine says of itself is no proof: it may name anybody's process.
        if peer_process(control.descriptor) == info.pid:
            with contextlib.suppress(OSError):
                os.kill(info.pid, signal.SIGKILL)
        else:
            self._peers.say(control, Signal("SIGKILL"))

    def stop(self, uuid: Uuid) -> None:
        """Have an engine end in good order, and nobody take its place."""
        self._ask(uuid, Retire([uuid]))
        control = self._peers.channel(uuid, "control")
        if control is not None:
            self._peers.say(control, Stop())

    def leaves(self, uuid: Uuid, why: str) -> None:
        """Call an engine gone that is about to end; nobody is to take its place."""
        self._ask(uuid, Retire([uuid]))
        info = self._hub.info_of(uuid)
        if info is not None:
            self._hub.news.leaves(info, say_leaves(why))

    def knows(self, uuid: Uuid) -> bool:
        """Tell whether an engine has ever joined, and is not known to be gone."""
        return self._hub.info_of(uuid) is not None

    def scale(self, n: int) -> bool:
        """Have the controller's own agent keep so many up; tell whether it can."""
        return self.link is not None and self.link.send([Scale(n)])

    def _ask(self, uuid: Uuid, order: Kill | Retire) -> bool:
        info = self._hub.info_of(uuid)
        if info is None or not info.agent:
            return self.link is not None and self.link.send([order])
        agent = self._peers.channel(info.agent, "control")
        if agent is None or agent.away or agent.role != "agent":
            return False
        self._peers.say(agent, order)
        return True

    def on_own(self, messages: Sequence[FromAgent], now: float) -> None:
        """Do what the agent that forked this controller says."""
        for message in messages:
            if isinstance(message, EngineDied):
                self._hub.engine_died(message, message.position, now)
            elif isinstance(message, Scaled):
                self._drains.scaled(message, now)
            elif isinstance(message, AgentTrouble):
                self._hub.trouble(message.text, hinders=message.hinders)

    # What agents of other hosts say

    def on_death(self, agent: Peer, died: EngineDied, now: float) -> None:
        """Take note of a death, if it is of an engine that this agent watches."""
        info = self._hub.info_of(died.uuid)
        if info is None:  # it never joined, or is known to be dead
            self._hub.missed_before(died, now)
            return
        if info.agent != agent.uuid:
            self._hub.complain(agent, died, now)
            return
        self._deaths[died.uuid] = died, now
        self.settle(now)

    def settle(self, now: float) -> None:
        """Believe deaths once what these engines said before has come."""
        for uuid, (died, since) in list(self._deaths.items()):
            if self._hub.is_away(uuid) or now - since > LAST_WORDS:
                del self._deaths[uuid]
                self._hub.engine_died(died, died.position, now)

    @property
    def is_waiting(self) -> bool:
        """Whether there is a death to believe before long."""
        return bool(self._deaths)

    def on_trouble(self, agent: Peer, trouble: AgentTrouble, now: float) -> None:
        """Tell users what an agent of another host has to say."""
        text = f"on {agent.hello.host}: {trouble.text[:LONGEST]}"
        if len(self._told) == MOST and now - self._told[0] < EVERY:
            self._complaints.tell(now, "more troubles than users can be told: %s", text)
            return
        self._told.append(now)
        self._hub.trouble(text, hinders=trouble.hinders)
