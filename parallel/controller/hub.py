"""Who is there: greetings, ids, departures, and the news of them to the clients."""

from __future__ import annotations

import logging
import os
import socket
from functools import partial
from typing import Any

import msgspec

from ..aliases import EngineId, Uuid
from ..errors import ProtocolError
from ..protocol.messages import (
    EngineDied,
    EngineInfo,
    Goodbye,
    Held,
    Hello,
    Message,
    Refused,
    Welcome,
    WhoAreYou,
)
from ..state.newest import Newest
from ..state.stories import TIME_UP, WAS_STOPPED, WORLD_ENDED
from ..transport.keys import Keys
from .absences import Absences
from .admission import CHANNELS, Admission
from .complaints import Complaints
from .dispatch import Dispatch
from .muster import LEASE, Muster
from .news import News
from .peer import Peer
from .peers import Peers
from .pulses import Pulses
from .strangers import Strangers

__all__ = ["Hub"]

log = logging.getLogger("parallel.hub")

#: That there is no room for others is told so often, seconds.
FULL_EVERY = 600.0
#: So many engines that were given up are refused should they come back: until that
#: many more are, each that is left alone has long given up itself.
GIVEN_UP = 1 << 14


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
        self.muster = muster or Muster()
        self.news = News(peers)
        self.trouble = self.news.trouble
        self.absences = Absences(patience, partial(self.trouble, hinders=False))
        self.pulses = Pulses(peers)
        self.engines: dict[Uuid, EngineInfo] = {}
        #: Processes that a connection to broke, and since when (seconds, monotonic).
        self.missing: dict[Uuid, float] = {}
        #: When clients were told that there is no room for more, seconds.
        self._told_full = -FULL_EVERY
        #: Engines that are not to come back, the newest of them.
        self.given_up: Newest[Uuid, None] = Newest(GIVEN_UP)
        #: Greetings of engines' main threads that came before they may be answered.
        self._early: dict[Uuid, tuple[Hello, bytes, int, str | None]] = {}
        self._admission = Admission(
            keys, peers, self.muster, self.engines, self.given_up
        )
        self._strangers = Strangers()
        self._complaints = Complaints(log)

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
        if why := self._admission.why_not(hello, routing_id, curve):
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
            engine_id = self.muster.id_of(hello)
        if not self.is_away(peer.uuid):
            self._note_return(peer.uuid, now)
        # No engine knows others.
        infos = self.muster.infos(self.engines) if peer.role == "client" else []
        shown = self.news.shown(infos)
        stream, epoch = peer.stream, self.muster.epoch
        welcome = Welcome(
            peer.session, engine_id, shown, stream.seen, epoch, stream.safe,
            self.muster.restores,
        )  # fmt: skip
        self._peers.answer(peer, welcome, hello, anew=anew)
        if engine_id is not None:
            self._complete(peer, engine_id, now)
        elif peer.channel == "work" and earlier is None:
            for trouble in self.news.troubles:
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
        engine_id = self.muster.id_of(hello)
        self._peers.expect(msgspec.structs.replace(hello, channel="work"))
        self._enter(engine_id, hello)
        log.info("engine %s is back: %s:%s", engine_id, hello.host, hello.pid)
        reopening.engine_returned(self.engines[uuid], held, now)
        self._dispatch.drains.joined(uuid, now)
        if early := self._early.pop(uuid, None):
            self.greet(*early, now)

    def _enter(self, engine_id: EngineId, hello: Hello) -> None:
        """Call an engine there, and tell all clients."""
        info = EngineInfo(
            engine_id, hello.uuid, hello.host, hello.pid, hello.resources, hello.labels,
            hello.engine_set, hello.agent, hello.until, hello.job,
        )  # fmt: skip
        self.engines[hello.uuid] = info
        self.muster.join(info)
        self.news.joined(info)

    def _complete(self, peer: Peer, engine_id: EngineId, now: float) -> None:
        """Call an engine there once both of its connections are."""
        uuid, hello = peer.uuid, peer.hello
        other = "control" if peer.channel == "work" else "work"
        if uuid in self.engines or self._peers.channel(uuid, other) is None:
            return
        self._enter(engine_id, hello)
        log.info("engine %s joined: %s:%s", engine_id, hello.host, hello.pid)
        self._dispatch.engine_joined(self.engines[uuid], now)
        self._dispatch.drains.joined(uuid, now)

    def leave(self, peer: Peer, goodbye: Goodbye, now: float) -> None:
        """Take note of a goodbye."""
        if peer.role == "engine":
            known = goodbye.reason in (TIME_UP, WORLD_ENDED)
            why = goodbye.reason if known else WAS_STOPPED
            died = EngineDied(peer.uuid, why, 0, reach=goodbye.reach)
            self.engine_died(died, None, now)
        else:
            self.remove_client(peer)

    def disconnected(self, peer: Peer, now: float) -> None:
        """Take note of a broken connection."""
        if self._peers.by_session(peer.session) is not peer:
            self._peers.drop(peer)
            return
        log.info("%r is disconnected", peer)
        self._peers.lose(peer)
        if self.is_away(peer.uuid):
            self.missing.setdefault(peer.uuid, now)

    def _note_return(self, uuid: Uuid, now: float) -> None:
        """Take note that a process can be reached again."""
        since = self.missing.pop(uuid, None)
        if since is not None and uuid in self.engines:
            self.absences.end(self.engines[uuid], now - since)

    def is_away(self, uuid: Uuid) -> bool:
        """Tell whether a process cannot be reached.

        An engine's main thread mends its line when it has time: its side thread tells
        that it is there.
        """
        lines = [self._peers.channel(uuid, channel) for channel in CHANNELS]
        control = lines[-1]
        if control is not None and control.role == "engine" and uuid in self.engines:
            return control.away
        return any(line is not None and line.away for line in lines)

    def remove_client(self, peer: Peer) -> None:
        """Forget a client, and what waits for it."""
        self._peers.remove(peer)
        if peer.channel == "work":
            self._dispatch.intake.client_left(peer.uuid)

    def info_of(self, uuid: Uuid) -> EngineInfo | None:
        """Return what is known of an engine that is there, or on its way back."""
        awaited = self.muster.awaited.get(uuid)
        return self.engines.get(uuid) or (awaited.info if awaited else None)

    def unread_by(self, uuid: Uuid) -> list[Any]:
        """Return what an engine was sent and has not confirmed, in parts."""
        peer = self._peers.work.get(uuid)
        kept = () if peer is None else peer.stream.kept
        return [part for parts, _ in kept for part in parts]

    def engine_died(
        self,
        died: EngineDied,
        position: int | None,
        now: float,
        *,
        proved: bool = True,
    ) -> None:
        """Take an engine out, tell the clients, and see to its work."""
        self.given_up[died.uuid] = None
        self.missing.pop(died.uuid, None)
        self._early.pop(died.uuid, None)
        gone = self.info_of(died.uuid)
        self.muster.leave(died.uuid, is_watched=self._is_watched(gone))
        info = self.engines.pop(died.uuid, None)
        for channel in CHANNELS:
            peer = self._peers.channel(died.uuid, channel)
            if peer is not None:
                self._peers.remove(peer)
        if gone is None:
            self._dispatch.engine_missed(died, now)
            return
        self.absences.end(gone)
        log.warning("engine %s is gone: it %s", gone.engine_id, died.reason)
        self.news.left(died.uuid, gone.engine_id, died.reason)
        if info is None:
            if died.once is None:
                self.muster.doubt(LEASE)
            died = msgspec.structs.replace(died, engine_id=gone.engine_id)
            self._dispatch.engine_missed(died, now)
        else:
            self._dispatch.engine_lost(died, position, now, proved=proved)

    def missed_before(self, died: EngineDied, now: float) -> None:
        """Take note of what an engine had started that an earlier controller had."""
        if died.once:
            self._dispatch.engine_missed(died, now)

    def _is_watched(self, info: EngineInfo | None) -> bool:
        """Tell whether an engine has an agent that is there, and not this host's."""
        agent = self._peers.channel(info.agent, "control") if info else None
        return agent is not None and agent.role == "agent"

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
        elif peer.role == "client":
            self._dispatch.intake.client_left(peer.uuid)

    def let_go(self, peer: Peer, why: str) -> None:
        """End the session of a client for whom too much is kept."""
        self._turn_out(
            peer,
            f"this client was let go: {why}. Its tasks go on: make a new Client, which "
            "finds their results (get_result, by id or label)",
        )
        self._dispatch.intake.client_left(peer.uuid)
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
