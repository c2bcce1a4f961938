"""The agent: one warm process a host, that forks the others and watches them.

It has one thread and no zmq context, for it forks. It talks with the controller
that it forked, and with its owner, over pairs of sockets. It alone can prove an
engine dead (waitpid), and says how it died: the status or signal, what it was
doing, the last lines of its log. Whoever dies unasked is replaced.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..controller.spec import ControllerSpec, Recording, Scheduling
from ..engine.engine import EngineSpec
from ..engine.output import open_stream, read_from
from ..engine.page import Page, open_page
from ..errors import LauncherError
from ..protocol.messages import (
    AgentTrouble,
    EngineDied,
    Kill,
    Message,
    Retire,
    Stop,
    ToAgent,
    Up,
)
from ..state.restarts import Restarts
from ..transport.holding import hold
from ..transport.keys import ROLES, Keys
from ..transport.locations import connection_file, log_file
from ..transport.openfiles import allow_all
from ..transport.pids import start_time
from ..transport.pipe import Pipe
from . import child
from .child import ChildSpec
from .ends import last_lines, log_size, say_death
from .keeper import Keeper
from .records import read_record

__all__ = ["Agent", "AgentSpec", "main"]

#: Engines end by SIGTERM within this, seconds, or by SIGKILL.
GRACE = 5.0
#: An engine that lived so long, seconds, had come up well.
SETTLED = 5.0


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is to start and keep up.

    Parameters
    ----------
    runtime_dir
        The folder of the sockets, removed at the end.
    cluster_file
        Removed at the end too.
    sys_path
        Where the owner finds modules: engines look there last.
    lifeline
        A pipe whose end means that the owner is gone; None for a detached cluster.
    """

    cluster_id: str
    profile_dir: str
    runtime_dir: str
    cluster_file: str
    urls: list[str]
    keys: Keys
    n: int
    start_method: str
    lifeline: int | None = None
    sys_path: list[str] = []
    environment: dict[str, str] = {}
    scheduling: Scheduling = Scheduling()
    recording: Recording = Recording()
    #: From slot to slot, and again from the first if there are more engines.
    resources: list[dict[str, float]]
    labels: list[str] = []


class EngineChild(msgspec.Struct):
    """An engine's process, as its parent knows it."""

    slot: int
    uuid: bytes
    pid: int
    page: int
    stdout: int
    stderr: int
    log: str
    log_begin: int
    born: float
    retired: bool = False
    #: Why the controller had it killed, if it did.
    killed_for: str = ""

    def close(self) -> None:
        """Close the descriptors shared with it."""
        for descriptor in (self.page, self.stdout, self.stderr):
            os.close(descriptor)


class Agent:
    """Keeps one controller and n engines, until told to stop."""

    def __init__(self, spec: AgentSpec, owner: Pipe) -> None:
        self._spec = spec
        self._owner: Pipe | None = owner
        self._controller = self._make_keeper()
        self._engines: dict[int, EngineChild] = {}
        #: The slots that had an engine: the first one of each has its number for an id.
        self._started: set[int] = set()
        self._restarts = Restarts()
        self._stopping = 0.0
        self._killed = False
        self._selector = selectors.DefaultSelector()
        #: How many files engines may have open: as many as this process's owner.
        self._open_files = allow_all()

    # The loop

    def run(self) -> None:
        """Start everything, watch it, and end once all of it has."""
        signals = self._catch_signals()
        self._selector.register(signals, selectors.EVENT_READ, self._on_signals)
        if self._owner is not None:
            self._selector.register(self._owner, selectors.EVENT_READ, self._on_owner)
        if self._spec.lifeline is not None:
            self._selector.register(
                self._spec.lifeline, selectors.EVENT_READ, self._on_lifeline
            )
        self._own.append(hold(Path(self._spec.runtime_dir)))
        gc.collect()
        gc.freeze()  # what the children share stays shared
        self._start_controller()
        while not self._stopping or self._engines or self._controller.pid:
            timeout = None
            if self._stopping and not self._killed:
                timeout = max(0.0, self._stopping + GRACE - time.monotonic())
            for key, _ in self._selector.select(timeout):
                key.data()
            if timeout is not None and time.monotonic() > self._stopping + GRACE:
                self._kill()
        self._clean_up()

    def _clean_up(self) -> None:
        """Remove the cluster's files, also those that a killed controller has left."""
        spec = self._spec
        shutil.rmtree(spec.runtime_dir, ignore_errors=True)
        for role in ROLES:
            file = connection_file(Path(spec.profile_dir), spec.cluster_id, role)
            file.unlink(missing_ok=True)
        # Last: until then nobody else writes such files.
        Path(spec.cluster_file).unlink(missing_ok=True)

    def _catch_signals(self) -> int:
        read, write = os.pipe()
        for end in (read, write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(signum, lambda *_: None)
        self._own = [read, write]
        return read

    def _on_signals(self) -> None:
        for signum in os.read(self._own[0], 512):
            if signum != signal.SIGCHLD:
                self._stop()
        self._reap()

    def _on_lifeline(self) -> None:
        assert self._spec.lifeline is not None
        self._selector.unregister(self._spec.lifeline)
        self._stop()

    def _on_owner(self) -> None:
        assert self._owner is not None
        messages = self._owner.receive()
        if messages is None:
            self._selector.unregister(self._owner)
            self._owner = None
            return
        for message in messages:
            if isinstance(message, Stop):
                self._stop()

    def _on_link(self) -> None:
        link = self._controller.link
        if link is None:  # it had input, and was closed by what went before
            return
        messages = link.receive()
        if messages is None:
            self._selector.unregister(link)
            self._controller.hang_up()
            return
        for message in messages:
            if isinstance(message, Up):
                self._on_up(message)
            elif isinstance(message, Retire):
                for engine in self._engines.values():
                    engine.retired |= engine.uuid in message.uuids
            elif isinstance(message, Kill):
                for engine in self._engines.values():
                    if engine.uuid in message.uuids:
                        engine.killed_for = message.why
                        _kill_group(engine.pid)
            elif isinstance(message, AgentTrouble):
                trouble = self._controller.hear(message)
                if trouble is not None:
                    self._tell_owner(trouble)
            elif isinstance(message, Stop):
                self._stop()

    def _on_up(self, up: Up) -> None:
        is_first = not self._controller.urls
        trouble = self._controller.up(up)
        self._write_down()
        if trouble is not None:
            self._tell(trouble)
        if not is_first:
            return
        self._tell_owner(up)
        for slot in range(0 if self._stopping else self._spec.n):
            self._start_engine(slot)

    def _write_down(self) -> None:
        """Tell in the cluster's file which controller it has, and where."""
        record = read_record(Path(self._spec.cluster_file))
        if record is None:
            return
        keeper = self._controller
        record = msgspec.structs.replace(
            record,
            urls=keeper.urls,
            controller=keeper.pid,
            controller_started=start_time(keeper.pid) or 0,
            epoch=keeper.epoch,
        )
        try:
            record.write()
        except LauncherError as error:  # others are not told of it: it goes on
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
            lifeline=spec.lifeline,
            scheduling=spec.scheduling,
            recording=spec.recording,
            runtime_dir=spec.runtime_dir,
            roster=str(Path(spec.runtime_dir) / "roster.json"),
        )
        return Keeper(controller, self._log("ipcontroller"), self._start)

    def _start_controller(self) -> None:
        link = self._controller.start([e.uuid for e in self._engines.values()])
        self._selector.register(link, selectors.EVENT_READ, self._on_link)

    def _start(self, what: ChildSpec) -> int:
        """Start a child that holds nothing of the agent's, nor of the engines'."""
        engines = self._engines.values()
        shared = [fd for e in engines for fd in (e.page, e.stdout, e.stderr)]
        method = self._spec.start_method
        return child.start(what, method, [*self._private(), *shared])

    def _start_engine(self, slot: int) -> None:
        spec = self._spec
        page, stdout, stderr = open_page(), open_stream("stdout"), open_stream("stderr")
        own = EngineSpec(
            info=spec.keys.info(
                "engine",
                spec.cluster_id,
                self._controller.urls,
                encrypted=not self._controller.urls[0].startswith("ipc:"),
            ),
            uuid=uuid.uuid4().bytes,
            page=page,
            stdout=stdout,
            stderr=stderr,
            lifeline=spec.lifeline,
            engine_id=None if slot in self._started else slot,
            resources=spec.resources[slot % len(spec.resources)],
            labels=spec.labels,
        )
        self._started.add(slot)
        log = self._log(f"ipengine-{slot}")
        begin = log_size(log)
        environment = {
            "IPP_CLUSTER_ID": spec.cluster_id,
            "IPP_PROFILE_DIR": spec.profile_dir,
            **spec.environment,
        }
        what = ChildSpec(
            log=log,
            engine=own,
            environment=environment,
            sys_path=spec.sys_path,
            open_files=self._open_files,
        )
        pid = self._start(what)
        self._engines[pid] = EngineChild(
            slot, own.uuid, pid, page, stdout, stderr, log, begin, time.monotonic()
        )

    def _log(self, name: str) -> str:
        return str(log_file(Path(self._spec.profile_dir), name, self._spec.cluster_id))

    def _private(self) -> list[int]:
        """Return the descriptors that no child may keep."""
        pipes = [p.fileno() for p in (self._owner, self._controller.link) if p]
        inner = self._selector.fileno()
        return [*self._own, *pipes, inner]

    # Watching

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid == self._controller.pid:
                self._controller_died(code)
            elif pid in self._engines:
                self._engine_died(self._engines.pop(pid), code)

    def _controller_died(self, code: int) -> None:
        while self._controller.link is not None:
            self._on_link()  # its last words
        trouble = self._controller.died(code)
        if self._stopping:
            return
        if trouble is None:
            self._start_controller()
        else:
            self._tell_owner(trouble)
            self._stop()
            if code:  # else it has told all of them itself
                self._controller.take_leave(trouble.text)

    def _engine_died(self, engine: EngineChild, code: int) -> None:
        _kill_group(engine.pid)  # what it started, it would have ended
        page = Page(engine.page)
        position, out_begin, err_begin, reach, left = page.read()
        left = left and code == 0
        page.close()
        died = EngineDied(
            uuid=engine.uuid,
            reason="was stopped" if left else self._say_why(engine, code),
            position=position,
            stdout=read_from(engine.stdout, out_begin),
            stderr=read_from(engine.stderr, err_begin),
            reach=reach,
        )
        engine.close()
        if self._stopping:
            return
        self._controller.engine_died(died)
        if left or engine.retired:
            return
        now = time.monotonic()
        worked = position > 0 or now - engine.born > SETTLED
        worked |= now - self._controller.died_at < SETTLED  # that cost it its place
        if self._restarts.may_restart(engine.slot, now, had_worked=worked):
            self._start_engine(engine.slot)
            return
        trouble = AgentTrouble(
            f"engine {engine.slot + 1} of {self._spec.n} did not stay up and is given "
            f"up: it {died.reason}"
        )
        self._tell(trouble)

    def _say_why(self, engine: EngineChild, code: int) -> str:
        how = say_death(engine.pid, code, engine.killed_for)
        return how + last_lines(engine.log, engine.log_begin)

    # Stopping

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = time.monotonic()
        for pid in (*self._engines, self._controller.pid):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                    os.kill(pid, signal.SIGCONT)  # a stopped one must hear it

    def _kill(self) -> None:
        self._killed = True
        for pid in (*self._engines, self._controller.pid):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


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
