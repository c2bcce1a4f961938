"""Takes in what engines say of their tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..aliases import Uuid
from ..protocol.messages import (
    Define,
    Need,
    Output,
    Publish,
    Published,
    Result,
    Resumed,
    Revoked,
    Suspended,
    TaskOutput,
)
from ..state.events import TaskFinished, TaskResumed, TasksRevoked, TaskSuspended
from ..state.naming import TaskKey
from .hearing import Come
from .host import Host
from .peer import Peer
from .peers import Peers
from .work import Ended

__all__ = ["Reports"]


class Reports:
    """Turns engines' messages into events, and passes on what tasks print and show.

    Parameters
    ----------
    recent
        Of each engine, tasks that have ended of late, by ordinal.
    look_at_old
        Sees to what waits for engines and clients of earlier controllers.
    """

    def __init__(
        self,
        host: Host,
        peers: Peers,
        recent: Mapping[Uuid, Mapping[int, TaskKey]],
        look_at_old: Callable[[float], None],
    ) -> None:
        self._machine, self._record = host.machine, host.record
        self._functions = host.functions
        self._handle, self._tell_client = host.handle, host.tell_client
        self._look_at_old = look_at_old
        self._peers = peers
        self._recent = recent

    def on_need(self, peer: Peer, need: Need) -> None:
        """Send an engine a function again that it has forgotten."""
        if need.digest and need.digest in self._functions:
            code = self._functions.code(need.digest)
            self._peers.say(peer, Define(need.digest, code))

    def on_results(self, peer: Peer, come: Come[Result], now: float) -> None:
        """Take in results that came together."""
        uuid = peer.uuid
        events = [
            TaskFinished(
                uuid,
                result.ordinal,
                result.completed - result.started,
                Ended(result, frames),
                result.status,
            )
            for result, frames in come
        ]
        self._handle(events, now)
        self._look_at_old(now)

    def on_suspended(self, peer: Peer, suspended: Suspended, now: float) -> None:
        """Note that a task waits for others, and its engine may run more."""
        self._handle([TaskSuspended(peer.uuid, suspended.ordinal)], now)

    def on_resumed(self, peer: Peer, resumed: Resumed, now: float) -> None:
        """Note that a task has what it waited for."""
        self._handle([TaskResumed(peer.uuid, resumed.ordinal)], now)

    def on_revoked(self, peer: Peer, revoked: Revoked, now: float) -> None:
        """Take back what an engine will not start."""
        self._handle([TasksRevoked(peer.uuid, revoked.asked, revoked.given)], now)

    def on_output(self, peer: Peer, output: Output) -> None:
        """Pass on what a task printed after its result, or beside it."""
        key = self._key_of(peer.uuid, output.ordinal)
        if key is not None:
            told = TaskOutput(key.seq, output.stdout, output.stderr, output.running)
            self._tell_client(key, told)
            self._record.printed(
                key, output.stdout, output.stderr, running=output.running
            )

    def on_publish(self, peer: Peer, publish: Publish, frames: Sequence[Any]) -> None:
        """Pass on what a task shows while it runs."""
        key = self._key_of(peer.uuid, publish.ordinal)
        if key is not None:
            told = Published(key.seq, publish.kind, publish.payload, publish.frames)
            self._tell_client(key, told, frames)

    def _key_of(self, uuid: Uuid, ordinal: int) -> TaskKey | None:
        """Return the task of an ordinal, if it runs or has ended not long ago."""
        engine = self._machine.engines.get(uuid)
        if engine is None:
            return None
        task = engine.inhand.get(ordinal)
        return self._recent[uuid].get(ordinal) if task is None else task.key
