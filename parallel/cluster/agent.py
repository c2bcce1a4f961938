"""The agent: one warm process a host, that forks the others and watches them.

It has one thread and no zmq context, for it forks. It talks with the controller
that it forked, and with its owner, over pairs of sockets. It alone can prove an
engine dead (waitpid), and says how it died: the status or signal, what it was
doing, the last lines of its log. Whoever dies unasked is replaced.
"""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..controller.spec import ControllerSpec
from ..errors import LauncherError
from ..protocol.messages import (
    AgentTrouble,
    EngineDied,
    Kill,
    Message,
    Retire,
    Scale,
    Stop,
    ToAgent,
    Up,
)
from ..transport.addresses import disambiguate_url
from ..transport.holding import hold
from ..transport.keys import ROLES
from ..transport.locations import connection_file, log_file
from ..transport.pids import start_time
from ..transport.pipe import Pipe
from .agentspec import AgentSpec
from .child import ChildSpec
from .engines import Engines, EnginesSpec
from .keeper import Keeper
from .parent import Parent
from .records import read_record
from .shares import each_engines

__all__ = ["Agent", "main"]


class Agent(Parent):
    """Keeps one controller and n engines, until told to stop."""

    def __init__(self, spec: AgentSpec, owner: Pipe) -> None:
        super().__init__(spec.start_method)
        self._spec = spec
        self._owner: Pipe | None = owner
        self._controller = self._make_keeper()
        self._engines = Engines(
            self._engines_spec(),
            lambda slot: self._log(f"ipengine-{slot}"),
            self.start_child,
            self._on_death,
            self._tell,
        )

    def run(self) -> None:
        """Start everything, watch it, and end once all of it has."""
        if self._owner is not None:
            self.selector.register(self._owner, selectors.EVENT_READ, self._on_owner)
        if self._spec.lifeline is not None:
            self.selector.register(
                self._spec.lifeline, selectors.EVENT_READ, self._on_lifeline
            )
        self.private.append(hold(Path(self._spec.runtime_dir)))
        self.serve(self._start_controller)
        self._clean_up()

    def pids(self) -> list[int]:
        """Return the processes of the engines and of the controller."""
        controller = [self._controller.pid] if self._controller.pid else []
        return self._engines.pids + controller

    def pipes(self) -> list[Pipe]:
        """Return those to the owner and to the controller."""
        return [pipe for pipe in (self._owner, self._controller.link) if pipe]

    def _clean_up(self) -> None:
        """Remove the cluster's files, also those that a killed controller has left."""
        spec = self._spec
        shutil.rmtree(spec.runtime_dir, ignore_errors=True)
        for role in ROLES:
            file = connection_file(Path(spec.profile_dir), spec.cluster_id, role)
            file.unlink(missing_ok=True)
        # Last: until then nobody else writes such files. Jobs elsewhere that nobody
        # has stopped are to be found again.
        record = read_record(Path(spec.cluster_file))
        if record is None or not record.has_sets_elsewhere():
            Path(spec.cluster_file).unlink(missing_ok=True)

    # Hearing

    def _on_lifeline(self) -> None:
        assert self._spec.lifeline is not None
        self.selector.unregister(self._spec.lifeline)
        self.stop()

    def _on_owner(self) -> None:
        assert self._owner is not None
        messages = self._owner.receive()
        if messages is None:
            self.selector.unregister(self._owner)
            self._owner = None
            return
        for message in messages:
            if isinstance(message, Stop):
                self.stop()

    def _on_link(self) -> None:
        link = self._controller.link
        if link is None:  # it had input, and was closed by what went before
            return
        messages = link.receive()
        if messages is None:
            self.selector.unregister(link)
            self._controller.hang_up()
            return
        for message in messages:
            if isinstance(message, Up):
                self._on_up(message)
            elif isinstance(message, (Retire, Kill)):
                self._engines.obey(message)
            elif isinstance(message, Scale):
                link.send([self._engines.scale(message.n)])
            elif isinstance(message, AgentTrouble):
                trouble = self._controller.hear(message)
                if trouble is not None:
                    self._tell_owner(trouble)
            elif isinstance(message, Stop):
                self.stop()

    def _on_up(self, up: Up) -> None:
        is_first = not self._controller.urls
        trouble = self._controller.up(up)
        self._write_down()
        if trouble is not None:
            self._tell(trouble)
        if not is_first:
            return
        self._tell_owner(up)
        if not self.stopping:
            spec, encrypted = self._spec, not up.urls[0].startswith("ipc:")
            urls = list(map(disambiguate_url, up.urls))
            self._engines.start(
                spec.keys.info("engine", spec.cluster_id, urls, encrypted=encrypted)
            )

    def _write_down(self) -> None:
        """Tell in the cluster's file which controller it has, and where."""
        record = read_record(Path(self._spec.cluster_file))
        if record is None:
            return
        keeper = self._controller
        try:
            record.amend(
                urls=keeper.urls,
                controller=keeper.pid,
                controller_started=start_time(keeper.pid) or 0,
                epoch=keeper.epoch,
            )
        except (LauncherError, OSError) as error:  # others are not told: it goes on
            self._tell(AgentTrouble(str(error), hinders=False))

    def _tell(self, trouble: AgentTrouble) -> None:
        self._tell_owner(trouble)
        self._controller.tell(trouble)

    def _tell_owner(self, message: Message) -> None:
        if self._owner is not None:  # it may never look: its clients are told as well
            self._owner.offer([message])

    # Starting

    def _make_keeper(self) -> Keeper:
        spec = self._spec
        controller = ControllerSpec(
            cluster_id=spec.cluster_id,
            urls=spec.urls,
            keys=spec.keys,
            profile_dir=spec.profile_dir,
            location=spec.location,
            lifeline=spec.lifeline,
            scheduling=spec.scheduling,
            recording=spec.recording,
            runtime_dir=spec.runtime_dir,
            roster=str(Path(spec.runtime_dir) / "roster.json"),
        )
        return Keeper(controller, self._log("ipcontroller"), self._start_child)

    def _engines_spec(self) -> EnginesSpec:
        spec = self._spec
        names = {"IPP_CLUSTER_ID": spec.cluster_id, "IPP_PROFILE_DIR": spec.profile_dir}
        return EnginesSpec(
            n=spec.n,
            environment=[names | each for each in each_engines(spec.environment)],
            resources=spec.resources,
            labels=spec.labels,
            sys_path=spec.sys_path,
            lifeline=spec.lifeline,
            engine_set=spec.engine_set,
            numbered=True,
        )

    def _start_controller(self) -> None:
        link = self._controller.start(self._engines.uuids)
        self.selector.register(link, selectors.EVENT_READ, self._on_link)

    def _start_child(self, what: ChildSpec) -> int:
        return self.start_child(what, self._engines.descriptors)

    def _log(self, name: str) -> str:
        return str(log_file(Path(self._spec.profile_dir), name, self._spec.cluster_id))

    # Watching

    def died(self, pid: int, code: int) -> None:
        """Take note of the end of the controller, or of an engine."""
        if pid == self._controller.pid:
            self._controller_died(code)
        elif pid in self._engines.pids:
            self._engines.died(
                pid, code, self._controller.died_at, stopping=bool(self.stopping)
            )

    def _on_death(self, died: EngineDied) -> None:
        if not self.stopping:  # else the controller ends, too
            self._controller.engine_died(died)

    def _controller_died(self, code: int) -> None:
        while self._controller.link is not None:
            self._on_link()  # its last words
        trouble = self._controller.died(code)
        if self.stopping:
            return
        if trouble is None:
            self._start_controller()
        else:
            self._tell_owner(trouble)
            self.stop()
            if code:  # else it has told all of them itself
                self._controller.take_leave(trouble.text)


def main(argv: Sequence[str] | None = None) -> None:
    """Be an agent: the argument is the descriptor of the pipe to the owner."""
    descriptor = int((sys.argv[1:] if argv is None else argv)[0])
    end = socket.socket(fileno=descriptor)
    end.set_inheritable(False)
    nbytes = int.from_bytes(_read_exactly(end, 4), "big")
    spec = msgspec.json.decode(_read_exactly(end, nbytes), type=AgentSpec)
    sys.path += [folder for folder in spec.sys_path if folder not in sys.path]
    if spec.lifeline is not None:
        os.set_inheritable(spec.lifeline, False)
    Agent(spec, Pipe(end, list[ToAgent])).run()


def _read_exactly(end: socket.socket, nbytes: int) -> bytes:
    data = b""
    while len(data) < nbytes:
        some = end.recv(nbytes - len(data))
        if not some:
            sys.exit("the owner of the cluster was gone before it said what to start")
        data += some
    return data
