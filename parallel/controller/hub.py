"""Who is there: greetings, ids, departures, and the news of them to the clients."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from ..aliases import EngineId, Uuid
from ..errors import ProtocolError
from ..protocol.messages import (
    PROTOCOL,
    EngineDied,
    EngineInfo,
    EngineJoined,
    EngineLeft,
    Goodbye,
    Held,
    Hello,
    Message,
    Refused,
    Trouble,
    Welcome,
    WhoAreYou,
)
from ..state.newest import Newest
from ..transport.keys import Keys
from ..transport.pids import is_alive
from .absences import Absences
from .complaints import Complaints
from .dispatch import Dispatch
from .muster import Muster
from .peers import Peer, Peers
from .pulses import Pulses
from .strangers import Strangers

__all__ = ["Hub"]

log = logging.getLogger("parallel.hub")

#: The agent tells within this how an engine died; then the pid decides, seconds.
AGENT_FIRST = 2.0
#: The agent tells within this of the death of whom it was to kill, seconds.
AGENT_KILLS = 5.0
#: That there is no room for others is told so often, seconds.
FULL_EVERY = 600.0
#: A client whose connection broke is waited for so long, seconds: longer than it tries.
CLIENT_PATIENCE = 120.0
#: So many engines that were given up are refused should they come back: until that
#: many more are, each that is left alone has long given up itself.
GIVEN_UP = 1 << 14
#: The kinds of connections that each process has.
CHANNELS = ("work", "control")


class Hub:
    """Registers peers, and notices when they are gone."""

    def __init__(
        self,
        peers: Peers,
        dispatch: Dispatch,
        keys: Keys,
        muster: Muster | None = None,
        patience: float = 30.0,
    ) -> None:
        self._peers = peers
        self._dispatch = dispatch
        self._keys = keys
        self.muster = muster or Muster()
        self._roster = self.muster.roster
        #: Until when awaited engines are waited for (seconds, monotonic).
        self._patient_until = 0.0
        #: Seconds that engines which cannot be reached are waited for.
        self._patience = patience
        self._absences = Absences(patience, partial(self.trouble, hinders=False))
        self.pulses = Pulses(peers)
        self.engines: dict[Uuid, EngineInfo] = {}
        #: Processes that a connection to broke, and since when (seconds, monotonic).
        self.missing: dict[Uuid, float] = {}
        #: When clients were told that there is no room for more, seconds.
        self._told_full = -FULL_EVERY
        #: Engines that are not to come back, the newest of them.
        self._given_up: Newest[Uuid, None] = Newest(GIVEN_UP)
        #: Greetings of engines' main threads that came before they may be answered.
        self._early: dict[Uuid, tuple[Hello, bytes, int, str | None]] = {}
        self._strangers = Strangers()
        self._complaints = Complaints(log)
        #: The newest troubles, for clients that come later.
        self.troubles: list[Trouble] = []

    def greeting(self, head: Any, routing_id: bytes, now: float) -> Hello | None:
        """Return the greeting of somebody who has no session: else it is no use."""
        try:
            return self._strangers.greeting(head)
        except ProtocolError as error:
            self._complaints.tell(now, "a stranger's batch is no greeting: %s", error)
            self.refuse(routing_id, WhoAreYou(), now)
        return None

    def refuse(self, routing_id: bytes, answer: Message, now: float) -> None:
        """Answer somebody who has no session, if that was not done a moment ago."""
        if self._strangers.may_hear(routing_id, type(answer), now):
            self._peers.refuse(routing_id, answer)

    def greet(
        self, hello: Hello, routing_id: bytes, descriptor: int, curve: str | None,
        now: float,
    ) -> None:  # fmt: skip
        """Let a peer in under the role that its secret proves, or say why not."""
        why = self._why_not(hello, curve) or self._why_not_here(hello, routing_id)
        if not why and hello.role == "engine":
            why = self._why_not_again(hello, routing_id)
        if why:
            self._complaints.tell(
                now, "refused %r of %r:%s: %s", hello.role, hello.host, hello.pid, why
            )
            self.refuse(routing_id, Refused(why), now)
            return
        if self._is_early(hello):
            # Its side thread speaks first, and tells what it has: this waits.
            self._early[hello.uuid] = hello, routing_id, descriptor, curve
            return
        earlier = self._peers.earlier(hello, routing_id)
        anew = earlier is None or earlier.routing_id != routing_id
        peer = self._peers.welcome(hello, routing_id, descriptor)
        engine_id = None
        if peer.role == "engine":
            engine_id = self._roster.register(peer.uuid, hello.engine_id)
        if not self._is_away(peer.uuid):
            self._note_return(peer.uuid, now)
        # No engine knows others.
        shown = self.muster.infos(self.engines) if peer.role == "client" else []
        stream, epoch = peer.stream, self.muster.epoch
        welcome = Welcome(
            peer.session, engine_id, shown, stream.seen, epoch, stream.safe,
            self.muster.restores,
        )  # fmt: skip
        self._peers.answer(peer, welcome, hello, anew=anew)
        if engine_id is not None:
            self._complete(peer, engine_id, now)
        elif peer.channel == "work" and earlier is None:
            for trouble in self.troubles:
                self._peers.say(peer, trouble)

    def _is_early(self, hello: Hello) -> bool:
        """Tell whether an earlier controller's engine has yet to tell what it has."""
        is_work = (hello.role, hello.channel) == ("engine", "work")
        return is_work and hello.uuid in self.muster.awaited and hello.session != b""

    def take_back(self, peer: Peer, held: Held, now: float) -> None:
        """Let an earlier controller's engine in again, with all that it has."""
        uuid, hello, reopening = peer.uuid, peer.hello, self._dispatch.reopening
        is_awaited = uuid in self.muster.awaited and peer.channel == "control"
        if reopening is None or not is_awaited:
            self.complain(peer, held, now)
            return
        engine_id = self._roster.register(uuid, hello.engine_id)
        self._peers.expect(msgspec.structs.replace(hello, channel="work"))
        self._enter(engine_id, hello)
        log.info("engine %s is back: %s:%s", engine_id, hello.host, hello.pid)
        reopening.engine_returned(self.engines[uuid], held, now)
        if early := self._early.pop(uuid, None):
            self.greet(*early, now)

    def _enter(self, engine_id: EngineId, hello: Hello) -> None:
        """Call an engine there, and tell all clients."""
        info = EngineInfo(
            engine_id, hello.uuid, hello.host, hello.pid, hello.resources, hello.labels
        )
        self.engines[hello.uuid] = info
        self.muster.join(info)
        for client in self._peers.of_role("client"):
            self._peers.say(client, EngineJoined(info))

    def _why_not(self, hello: Hello, curve: str | None) -> str:
        role = self._keys.role_of(hello.secret)
        if hello.protocol != PROTOCOL:
            return (
                f"it speaks protocol {hello.protocol}, this controller {PROTOCOL}: "
                "install the same release on both sides"
            )
        if role is None or (curve is not None and curve != role):
            return (
                "its key is not of this cluster: the connection file is of another "
                "cluster, or of an earlier one at the same address"
            )
        if role != hello.role:
            return f"its key is for the role {role!r}, and it says {hello.role!r}"
        wrong = len(hello.uuid) != 16 or hello.pid <= 0
        if hello.channel not in CHANNELS or wrong:
            return "the greeting is malformed"
        if self._is_of_another_role(hello):
            return "its uuid is that of a peer of another role"
        return ""

    def _is_of_another_role(self, hello: Hello) -> bool:
        """Tell whether a greeting would put an engine in a client's place."""
        if hello.role == "client" and hello.uuid in self.engines:
            return True
        known = (self._peers.channel(hello.uuid, each) for each in CHANNELS)
        return any(peer is not None and peer.role != hello.role for peer in known)

    def _why_not_here(self, hello: Hello, routing_id: bytes) -> str:
        """Say why a peer may not greet so on a connection that has been used.

        Else who has one could have any number of names, and memory for each.
        """
        before = self._peers.by_route(routing_id)
        if before is not None and self._peers.by_session(before.session) is None:
            return "it has taken its leave on this connection: make another one"
        if before is not None and (before.role, before.channel, before.uuid) != (
            hello.role, hello.channel, hello.uuid
        ):  # fmt: skip
            return "it has greeted under another name on this connection"
        return ""

    def _why_not_again(self, hello: Hello, routing_id: bytes) -> str:
        """Say why an engine that was here before may not come back."""
        if hello.uuid in self._given_up:
            return "its connection broke, and its work was given to others"
        known = self._peers.channel(hello.uuid, hello.channel)
        if known is None:
            lost = bool(hello.session) and hello.uuid not in self.muster.awaited
            return "its session was with an earlier controller" if lost else ""
        if self._peers.earlier(hello, routing_id) is None:
            return "an engine of this uuid is connected: its place is taken"
        return ""

    def _complete(self, peer: Peer, engine_id: EngineId, now: float) -> None:
        """Call an engine there once both of its connections are."""
        uuid, hello = peer.uuid, peer.hello
        other = "control" if peer.channel == "work" else "work"
        if uuid in self.engines or self._peers.channel(uuid, other) is None:
            return
        self._enter(engine_id, hello)
        log.info("engine %s joined: %s:%s", engine_id, hello.host, hello.pid)
        self._dispatch.engine_joined(self.engines[uuid], now)

    def leave(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Take note of a goodbye."""
        if peer.role == "engine":
            died = EngineDied(peer.uuid, "was stopped", 0, reach=goodbye.reach)
            self.engine_died(died, None, now)
        else:
            self._remove_client(peer)

    def disconnected(self, peer: Peer, now: float) -> None:
        """Take note of a broken connection."""
        if self._peers.by_session(peer.session) is not peer:
            self._peers.drop(peer)
            return
        log.info("%r is disconnected", peer)
        self._peers.lose(peer)
        if self._is_away(peer.uuid):
            self.missing.setdefault(peer.uuid, now)

    def _note_return(self, uuid: Uuid, now: float) -> None:
        """Take note that a process can be reached again."""
        since = self.missing.pop(uuid, None)
        if since is not None and uuid in self.engines:
            self._absences.end(self.engines[uuid], now - since)

    def _is_away(self, uuid: Uuid) -> bool:
        """Tell whether a process cannot be reached.

        An engine's main thread mends its line when it has time: its side thread tells
        that it is there.
        """
        lines = [self._peers.channel(uuid, channel) for channel in CHANNELS]
        control = lines[-1]
        if control is not None and control.role == "engine" and uuid in self.engines:
            return control.away
        return any(line is not None and line.away for line in lines)

    def _remove_client(self, peer: Peer) -> None:
        self._peers.remove(peer)
        if peer.channel == "work":
            self._dispatch.client_left(peer.uuid)

    def look_for_missing(
        self, now: float, kill: Callable[[Uuid, str], bool] | None
    ) -> None:
        """Give up those whose process is gone, or that stay away too long.

        Parameters
        ----------
        kill
            Has an engine's agent make sure that it is dead, and tell how it died: of
            an engine that is not its own it says nothing. None when there is no agent.
        """
        for uuid, since in list(self.missing.items()):
            info, away = self.engines.get(uuid), now - since
            if info is None:
                self._look_for_other(uuid, away)
                continue
            here = info.host == socket.gethostname()
            # An agent knows best how its engine died: it has a head start.
            gone = here and (kill is None or away > AGENT_FIRST)
            if gone and not is_alive(info.pid):
                reason = f"is gone (pid {info.pid} on {info.host})"
                self.engine_died(EngineDied(uuid, reason, 0), None, now)
            elif away <= self._patience:
                self._absences.note(info, away)
            elif self._absences.kill(info, away, kill):
                self.missing[uuid] = now - self._patience + AGENT_KILLS
            else:
                where = f"pid {info.pid} on {info.host}"
                reason = f"its connection broke {away:.0f} s ago ({where})"
                died = EngineDied(uuid, reason, 0)
                self.engine_died(died, None, now, proved=False)

    def look_for_awaited(
        self, now: float, kill: Callable[[Uuid, str], bool] | None
    ) -> None:
        """Give up engines of earlier controllers that are dead or do not come back.

        Those that an agent has are killed first.
        """
        for each in self.muster.proved_dead():
            log.warning("%s is gone: it ended while there was no controller", each)
            died = EngineDied(each.info.uuid, "ended meanwhile", 0)
            self.engine_died(died, None, now)
        patience = self._patience
        if not self._patient_until:
            self._patient_until = now + patience
        if not self.muster.awaited or now < self._patient_until:
            return
        self._patient_until = now + patience
        for each in list(self.muster.awaited.values()):
            uuid = each.info.uuid
            if kill is not None and uuid not in self._given_up and kill(uuid, ""):
                self._given_up[uuid] = None  # should it come back now, it is too late
                continue
            self.trouble(
                f"{each} has not come back {patience:.0f} s after the controller was "
                "started again: it is given up. What it runs, if it still does, may be "
                "started again elsewhere",
                hinders=False,
            )
            died = EngineDied(uuid, "did not come back", 0)
            self.engine_died(died, None, now, proved=False)

    def _look_for_other(self, uuid: Uuid, away: float) -> None:
        """Forget a client, or an engine that has never joined, that does not return."""
        lines = [self._peers.channel(uuid, channel) for channel in CHANNELS]
        for peer in [line for line in lines if line is not None]:
            here = peer.hello.host == socket.gethostname()
            most = CLIENT_PATIENCE if peer.role == "client" else self._patience
            if away <= most and not (here and not is_alive(peer.hello.pid)):
                return
            log.info("%r does not return", peer)
            self._remove_client(peer)
        self.muster.roster.forget(uuid)
        self.missing.pop(uuid, None)

    def engine_died(
        self,
        died: EngineDied,
        position: int | None,
        now: float,
        *,
        proved: bool = True,
    ) -> None:
        """Take an engine out, tell the clients, and see to its work."""
        self._given_up[died.uuid] = None
        self.missing.pop(died.uuid, None)
        self._early.pop(died.uuid, None)
        awaited = self.muster.awaited.get(died.uuid)
        self.muster.leave(died.uuid)
        info = self.engines.pop(died.uuid, None)
        for channel in CHANNELS:
            peer = self._peers.channel(died.uuid, channel)
            if peer is not None:
                self._peers.remove(peer)
        gone = info or (awaited.info if awaited else None)
        if gone is None:
            return
        self._absences.end(gone)
        log.warning("engine %s is gone: it %s", gone.engine_id, died.reason)
        if gone.engine_id >= 0:
            for client in self._peers.of_role("client"):
                self._peers.say(client, EngineLeft(gone.engine_id, died.reason))
        if info is None:
            self._dispatch.engine_missed(gone, died.reason, now)
        else:
            self._dispatch.engine_lost(died, position, now, proved=proved)

    def complain(self, peer: Peer, message: Message, now: float) -> None:
        """Note that a peer said what its role does not."""
        name = type(message).__name__
        self._complaints.tell(now, "%r may not say %s: not heard", peer, name)

    def expel(self, peer: Peer, error: Exception, now: float) -> None:
        """End the session of a peer whose messages cannot be dealt with.

        What else it said may build on them. It is told why, and so is everybody who
        waits for it: nobody waits for what will not come.
        """
        why = f"what it sent cannot be dealt with: {error}"
        if isinstance(error, ProtocolError):
            self._complaints.tell(now, "%r is expelled: %s", peer, why)
        else:  # a mistake of ours
            text = "%r is expelled, for what it sent was not foreseen: %s"
            self._complaints.tell(now, text, peer, error, error=error)
        self._turn_out(peer, why)
        if peer.role == "engine":
            died = EngineDied(peer.uuid, f"broke the rules of the wire: {why}", 0)
            self.engine_died(died, None, now, proved=False)
        else:
            self._dispatch.client_left(peer.uuid)

    def let_go(self, peer: Peer, why: str) -> None:
        """End the session of a client for whom too much is kept."""
        self._turn_out(
            peer,
            f"this client was let go: {why}. Its tasks go on: make a new Client, which "
            "finds their results (get_result, by id or label)",
        )
        self._dispatch.client_left(peer.uuid)
        self.trouble(f"{peer!r} was let go: {why}", hinders=False)

    def _turn_out(self, peer: Peer, why: str) -> None:
        for channel in CHANNELS:
            line = self._peers.channel(peer.uuid, channel)
            if line is not None:
                self._peers.refuse(line.routing_id, Refused(why))
                self._peers.remove(line)

    def tell_full(self, most: int, now: float) -> None:
        """Tell clients that others are turned away, if that was not done lately."""
        if now < self._told_full + FULL_EVERY:
            return
        self._told_full = now
        self.trouble(
            f"the controller may have {most:,} files open, and has nearly as many "
            "connections: more are turned away. Close clients that are not used, let "
            f"root type `prlimit --pid {os.getpid()} --nofile={4 * most}` on "
            f"{socket.gethostname()}, or type `ulimit -n {4 * most}` before the next "
            "start"
        )

    def trouble(self, text: str, *, hinders: bool = True) -> None:
        """Tell all clients, and those to come, what their user should know.

        Parameters
        ----------
        hinders
            Engines may not come that somebody waits for.
        """
        log.error("%s", text)
        trouble = Trouble(text, hinders)
        self.troubles = [*self.troubles[-9:], trouble]
        for client in self._peers.of_role("client"):
            self._peers.say(client, trouble)
