"""The controller: builds its parts, runs them in one loop, and ends in good order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from ..protocol.messages import Stop
from ..transport import sockets
from ..transport.drain import Drain
from ..transport.endpoints import bind_controller, new_context
from ..transport.keys import Gate, Keys
from ..transport.openfiles import say_if_few
from ..transport.pipe import Pipe
from .agents import Agents
from .disconnects import Disconnects
from .dispatch import Dispatch
from .evictions import evict
from .handlers import handlers_of, together_of
from .hearing import Hearing
from .hub import Hub
from .muster import Muster
from .orders import say_goodbye
from .parts import make_record, make_scheduler
from .peer import Peer
from .peers import Peers
from .questions import Questions
from .reading import Reading
from .reopening.reopening import Reopening
from .safekeeping import Safekeeping
from .searching import Search
from .spec import Recording, Scheduling
from .timers import Timers

__all__ = ["Controller"]

log = logging.getLogger("parallel.controller")

#: By then, seconds, libzmq has told whose connections are there: its threads may have
#: to wait for a processor.
SETTLED = 1.0


class Controller:
    """One controller, from its bound socket to its end.

    Parameters
    ----------
    urls
        Where to listen; see `transport.endpoints.bind_controller`.
    link
        The pipe to the agent that forked this process, if one did.
    muster
        The engines that earlier controllers at this address had.
    """

    def __init__(
        self,
        keys: Keys,
        urls: Sequence[str],
        link: Pipe | None = None,
        scheduling: Scheduling | None = None,
        recording: Recording | None = None,
        muster: Muster | None = None,
    ) -> None:
        scheduling = scheduling or Scheduling()
        encrypted = any(url.startswith("tcp:") for url in urls)
        self._context = new_context(encrypted=encrypted)
        self._gate = Gate(self._context, keys)
        try:
            router, bound = bind_controller(
                self._context, urls, keys, scheduling.silence
            )
        except Exception:
            self._gate.stop()
            self._context.destroy(0)
            raise
        self._socket = router
        #: The addresses that it listens on.
        self.urls = bound
        self._link = link
        #: The agent that forked this process is gone: nobody else removes its files.
        self.is_orphan = False
        self._peers = Peers(partial(sockets.send, router), scheduling.room)
        machine, holdings = make_scheduler(scheduling), scheduling.holdings
        self._record = make_record(recording or Recording())
        muster = muster or Muster()
        self._dispatch = Dispatch(
            self._peers, machine, self._record,
            lambda uuid, why: self._agents.kill_for_task(uuid, why), holdings,
            muster.epoch,
        )  # fmt: skip
        if muster.restores:
            self._dispatch.inherit(
                Reopening(self._dispatch, muster, self._peers, monotonic())
            )
        self._hub = Hub(
            self._peers, self._dispatch, keys, muster, scheduling.engine_patience
        )
        self._agents = Agents(self._hub, self._peers, link, self._dispatch.drains)
        self._search = Search(
            self._hub, self._peers, self._agents, scheduling.engine_patience
        )
        self._keeping = Safekeeping(self._peers, self._record, muster, self._send_now)
        self._disconnects = Disconnects(router, self._peers, self._hub)
        self._reading = self._make_reading()

    def _make_reading(self) -> Reading:
        """Return what deals with all that peers say."""
        questions = Questions(self._hub, self._dispatch, self._peers, self._send_now)
        handlers = handlers_of(
            self._dispatch, self._hub, self._agents, self._peers, questions,
            self._on_stop,
        )  # fmt: skip
        together = together_of(self._dispatch)
        return Reading(
            self._peers, self._hub, self._agents, self._dispatch.intake.overdrafts,
            Hearing(handlers, together, self._hub.complain), self._disconnects,
        )  # fmt: skip

    def tell(self, notice: str) -> None:
        """Tell all users something, those to come as well."""
        self._hub.trouble(notice, hinders=False)

    def run(
        self, lifeline: int | None = None, at_end: Callable[[], None] = lambda: None
    ) -> None:
        """Serve until told to stop, or until `lifeline` (a descriptor) closes.

        Parameters
        ----------
        at_end
            What is to be done then, while signals are still held off: a second one
            may end this process as soon as the loop is closed.
        """
        asyncio.run(self._run(lifeline, at_end))

    async def _run(self, lifeline: int | None, at_end: Callable[[], None]) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._gate.watch(loop)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with contextlib.suppress(ValueError):
                loop.add_signal_handler(signum, self._done.set)
        self._timers = Timers(
            loop, self._dispatch, self._hub, self._agents, self._search, self._peers,
            self._send_now,
        )  # fmt: skip
        drain = Drain(loop, self._socket, self._reading.on_batch, self._flush)
        self._disconnects.doubt = self._doubt
        loop.add_reader(self._disconnects.descriptor, self._on_disconnects)
        loop.call_soon(self._on_disconnects)  # it tells nothing before it is read once
        if lifeline is not None:
            loop.add_reader(lifeline, self._done.set)
        if self._link is not None:
            loop.add_reader(self._link.fileno(), self._on_link)
        self._drain = drain
        self._record.start(self._tell_trouble)
        if few := say_if_few(self.urls):
            self._hub.trouble(few, hinders=False)
        if self._dispatch.reopening is not None:
            self._dispatch.reopening.start(loop, self._send_now)
            self._timers.look()  # some of the engines may be known to be dead
        log.info("listening on %s (pid %s)", ", ".join(self.urls), os.getpid())
        try:
            await self._done.wait()
        finally:
            at_end()
            drain.close()
            say_goodbye(self._peers)
            loop.remove_reader(self._disconnects.descriptor)
            self._disconnects.close()
            self._gate.stop()
            self._context.destroy(linger=50)
            self._record.close()

    def _tell_trouble(self, text: str) -> None:
        """Tell users, from whatever thread, of a trouble that stops no work."""

        def tell() -> None:
            self._hub.trouble(text, hinders=False)
            self._send_now()

        self._loop.call_soon_threadsafe(tell)

    def _on_stop(self, peer: Peer, stop: Stop, _: Any, now: float) -> None:
        if stop.hub and self._link is not None and self._link.send([stop]):
            return  # the agent stops us all
        for uuid, info in list(self._hub.engines.items()):
            if stop.targets is None or info.engine_id in stop.targets:
                self._agents.stop(uuid)
        if stop.hub:
            self._loop.call_soon(self._done.set)

    # The rest of the loop

    def _flush(self) -> None:
        if self._hub.muster.is_stale:  # an engine is written down before it gets work
            self._save_muster()
        if missing := self._peers.flush():
            self._disconnects.add(missing)
        if self._peers.overdue:
            evict(self._peers, self._hub, self._dispatch, self._reading.expel)
            self._disconnects.add(self._peers.flush())
        if self._disconnects:
            self._loop.call_soon(self._on_disconnects)
        self._keeping.look()
        self._timers.set()

    def _send_now(self) -> None:
        """Send out of turn; that may use up the edge of what has come, so look."""
        self._flush()
        self._drain.look()

    def _save_muster(self) -> None:
        self._hub.muster.save()
        if trouble := self._hub.muster.take_trouble():
            self._hub.trouble(trouble, hinders=False)

    def _on_disconnects(self) -> None:
        if self._done.is_set():
            return
        if not self._disconnects.note(self._loop.time()):
            return  # somebody has come, and will say so
        self._drain.empty()  # what a peer said before it left counts
        self._disconnects.tell(self._loop.time())
        self._agents.settle(self._loop.time())
        self._send_now()

    def _doubt(self, peer: Peer, descriptor: int) -> None:
        self._loop.call_later(SETTLED, self._judge, peer, peer.routing_id, descriptor)

    def _judge(self, peer: Peer, routing_id: bytes, descriptor: int) -> None:
        self._disconnects.judge(peer, routing_id, descriptor, self._loop.time())
        self._on_disconnects()

    def _on_agent_gone(self) -> None:
        """Go on without the agent; `ipcluster` finds this process in its place."""
        assert self._link is not None
        self._loop.remove_reader(self._link.fileno())
        self._link.close()
        self._link = self._agents.link = None
        self.is_orphan = True
        self._hub.trouble(
            "the agent of this cluster was killed. Work goes on, but engines that die "
            "are not replaced any more; `ipcluster stop` ends what is left",
            hinders=False,
        )

    def _on_link(self) -> None:
        assert self._link is not None
        messages = self._link.receive()
        if messages is None:
            self._on_agent_gone()
            return
        self._drain.empty()  # what an engine said before it died counts
        self._agents.on_own(messages, self._loop.time())
        self._send_now()
