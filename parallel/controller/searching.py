"""Looks for those who are away: whether they live, and when they are given up."""

from __future__ import annotations

import logging
import socket
from typing import Protocol

from ..aliases import Uuid
from ..protocol.messages import EngineDied, EngineInfo
from ..transport.pids import is_alive
from .admission import CHANNELS
from .hub import Hub
from .peers import Peers

__all__ = ["Search", "Watch"]

log = logging.getLogger("parallel.hub")

#: The agent tells within this how an engine died; then the pid decides, seconds.
AGENT_FIRST = 2.0
#: The agent tells within this of the death of whom it was to kill, seconds.
AGENT_KILLS = 5.0
#: A client whose connection broke is waited for so long, seconds: longer than it tries.
CLIENT_PATIENCE = 120.0


class Watch(Protocol):
    """Those who watch engines' processes."""

    def watches(self, info: EngineInfo) -> bool:
        """Tell whether one of them will say how an engine died."""

    def kill(self, uuid: Uuid, why: str = "") -> bool:
        """Have one of them make sure that an engine is dead, and tell how it died.

        False if nobody could be asked. Of an engine not its own it says nothing.
        """


class Search:
    """Gives up those whom the hub misses, once they are dead or away for too long.

    Parameters
    ----------
    watch
        Those who watch engines' processes.
    patience
        Seconds that engines which cannot be reached are waited for.
    """

    def __init__(self, hub: Hub, peers: Peers, watch: Watch, patience: float) -> None:
        self._hub = hub
        self._peers = peers
        self._watch = watch
        self._patience = patience
        #: Since and until when awaited engines are waited for (seconds, monotonic).
        self._begin = self._patient_until = 0.0
        #: Awaited engines whose processes are gone, and since when that is known.
        self._ended: dict[Uuid, float] = {}

    def look_for_missing(self, now: float) -> None:
        """Give up those whose process is gone, or that stay away too long."""
        hub = self._hub
        for uuid, since in list(hub.missing.items()):
            info, away = hub.engines.get(uuid), now - since
            if info is None:
                self._look_for_other(uuid, away)
                continue
            here = info.host == socket.gethostname()
            # An agent knows best how its engine died: it has a head start.
            gone = here and (not self._watch.watches(info) or away > AGENT_FIRST)
            if gone and not is_alive(info.pid):
                reason = f"is gone (pid {info.pid} on {info.host})"
                hub.engine_died(EngineDied(uuid, reason, 0), None, now)
            elif away <= self._patience:
                hub.absences.note(info, away)
            elif hub.absences.kill(info, away, self._watch.kill):
                hub.missing[uuid] = now - self._patience + AGENT_KILLS
            else:
                where = f"pid {info.pid} on {info.host}"
                reason = f"its connection broke {away:.0f} s ago ({where})"
                died = EngineDied(uuid, reason, 0)
                hub.engine_died(died, None, now, proved=False)

    def look_for_awaited(self, now: float) -> None:
        """Give up engines of earlier controllers that are dead or do not come back.

        Those that an agent has are killed first.
        """
        hub = self._hub
        for each in hub.muster.proved_dead():
            # Its agent knows what it had started: it has a head start.
            since = self._ended.setdefault(each.info.uuid, now)
            if self._watch.watches(each.info) and now - since < AGENT_FIRST:
                continue
            log.warning("%s is gone: it ended while there was no controller", each)
            died = EngineDied(each.info.uuid, "ended meanwhile", 0)
            hub.engine_died(died, None, now)
        if not self._begin:
            self._begin, self._patient_until = now, now + self._patience
        if not hub.muster.awaited or now < self._patient_until:
            return
        self._patient_until = now + AGENT_KILLS
        for each in list(hub.muster.awaited.values()):
            uuid = each.info.uuid
            if uuid not in hub.given_up and self._watch.kill(uuid):
                hub.given_up[uuid] = None  # should it come back now, it is too late
                continue
            hub.trouble(
                f"{each} has not come back {now - self._begin:.0f} s after the "
                "controller was started again: it is given up. What it runs, if it "
                "still does, may be started again elsewhere",
                hinders=False,
            )
            died = EngineDied(uuid, "did not come back", 0)
            hub.engine_died(died, None, now, proved=False)

    def _look_for_other(self, uuid: Uuid, away: float) -> None:
        """Forget a client, or an engine that has never joined, that does not return."""
        hub = self._hub
        lines = [self._peers.channel(uuid, channel) for channel in CHANNELS]
        for peer in [line for line in lines if line is not None]:
            here = peer.hello.host == socket.gethostname()
            most = self._patience if peer.role == "engine" else CLIENT_PATIENCE
            if away <= most and not (here and not is_alive(peer.hello.pid)):
                return
            log.info("%r does not return", peer)
            hub.remove_client(peer)
            if peer.role == "agent":
                hub.trouble(
                    f"the agent of engines on {peer.hello.host} (pid {peer.hello.pid}) "
                    "is gone: engines that die there are not replaced",
                    hinders=False,
                )
        hub.muster.roster.forget(uuid)
        hub.missing.pop(uuid, None)
