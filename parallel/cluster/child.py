"""One process of a cluster: forked from a warm parent, or spawned afresh.

What forks must have one thread, no zmq context and nothing running in libraries
with threads of their own; the agent keeps to that. Where fork is not safe, the
same children are spawned: a new interpreter that reads what it is to do from a
pipe, so that no secret stands in an argument list or in the environment.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from ..controller.process import run_controller
from ..controller.spec import ControllerSpec
from ..engine.engine import run_engine
from ..engine.spec import EngineSpec
from ..protocol.messages import AgentTrouble, FromAgent
from ..transport import openfiles
from ..transport.logs import open_log, open_log_file
from ..transport.pipe import Pipe
from .courier import CourierSpec, run_courier
from .surroundings import program_of

__all__ = ["ChildSpec", "main", "start"]

log = logging.getLogger("parallel.cluster")

#: The signals that a parent of such children handles.
CAUGHT = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to be: an engine, the controller or a courier.

    Parameters
    ----------
    log
        The file for what it says of itself.
    link
        The descriptor of the pipe to its agent; an engine has none.
    sys_path
        Where to look for modules last: a forked child has this from its parent.
    open_files
        How many it may have open; None for as many as its parent.
    """

    log: str
    engine: EngineSpec | None = None
    controller: ControllerSpec | None = None
    courier: CourierSpec | None = None
    link: int | None = None
    environment: dict[str, str] = {}
    sys_path: list[str] = []
    open_files: int | None = None

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that it needs of its parent."""
        own = self.engine or self.controller
        names = ("page", "stdout", "stderr", "lifeline")
        found = [getattr(own, name, None) for name in names]
        return [fd for fd in (*found, self.link) if fd is not None]


def start(spec: ChildSpec, method: str, closing: Sequence[int] = ()) -> int:
    """Start a child and return its pid.

    Parameters
    ----------
    method
        `fork` or `spawn`.
    closing
        Descriptors of the parent that a forked child must not keep.
    """
    return _fork(spec, closing) if method == "fork" else _spawn(spec)


def _fork(spec: ChildSpec, closing: Sequence[int]) -> int:
    # A signal must find the parent's handlers or none, not the parent's in the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid
    status = 1
    try:
        for descriptor in closing:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        _forget_parent()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        status = run(spec)
    finally:
        os._exit(status)


def _forget_parent() -> None:
    """Undo what a fork inherits and should not."""
    signal.set_wakeup_fd(-1)
    for signum in CAUGHT:
        signal.signal(signum, signal.SIG_DFL)
    numpy = sys.modules.get("numpy")
    if numpy is not None:  # Python's own generator is seeded anew at the fork
        numpy.random.seed()


def _spawn(spec: ChildSpec) -> int:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    process = subprocess.Popen(
        [sys.executable, "-c", program_of(__name__), str(read)],
        pass_fds=[read, *spec.descriptors],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(read)
    with os.fdopen(write, "wb") as file:
        file.write(msgspec.json.encode(spec))
    process.returncode = 0  # the agent itself waits for its children
    return process.pid


def run(spec: ChildSpec) -> int:
    """Be the child: return its exit status."""
    with contextlib.suppress(OSError):  # a spawned one leads its session already
        os.setsid()
    _hear_again()
    os.environ.update(spec.environment)
    if spec.open_files is not None:
        openfiles.allow(spec.open_files)
    sys.path += [folder for folder in spec.sys_path if folder not in sys.path]
    _redirect(spec.log)
    open_log()
    link = None
    if spec.link is not None:
        link = Pipe(socket.socket(fileno=spec.link), list[FromAgent])
    status = 1
    try:
        if spec.controller is not None:
            run_controller(spec.controller, link)
        elif spec.courier is not None and link is not None:
            run_courier(spec.courier, link)
        elif spec.engine is not None:
            run_engine(spec.engine)
        status = 0
    except Exception as error:
        log.exception("it ends for an error")
        if link is not None:
            link.send([AgentTrouble(str(error), fatal=True)])
    finally:
        if spec.engine is not None:
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    return status


def _hear_again() -> None:
    """Undo what a job script has its agent not hear, for what users' code is told."""
    for signum in (signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(signum) == signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        file = open_log_file(log)
    except OSError as error:  # no disk is so full that work could not go on
        print(f"cannot write {log}: {error.strerror}", file=sys.stderr, flush=True)
        file = os.dup(2)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Be a spawned child: the argument is the descriptor to read the spec from."""
    descriptor = int((sys.argv[1:] if argv is None else argv)[0])
    with open(descriptor, "rb") as file:
        spec = msgspec.json.decode(file.read(), type=ChildSpec)
    for inherited in spec.descriptors:  # what users' code starts gets none of them
        os.set_inheritable(inherited, False)
    status: Any = run(spec)
    gc.disable()
    os._exit(status)
