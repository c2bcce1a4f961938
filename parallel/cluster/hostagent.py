"""The agent of engines whose controller runs somewhere else.

It forks and watches the engines of its host, and replaces those that die, as the agent
of a whole cluster does; it talks with the controller through its courier.
"""

from __future__ import annotations

import logging
import os
import selectors
import shutil
import socket
import uuid
from collections import deque
from pathlib import Path
from time import monotonic

import msgspec

from ..errors import ControllerUnreachable
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    AgentTrouble,
    EngineDied,
    FromAgent,
    Kill,
    Retire,
    Stop,
    Up,
)
from ..state.restarts import Restarts
from ..transport.holding import hold, make_runtime_dir
from ..transport.locations import log_file
from ..transport.pipe import Pipe
from .child import ChildSpec
from .courier import CourierSpec
from .ends import say_death
from .engines import Engines, EnginesSpec
from .parent import Parent

__all__ = ["HostAgent", "HostSpec"]

log = logging.getLogger("parallel.agent")

#: So many deaths are told to a controller that was started again.
REMEMBERED = 200


class HostSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is to keep up on its host, and for which controller.

    Parameters
    ----------
    profile_dir, cluster_id
        Where logs are written, and under which name.
    timeout, reconnect_timeout
        Seconds to wait for the controller at first, and once it cannot be reached.
    server, key
        A host to go through by ssh, and the file of a key for it; '' for none.
    engines
        The engines; their agent is this one.
    notice
        What users are to be told once the controller is there; '' for nothing.
    """

    info: ConnectionInfo
    profile_dir: str
    cluster_id: str
    start_method: str
    timeout: float
    reconnect_timeout: float
    server: str = ""
    key: str = ""
    engines: EnginesSpec
    notice: str = ""


class HostAgent(Parent):
    """Keeps engines up on this host until it is told to stop, or has no controller.

    It also ends with the last engine that is not to be replaced, so that nothing waits
    for nobody in a batch system.
    """

    def __init__(self, spec: HostSpec) -> None:
        super().__init__(spec.start_method)
        self._spec = spec
        self._name = uuid.uuid4().bytes
        engines = msgspec.structs.replace(spec.engines, agent=self._name)
        self._engines = Engines(
            engines, self._engine_log, self.start_child, self._on_death, self._tell
        )
        #: Where the near ends of a tunnel are, if they go through one. The engines hold
        #: it too, by the same descriptor.
        self._folder = make_runtime_dir() if spec.server else None
        self._held = hold(self._folder) if self._folder else -1
        self._courier = 0
        self._link: Pipe | None = None
        self._restarts = Restarts()
        self._deaths: deque[EngineDied] = deque(maxlen=REMEMBERED)
        self._is_up = False
        #: What was said of the last engine that did not stay up.
        self._given_up = ""
        #: Why it ends, if that is not in good order.
        self._failure = ""

    def run(self) -> None:
        """Start engines, watch them, and end once all of them have.

        Raises
        ------
        ControllerUnreachable
            The controller does not answer, says no, or is gone for good.
        """
        try:
            self.serve(self._start_courier)
        finally:
            if self._folder is not None:
                os.close(self._held)
                shutil.rmtree(self._folder, ignore_errors=True)
        if self._failure:
            raise ControllerUnreachable(self._failure)

    def pids(self) -> list[int]:
        """Return the processes of the engines and of the courier."""
        return self._engines.pids + ([self._courier] if self._courier else [])

    def pipes(self) -> list[Pipe]:
        """Return the one to the courier."""
        return [self._link] if self._link else []

    # The courier

    def _start_courier(self) -> None:
        ours, theirs = socket.socketpair()
        self._link = Pipe(ours, list[Up | Kill | Retire | Stop | AgentTrouble])
        spec = self._spec
        courier = CourierSpec(
            info=spec.info,
            agent=self._name,
            timeout=spec.timeout,
            reconnect_timeout=spec.reconnect_timeout,
            server=spec.server,
            key=spec.key,
            folder=str(self._folder or ""),
        )
        what = ChildSpec(
            log=self._log("ipagent"), courier=courier, link=theirs.fileno()
        )
        held = [self._held] if self._folder else []
        self._courier = self.start_child(what, [*self._engines.descriptors, *held])
        theirs.close()
        self.selector.register(self._link, selectors.EVENT_READ, self._on_link)

    def _on_link(self) -> None:
        link = self._link
        if link is None:
            return
        messages = link.receive()
        if messages is None:
            self._hang_up()
            return
        for message in messages:
            if isinstance(message, Up):
                self._on_up(message)
            elif isinstance(message, (Retire, Kill)):
                self._engines.obey(message)
            elif isinstance(message, Stop):
                self.stop()
            elif isinstance(message, AgentTrouble):
                self._fail(message.text)

    def _hang_up(self) -> None:
        if self._link is not None:
            self.selector.unregister(self._link)
            self._link.close()
            self._link = None

    def _on_up(self, up: Up) -> None:
        """Take note that a controller has let the courier in, perhaps another one."""
        if not self._is_up:
            self._is_up = True
            # By the address that has answered.
            info = msgspec.structs.replace(self._way(), urls=up.urls)
            log.info("joined %s", info.where)
            if self._spec.notice:
                self._send(AgentTrouble(self._spec.notice, hinders=False))
            if not self.stopping:
                self._engines.start(info)
        elif self._link is not None and self._deaths:
            self._link.send(list(self._deaths))

    def _way(self) -> ConnectionInfo:
        """Return what leads to the controller, by all of its addresses."""
        spec = self._spec
        if self._folder is None:
            return spec.info
        from ..transport.tunnel import tunnelled  # seldom needed

        return tunnelled(spec.info, spec.server, self._folder)

    def _courier_died(self, code: int) -> None:
        while self._link is not None:
            self._on_link()  # its last words
        pid, self._courier = self._courier, 0
        if self.stopping:
            return
        how = f"what carries its messages {say_death(pid, code)}"
        if self._restarts.may_restart("courier", monotonic(), had_worked=False):
            log.error("%s: another one takes its place", how)
            self._start_courier()
        else:
            self._fail(how)

    def _fail(self, why: str) -> None:
        if not self.stopping:
            self._failure = why
            self.stop()

    # The engines

    def _on_death(self, died: EngineDied) -> None:
        self._send(died)
        self._deaths.append(msgspec.structs.replace(died, stdout="", stderr=""))

    def _tell(self, trouble: AgentTrouble) -> None:
        log.error("%s", trouble.text)
        self._given_up = trouble.text
        self._send(trouble)

    def _send(self, message: FromAgent) -> None:
        if self._link is not None:
            self._link.send([message])

    def died(self, pid: int, code: int) -> None:
        """Take note of the end of the courier, or of an engine."""
        if pid == self._courier:
            self._courier_died(code)
        elif pid in self._engines.pids:
            never = float("-inf")
            self._engines.died(pid, code, never, stopping=bool(self.stopping))
            if self._engines.pids or self.stopping:
                self._take_leave()
            elif self._given_up:
                self._fail(self._given_up)
            else:  # each was told to end, or its time was up: so is this host's part
                self.stop()

    def stop(self) -> None:
        """Have all engines end, and then the courier."""
        super().stop()
        self._take_leave()

    def _take_leave(self) -> None:
        """Hang up once there is nobody more to speak of: the courier says goodbye."""
        if self.stopping and not self._engines.pids:
            self._send(Stop())
            self._hang_up()

    def _engine_log(self, slot: int) -> str:
        return self._log(f"ipengine-{slot}")

    def _log(self, name: str) -> str:
        """Return the path of a log that no other host writes."""
        place = [socket.gethostname()]
        place += (
            [self._spec.engines.engine_set] if self._spec.engines.engine_set else []
        )
        spec, name = self._spec, "-".join([name, *place])
        return str(log_file(Path(spec.profile_dir), name, spec.cluster_id))
