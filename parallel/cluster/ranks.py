"""The process of an MPI rank, watched: how it ended is told to its controller.

Only its parent learns how a process ended; but who starts ranks kills all that it knows
of once one has failed. So what it has started forks a watcher, out of its reach, which
forks the engine. The three end alike, the engine first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import resource
import signal
import time
import uuid
from collections.abc import Callable, Iterable
from typing import NamedTuple, NoReturn, TypeAlias

from ..aliases import Uuid
from ..engine.mpi import stderr_file
from ..engine.output import open_stream, read_from
from ..engine.page import Page, open_page
from ..engine.segments import sweep_old
from ..protocol.messages import AgentTrouble, EngineDied
from ..state.stories import WORLD_ENDED
from .ends import say_death, shown_lines
from .joining import Joining
from .outofmemory import OutOfMemory
from .pmi import open_relay

__all__ = ["Watched", "watched"]

log = logging.getLogger("parallel.engine")

#: Whether the process that started a rank is there is looked at so often, seconds.
LOOK_EVERY = 0.5
#: A rank whose starter is gone has so long to end by SIGTERM, seconds.
GRACE = 1.0
#: Who kills a rank, and what it has started, may not get to both at once, seconds.
TOGETHER = 0.5
#: What is said of a rank that was killed after its starter, or with it.
ABORTED = "has aborted its MPI world"
#: What MPICH writes to the stderr of a rank that does so; Open MPI's is not killed.
ABORT = re.compile(r"Abort\(\d")
#: What is sent to a process group finds the engine there, and not its watchers.
ENGINES = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2
)  # fmt: skip


class Watched(NamedTuple):
    """What an engine shares with its watcher: see `EngineSpec`."""

    uuid: Uuid
    agent: Uuid
    page: int
    stdout: int
    #: None if it is kept in a file.
    stderr: int | None


#: Tells a controller something, in an agent's name.
Tell: TypeAlias = Callable[[Uuid, EngineDied | AgentTrouble], object]


def watched(rank_stderr: str, tell: Tell, notice: str = "") -> Watched:
    """Fork twice; return in the process that is to be the engine.

    Parameters
    ----------
    rank_stderr
        The file of a rank's stderr, with `{rank}` for its number; '' for none.
    tell
        Tells a controller how an engine has died.
    notice
        What users are to be told at once; '' for nothing.
    """
    stderr = None if rank_stderr else open_stream("stderr")
    names = uuid.uuid4().bytes, uuid.uuid4().bytes
    shared = Watched(*names, open_page(), open_stream("stdout"), stderr)
    starter, own = os.getppid(), os.getpid()
    relay = open_relay(os.environ)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, *ENGINES))
    watcher = os.fork()
    if watcher:
        _end_like(_end_of(watcher, lambda: os.getppid() == starter or os._exit(1)))
    engine = os.fork()
    if not engine:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if relay is not None:
            relay.connect()
        return shared
    try:
        if relay is not None:
            relay.start()
        _Watcher(engine, own, shared, rank_stderr, tell, before).run(notice)
    except Exception:
        log.exception("what watches a rank failed")
    finally:
        os._exit(1)


def _end_of(pid: int, look: Callable[[], object]) -> int:
    """Return the exit code of a child, once it has ended.

    Parameters
    ----------
    look
        Is called again and again meanwhile.
    """
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, LOOK_EVERY)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        look()


def _end_like(code: int) -> NoReturn:
    """End as another process did: mpiexec tells how its children ended."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one is enough
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


class _Watcher:
    """Waits for an engine's end, and tells of it."""

    def __init__(
        self,
        engine: int,
        parent: int,
        shared: Watched,
        rank_stderr: str,
        tell: Tell,
        mask: Iterable[int],
    ) -> None:
        self._engine = engine
        self._parent = parent
        self._shared = shared
        self._rank_stderr = rank_stderr
        self._tell = tell
        self._mask = mask
        self._page = Page(shared.page)
        self._joining = Joining(engine, self._page)
        self._memory = OutOfMemory()
        #: When the rank's starter was seen to be gone, seconds (monotonic).
        self._orphaned = 0.0

    def run(self, notice: str) -> NoReturn:
        """Watch, tell, and end as the engine did."""
        os.setsid()
        sweep_old()
        if notice:
            self._say(uuid.uuid4().bytes, AgentTrouble(notice, hinders=False))
        code = _end_of(self._engine, self._look)
        self._joining.sweep()
        died = self._last_words(code)
        if died is not None:
            self._say(self._shared.agent, died)
        _end_like(code)

    def _say(self, agent: Uuid, message: EngineDied | AgentTrouble) -> None:
        for (
            signum
        ) in ENGINES:  # not ignored, nor blocked: ssh would have that from here
            signal.signal(signum, lambda *_: None)
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        with contextlib.suppress(Exception):  # nobody is there to hear of it
            self._tell(agent, message)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def _look(self) -> None:
        self._joining.look()
        if os.getppid() == self._parent:
            return
        now = time.monotonic()
        self._orphaned = self._orphaned or now
        late = now - self._orphaned > GRACE
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._engine, signal.SIGKILL if late else signal.SIGTERM)

    def _last_words(self, code: int) -> EngineDied | None:
        """Return what is to be told of an end: nothing if it was in good order."""
        position, out_begin, err_begin, reach, left = self._page.read()
        place = self._page.place()
        if left or place is None:
            return None
        rank, size = place
        stderr = self._stderr(rank)
        lines = read_from(stderr, 0).splitlines()
        why = ""
        if code in (-signal.SIGKILL, -signal.SIGTERM) and self._is_orphan():
            why = ABORTED if any(map(ABORT.match, lines)) else WORLD_ENDED
        how = say_death(self._engine, code, why, no_memory=self._memory.has_struck())
        (log.info if why == WORLD_ENDED else log.error)(
            "rank %s of %s %s", rank, size, how
        )
        name = stderr_file(self._rank_stderr, rank) or "its stderr"
        return EngineDied(
            uuid=self._shared.uuid,
            reason=f"{how}; it was rank {rank} of {size}{shown_lines(name, lines)}",
            position=position,
            stdout=read_from(self._shared.stdout, out_begin) + self._page.held(0),
            stderr=read_from(stderr, err_begin) + self._page.held(1),
            reach=reach,
            once=self._page.listed(),
        )

    def _stderr(self, rank: int) -> int:
        """Return a descriptor of what the engine has written to stderr."""
        if self._shared.stderr is not None:
            return self._shared.stderr
        try:
            return os.open(stderr_file(self._rank_stderr, rank), os.O_RDONLY)
        except OSError:  # the engine could not open it either, and has said so
            return open_stream("stderr")

    def _is_orphan(self) -> bool:
        """Tell whether the rank's starter has ended as well, or just before it."""
        deadline = time.monotonic() + TOGETHER
        while os.getppid() == self._parent and time.monotonic() < deadline:
            time.sleep(0.01)
        return os.getppid() != self._parent
