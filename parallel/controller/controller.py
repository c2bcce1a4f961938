"""The controller: builds its parts, runs them in one loop, and ends in good order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec

from ..aliases import Uuid
from ..errors import LauncherError
from ..protocol.messages import (
    Abort,
    AgentTrouble,
    Define,
    EngineDied,
    Goodbye,
    Held,
    Hello,
    Kill,
    Mark,
    Need,
    Output,
    Ping,
    Pong,
    Publish,
    Query,
    Reopen,
    Result,
    Resumed,
    Retire,
    Revoked,
    Setup,
    Signal,
    Stop,
    Submit,
    Suspended,
    Up,
    WantCredit,
    WhoAreYou,
)
from ..protocol.wire import controller_decoder, frames_nbytes, session_of
from ..transport import sockets
from ..transport.door import Door
from ..transport.drain import Drain
from ..transport.holding import hold
from ..transport.keys import ROLES, Gate, Keys
from ..transport.locations import cluster_file, write_connection_files
from ..transport.openfiles import allow_all, most_open, say_if_few
from ..transport.pipe import Pipe
from .dispatch import Dispatch
from .evictions import evict
from .farewell import say_farewell
from .hearing import Handler, Hearing, Together
from .hub import Hub
from .muster import Muster
from .orders import pass_signal_on, say_goodbye
from .peers import Peer, Peers
from .queries import QUERIES, answer_of
from .reopening import Reopening
from .spec import ControllerSpec, Recording, Scheduling

__all__ = ["Controller", "run_controller"]

log = logging.getLogger("parallel.controller")

#: Disconnected engines are looked for this often, seconds.
LOOK = 0.05
#: The address of an earlier controller is free within this, seconds.
LISTENING = 2.0
#: What clients have got is confirmed so often to who is not told anyway, seconds.
CONFIRMING = 0.25
#: The garbage collector looks at what is new once there is so much: tasks that wait are
#: no garbage, and to look at them every 700 objects took an eighth of the time.
YOUNG = 10_000


class Controller:
    """One controller, from its bound socket to its end.

    Parameters
    ----------
    urls
        Where to listen; see `transport.sockets.bind_controller`.
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
        self._context = sockets.new_context(encrypted=encrypted)
        self._gate = Gate(self._context, keys)
        try:
            router, bound = sockets.bind_controller(
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
        self._decoder = controller_decoder()
        self._peers = Peers(
            lambda parts: sockets.send(self._socket, parts), scheduling.room
        )
        machine, holdings = scheduling.machine(), scheduling.holdings
        self._record = (recording or Recording()).record()
        muster = muster or Muster()
        self._dispatch = Dispatch(
            self._peers, machine, self._record, self._kill_running, holdings,
            muster.epoch,
        )  # fmt: skip
        if muster.restores:
            awaited = {u: each.info.engine_id for u, each in muster.awaited.items()}
            self._dispatch.reopening = Reopening(
                self._dispatch, awaited, self._peers.hold_back, monotonic()
            )
        self._hub = Hub(
            self._peers, self._dispatch, keys, muster, scheduling.engine_patience
        )
        self._door = Door(router, bound)
        self._monitor = sockets.DisconnectMonitor(router, most_open, self._door.shut)
        #: Whose connection broke, and what they said last may be unread.
        self._gone: list[tuple[Peer, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._confirming: asyncio.TimerHandle | None = None
        together: dict[type, Together] = {
            Submit: self._dispatch.on_submits,
            Result: self._dispatch.on_results,
        }
        self._hearing = Hearing(self._make_handlers(), together, self._hub.complain)

    def _make_handlers(self) -> dict[type, Handler]:
        dispatch = self._dispatch

        def reopen(peer: Peer, message: Reopen, _: object, now: float) -> None:
            if dispatch.reopening is not None:
                dispatch.reopening.reopen(peer.uuid, message, now)

        return {
            Define: lambda peer, message, _, now: dispatch.on_define(message, now),
            Need: lambda peer, message, *_: dispatch.on_need(peer, message),
            Revoked: lambda peer, message, _, now: dispatch.on_revoked(
                peer, message, now
            ),
            Output: lambda peer, message, *_: dispatch.on_output(peer, message),
            Abort: lambda peer, message, _, now: dispatch.on_abort(peer, message, now),
            Suspended: lambda peer, message, _, now: dispatch.on_suspended(
                peer, message, now
            ),
            Resumed: lambda peer, message, _, now: dispatch.on_resumed(
                peer, message, now
            ),
            Setup: dispatch.on_setup,
            Publish: lambda peer, message, frames, _: dispatch.on_publish(
                peer, message, frames
            ),
            Signal: lambda peer, order, *_: pass_signal_on(
                self._peers, self._hub.engines.values(), order
            ),
            WantCredit: lambda peer, *_: dispatch.credits.want(peer.uuid),
            Reopen: reopen,
            Held: lambda peer, message, _, now: self._hub.take_back(peer, message, now),
            Hello: lambda peer, hello, _, now: self._hub.greet(
                hello, peer.routing_id, peer.descriptor, None, now
            ),
            Goodbye: lambda peer, message, _, now: self._hub.leave(peer, message, now),
            Ping: lambda peer, *_: self._peers.say(peer, Pong()),
            Pong: lambda peer, *_: self._hub.pulses.hear(peer.uuid),
            Query: self._on_query,
            Stop: self._on_stop,
        }

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
        self._lifeline = lifeline
        loop = self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._gate.watch(loop)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with contextlib.suppress(ValueError):
                loop.add_signal_handler(signum, self._done.set)
        drain = Drain(loop, self._socket, self._on_batch, self._flush)
        loop.add_reader(self._monitor.descriptor, self._on_disconnects)
        loop.call_soon(self._on_disconnects)  # it tells nothing before it is read once
        if lifeline is not None:
            loop.add_reader(lifeline, self._done.set)
        if self._link is not None:
            loop.add_reader(self._link.fileno(), self._on_link)
        self._drain = drain
        self._record.start(self._tell_trouble)
        if few := say_if_few():
            self._hub.trouble(few, hinders=False)
        if self._dispatch.reopening is not None:
            self._dispatch.reopening.start(loop, self._send_now)
            self._on_look()  # some of the engines may be known to be dead
        log.info("listening on %s (pid %s)", ", ".join(self.urls), os.getpid())
        try:
            await self._done.wait()
        finally:
            at_end()
            drain.close()
            self._door.close()
            say_goodbye(self._peers)
            loop.remove_reader(self._monitor.descriptor)
            self._monitor.close()
            self._gate.stop()
            self._context.destroy(linger=50)
            self._record.close()

    def _tell_trouble(self, text: str) -> None:
        """Tell users, from whatever thread, of a trouble that stops no work."""

        def tell() -> None:
            self._hub.trouble(text, hinders=False)
            self._send_now()

        self._loop.call_soon_threadsafe(tell)

    # Reading

    def _on_batch(self, routing_id: bytes, head: Any, frames: list[Any]) -> None:
        now = self._loop.time()
        text = head.buffer
        peer = self._peers.by_session(session_of(text))
        # A session is no use on another's connection.
        if peer is None or peer.routing_id != routing_id:
            if hello := self._hub.greeting(text, routing_id, now):
                self._greet(hello, routing_id, head, now)
            return
        try:
            messages = self._decoder.messages(text)
            if messages and isinstance(mark := messages[0], Mark):
                del messages[0]
                if not self._is_next(peer, mark, len(text), frames, now):
                    return
            if messages:  # else it only confirms
                self._hearing.hear(peer, messages, frames, now)
        except Exception as error:  # one peer's messages end nobody else's work
            self._expel(peer, error)

    def _expel(self, peer: Peer, error: Exception) -> None:
        self._hub.expel(peer, error, self._loop.time())
        if peer.role == "engine":
            self._kill(peer.uuid, f"broke the rules of the wire: {error}")

    def _is_next(
        self, peer: Peer, mark: Mark, nbytes: int, frames: list[Any], now: float
    ) -> bool:
        """Tell whether a batch is the one to read now; ask for what is missing."""
        stream = peer.stream
        receipts, owing = self._peers.receipts, self._peers.owing
        if frames:
            nbytes += frames_nbytes(frames)
        is_next = stream.take(mark, nbytes)
        if peer in receipts.clients:
            owing.update(receipts.confirm(peer))
        if is_next:
            if peer.role == "engine":
                receipts.heard.append((peer, mark.number, nbytes))
            elif stream.owes:
                owing.add(peer)
            return True
        if stream.lacks(mark):
            self._hub.refuse(peer.routing_id, WhoAreYou(), now)
        return False

    def _greet(self, hello: Hello, routing_id: bytes, head: Any, now: float) -> None:
        # Descriptors are used again: note who has left before who has come.
        self._note_disconnects()
        descriptor = sockets.peer_descriptor(head)
        curve = sockets.curve_role(head)
        self._hub.greet(hello, routing_id, descriptor, curve, now)

    def _on_query(self, peer: Peer, query: Query, _: Any, now: float) -> None:
        found: Future[Any] = Future()
        try:
            ask = QUERIES[query.name]
            value = ask(self._hub, self._dispatch, **query.arguments)
            if isinstance(value, Future):
                found = value
            else:
                found.set_result(value)
        except Exception as error:
            found.set_exception(error)
        if found.done():
            self._answer(peer, query, found)
            return
        peer.asked.add(found)
        found.add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(
                self._answer_late, peer, query, found
            )
        )

    def _answer(self, peer: Peer, query: Query, found: Future[Any]) -> None:
        self._peers.say(peer, *answer_of(query.seq, found))

    def _answer_late(self, peer: Peer, query: Query, found: Future[Any]) -> None:
        peer.asked.discard(found)
        if self._peers.by_session(peer.session) is peer:
            self._answer(peer, query, found)
            self._send_now()

    def _on_stop(self, peer: Peer, stop: Stop, _: Any, now: float) -> None:
        if stop.hub and self._link is not None and self._link.send([stop]):
            return  # the agent stops us all
        for uuid, info in list(self._hub.engines.items()):
            if stop.targets is None or info.engine_id in stop.targets:
                if self._link is not None:
                    self._link.send([Retire([uuid])])
                control = self._peers.channel(uuid, "control")
                if control is not None:
                    self._peers.say(control, Stop())
        if stop.hub:
            self._loop.call_soon(self._done.set)

    # The rest of the loop

    def _flush(self) -> None:
        if self._hub.muster.is_stale:  # an engine is written down before it gets work
            self._save_muster()
        for peer in self._peers.flush():
            self._gone.append((peer, peer.routing_id))
        if self._peers.overdue:
            evict(self._peers, self._hub, self._dispatch, self._expel)
            self._gone += [(peer, peer.routing_id) for peer in self._peers.flush()]
        if self._gone:
            self._loop.call_soon(self._on_disconnects)
        self._set_timers()

    def _send_now(self) -> None:
        """Send out of turn; that may use up the edge of what has come, so look."""
        self._flush()
        self._drain.look()

    def _save_muster(self) -> None:
        self._hub.muster.save()
        self._tell_of_muster()

    def _tell_of_muster(self) -> None:
        trouble = self._hub.muster.take_trouble()
        if trouble:
            self._hub.trouble(trouble, hinders=False)

    def _set_timers(self) -> None:
        wakeup = self._dispatch.machine.wakeup
        if self._timer is not None and wakeup != self._timer.when():
            self._timer.cancel()
            self._timer = None
        if wakeup is not None and self._timer is None:
            self._timer = self._loop.call_at(wakeup, self._on_time)
        is_waiting = self._hub.missing or self._hub.muster.awaited
        if is_waiting and self._looking is None:
            self._looking = self._loop.call_later(LOOK, self._on_look)
        if self._confirming is None and self._peers.receipts:
            self._confirming = self._loop.call_later(CONFIRMING, self._on_confirming)

    def _on_time(self) -> None:
        self._timer = None
        self._dispatch.on_time(self._loop.time())
        self._send_now()

    def _on_confirming(self) -> None:
        self._confirming = None
        self._peers.confirm()
        self._send_now()

    def _on_look(self) -> None:
        self._looking = None
        kill = self._kill if self._link is not None else None
        self._hub.look_for_missing(self._loop.time(), kill)
        if self._hub.muster.awaited:
            self._hub.look_for_awaited(self._loop.time(), kill)
        self._send_now()

    def _kill(self, uuid: Uuid, why: str = "") -> bool:
        return self._link is not None and self._link.send([Kill([uuid], why)])

    def _kill_running(self, uuid: Uuid, why: str) -> None:
        """Kill an engine whose task does not end when it is interrupted."""
        info = self._hub.engines.get(uuid)
        log.warning("engine %s is killed for its task: %s", info, why)
        ended = "was killed by SIGKILL: its task did not end when it was interrupted"
        control = self._peers.channel(uuid, "control")
        if self._kill(uuid, ended) or info is None or control is None:
            return
        # What an engine says of itself is no proof: it may name anybody's process.
        if sockets.peer_process(control.descriptor) == info.pid:
            with contextlib.suppress(OSError):
                os.kill(info.pid, signal.SIGKILL)
        else:
            self._peers.say(control, Signal("SIGKILL"))

    def _on_disconnects(self) -> None:
        if self._done.is_set():
            return
        self._note_disconnects()
        self._drain.empty()  # what a peer said before it left counts
        gone, self._gone = self._gone, []
        for peer, routing_id in gone:
            if peer.routing_id == routing_id:  # else it is there again
                self._hub.disconnected(peer, self._loop.time())
        self._send_now()

    def _note_disconnects(self) -> None:
        lost = self._monitor.lost()
        if self._monitor.was_full:
            self._monitor.was_full = False
            self._hub.tell_full(most_open(), self._loop.time())
        if lost:
            peers = self._peers.by_descriptors(lost)
            self._gone += [(peer, peer.routing_id) for peer in peers]

    def _on_agent_gone(self) -> None:
        """Go on without the agent; `ipcluster` finds this process in its place."""
        assert self._link is not None
        self._loop.remove_reader(self._link.fileno())
        self._link.close()
        self._link = None
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
        for message in messages:
            if isinstance(message, EngineDied):
                position = message.position
                self._hub.engine_died(message, position, self._loop.time())
            elif isinstance(message, AgentTrouble):
                self._hub.trouble(message.text, hinders=message.hinders)
        self._send_now()


def run_controller(
    spec: ControllerSpec,
    link: Pipe | None = None,
    on_up: Callable[[list[str]], None] = lambda urls: None,
) -> None:
    """Run a controller in this process until it is told to stop.

    Its connection files are written once it listens, and removed at its end.

    Parameters
    ----------
    on_up
        Is told where it listens.

    Raises
    ------
    LauncherError
        It cannot listen where it should.
    """
    allow_all()
    if spec.farewell:
        say_farewell(spec.keys, spec.urls, spec.farewell)
        return
    gc.set_threshold(YOUNG)
    runtime = Path(spec.runtime_dir) if spec.runtime_dir else None
    held = -1 if runtime is None else hold(runtime)
    controller = _listen(spec, link)
    encrypted = not controller.urls[0].startswith("ipc:")
    location = spec.location or socket.gethostname()
    urls = [_reachable(url, location) for url in controller.urls]
    infos = [
        msgspec.structs.replace(
            spec.keys.info(role, spec.cluster_id, urls, encrypted=encrypted),
            location=location,
        )
        for role in ROLES
    ]
    files = write_connection_files(Path(spec.profile_dir), infos)
    log.info("connection files: %s", ", ".join(map(str, files)))
    on_up(controller.urls)
    if link is not None and not link.send([Up(controller.urls)]):
        controller.is_orphan = True  # nobody knows of this one, so it does not begin
        log.error("the agent was gone before this controller was up")

    def remove() -> None:
        while (
            files and not spec.keeps_files
        ):  # once: the next controller's have the same names
            files.pop().unlink(missing_ok=True)

    try:
        if not controller.is_orphan:
            controller.run(spec.lifeline, at_end=remove)
    finally:
        remove()
        if held >= 0:
            os.close(held)
        if controller.is_orphan and runtime is not None:
            shutil.rmtree(runtime, ignore_errors=True)
            file = cluster_file(Path(spec.profile_dir), spec.cluster_id)
            file.unlink(missing_ok=True)


def _listen(spec: ControllerSpec, link: Pipe | None) -> Controller:
    """Return a controller that listens, also where another one did a moment ago.

    A peer on the way back to that one may have the port for an instant.
    """
    deadline = monotonic() + (LISTENING if spec.epoch > 1 else 0.0)
    roster = Path(spec.roster) if spec.roster else None
    again = spec.epoch > 1 and spec.restores
    muster = Muster(roster, spec.epoch, spec.alive, reads=again)
    recording = msgspec.structs.replace(spec.recording, inherits=again)
    while True:
        try:
            return Controller(
                spec.keys, spec.urls, link, spec.scheduling, recording, muster
            )
        except LauncherError:
            if monotonic() > deadline:
                raise
            sleep(0.02)


def _reachable(url: str, location: str) -> str:
    """Return the address by which peers reach a socket that listens on all of them."""
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return f"tcp://{location}:{port}" if host in ("0.0.0.0", "[::]") else url
