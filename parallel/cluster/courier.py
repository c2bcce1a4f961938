"""The courier: carries what an agent and a controller on another host say.

An agent forks, so it has no zmq context; this child of it has, and passes messages on
between a pipe and a control connection.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from ..errors import ControllerUnreachable
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    AgentTrouble,
    EngineDied,
    Goodbye,
    Hello,
    Kill,
    Ping,
    Pong,
    Refused,
    Retire,
    Stop,
    ToHostAgent,
    Up,
    Welcome,
    WhoAreYou,
)
from ..protocol.wire import agent_decoder
from ..transport.addresses import has_vanished
from ..transport.dealer import Dealer
from ..transport.endpoints import connect_peer, new_context
from ..transport.holding import sweep_folder
from ..transport.pipe import Pipe
from ..transport.probing import reach
from ..transport.watcher import Watcher, wait_readable

__all__ = ["Courier", "CourierSpec", "run_courier"]

log = logging.getLogger("parallel.agent")

#: Greetings are repeated, and the controller's absence noticed, so often, seconds.
LOOK_EVERY = 0.5
#: Whether the agent has ended is looked at so often while addresses are tried, seconds.
PROBING = 5.0
#: The controller has so long to confirm what was said last, if it cannot be reached
#: just then, seconds: without that, it could not tell an ended engine from one cut off.
#: Batch systems leave a job ten or more between SIGTERM and SIGKILL.
PARTING = 8.0
#: So many of these are said again to a controller that takes the place of another.
REMEMBERED = 256
#: The goodbye has so long to leave, ms.
LEAVING_MS = 50


class CourierSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a courier is started with.

    Parameters
    ----------
    agent
        What names its agent to the controller.
    timeout
        Seconds to wait for the controller at first.
    reconnect_timeout
        And once it cannot be reached any more.
    server, key
        A host to go through by ssh, and the file of a key for it; '' for none.
    folder
        Where the near ends of that tunnel are: the agent's engines use them too, and
        hold it.
    """

    info: ConnectionInfo
    agent: bytes
    timeout: float
    reconnect_timeout: float
    server: str = ""
    key: str = ""
    folder: str = ""


class Courier:
    """Passes messages on until the controller, or the agent, is gone.

    Parameters
    ----------
    link
        The pipe to the agent.
    """

    def __init__(self, spec: CourierSpec, link: Pipe) -> None:
        self._spec = spec
        self._link = link
        self._context = new_context(encrypted=spec.info.curve is not None)
        hello = Hello(
            role="agent",
            channel="control",
            uuid=spec.agent,
            secret=spec.info.secret,
            host=socket.gethostname(),
            pid=os.getppid(),
        )
        self._line: Dealer[ToHostAgent] = Dealer(
            connect_peer(self._context, spec.info), hello, agent_decoder()
        )
        self._agent = os.getppid()
        #: The agent has said that it ends.
        self._is_over = False
        #: The agent was killed, and its engines may go on.
        self.is_orphan = False
        self._ended = self._is_leaving = False
        self._deaths: deque[EngineDied] = deque(maxlen=REMEMBERED)
        self._handlers: dict[type, Callable[[Any], object]] = {
            Welcome: self._on_welcome,
            WhoAreYou: lambda _: self._line.ask_again(),
            Ping: lambda _: self._line.say([Pong()]),
            Kill: lambda message: self._link.send([message]),
            Retire: lambda message: self._link.send([message]),
            Stop: lambda _: self._end("it was told to stop"),
            Goodbye: lambda message: self._end(message.reason),
            Refused: lambda message: self._fail(f"refused: {message.reason}"),
        }

    def run(self) -> None:
        """Serve until the end."""
        line = self._line
        watcher = Watcher([line.socket], [self._link.fileno(), line.monitor.descriptor])
        line.monitor.lost()  # its descriptor tells nothing before it is read
        link = Watcher([], [self._link.fileno()])
        while not (self._ended or self._is_leaving):
            if not line.is_open:
                self._look_for_controller(monotonic())
            watcher.wait(LOOK_EVERY)
            if link.wait(0):
                self._carry_up()
            self._carry_down()
            if line.monitor.lost():
                self._carry_down()  # it may have said goodbye just before
                line.greet(monotonic())
        if not self._ended:
            self._take_leave()
        line.close()
        self._context.destroy(LEAVING_MS)

    def _look_for_controller(self, now: float) -> None:
        spec, line = self._spec, self._line
        line.tend(now)
        most = spec.reconnect_timeout if line.was_open else spec.timeout
        if now - line.away <= most and not has_vanished(spec.info.urls[0]):
            return
        what = "cannot be reached any more" if line.was_open else "does not answer"
        self._fail(
            f"the controller at {spec.info.where} {what}, after {now - line.away:.0f} s"
        )

    def _carry_up(self) -> None:
        messages = self._link.receive()
        if messages is None:
            self._is_leaving = True
            return
        for message in messages:
            if isinstance(message, (EngineDied, AgentTrouble)):
                self._line.say([message])
            else:
                self._is_over = True
            if isinstance(message, EngineDied):
                self._deaths.append(message)

    def _take_leave(self) -> None:
        """Say goodbye for the agent, and what has become of it if it could not."""
        if not self._is_over:
            self.is_orphan = True
            text = (
                f"the agent of engines (pid {self._agent}) was killed: those that die "
                "are not replaced any more"
            )
            self._line.say([AgentTrouble(text, hinders=False)])
        if self._line.was_open:
            self._wait_for_confirmation()
        self._line.say([Goodbye("it was stopped")])

    def _wait_for_confirmation(self) -> None:
        """Stay until the controller has heard all that was said, but not for long."""
        line, until = self._line, monotonic() + PARTING
        watcher = Watcher([line.socket], [line.monitor.descriptor])
        line.greet(monotonic())  # the answer tells what has come
        while line.stream.kept or not line.is_open:
            left = until - monotonic()
            if left <= 0 or self._ended:
                return
            watcher.wait(min(left, LOOK_EVERY))
            self._carry_down()
            if line.monitor.lost():
                line.greet(monotonic())
            elif not line.is_open:
                line.tend(monotonic())

    def _carry_down(self) -> None:
        for message in self._line.hear(log):
            handler = self._handlers.get(type(message))
            if handler is not None:
                handler(message)

    def _on_welcome(self, welcome: Welcome) -> None:
        if not self._line.welcome(welcome):  # it has been started again
            self._line.renew()
            self._line.welcome(welcome)
            if self._is_leaving:  # else the agent says so
                self._line.say(list(self._deaths))
        self._link.send([Up(self._spec.info.urls)])

    def _end(self, why: str) -> None:
        log.info("it ends: %s", why)
        self._link.send([Stop()])
        self._ended = True

    def _fail(self, why: str) -> None:
        self._link.send([AgentTrouble(why, fatal=True)])
        self._ended = True


def run_courier(spec: CourierSpec, link: Pipe) -> None:
    """Be a courier until the controller, or the agent, is gone.

    Who ends the agent may end all of its processes: this one has to say so first.
    """
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Not SIG_IGN: the ssh of a tunnel would be started with that, and never end.
        signal.signal(signum, lambda *_: None)
    if not spec.server:
        _carry(spec, link, partial(reach, spec.info), lambda: False)
        return
    from ..transport.tunnel import Tunnel  # seldom needed

    folder = Path(spec.folder)
    with contextlib.closing(Tunnel(spec.info, spec.server, spec.key, folder)) as tunnel:
        is_orphan = _carry(spec, link, tunnel.reach, lambda: bool(tunnel.failure))
        while is_orphan and not sweep_folder(folder):
            time.sleep(LOOK_EVERY)  # its engines go on, and so does the tunnel


def _carry(
    spec: CourierSpec,
    link: Pipe,
    reach: Callable[[float], ConnectionInfo],
    is_hopeless: Callable[[], bool],
) -> bool:
    """Find the controller, and be a courier; tell whether the agent was killed."""
    try:
        info = _reach(spec, link, reach, is_hopeless)
    except ControllerUnreachable as error:
        link.send([AgentTrouble(str(error), fatal=True)])
        return False
    courier = Courier(msgspec.structs.replace(spec, info=info), link)
    courier.run()
    return courier.is_orphan


def _reach(
    spec: CourierSpec,
    link: Pipe,
    reach: Callable[[float], ConnectionInfo],
    is_hopeless: Callable[[], bool],
) -> ConnectionInfo:
    """Return what leads to the controller by one address, which answers from here.

    The agent cannot look for it: what forks has no zmq context.
    """
    deadline = monotonic() + spec.timeout
    while True:
        left = deadline - monotonic()
        try:
            return reach(min(left, PROBING))
        except ControllerUnreachable:
            if wait_readable([], [link.fileno()], 0):
                return spec.info  # the agent wants it no more
            if left <= PROBING or is_hopeless():
                raise
