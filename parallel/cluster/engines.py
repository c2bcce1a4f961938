"""The engines of one agent: started, watched, and replaced when they die."""

from __future__ import annotations

import itertools
import os
import signal
import time
import uuid
from collections.abc import Callable, Sequence

import msgspec

from ..aliases import Uuid
from ..engine.output import open_stream, read_from
from ..engine.page import Page, open_page
from ..engine.spec import EngineSpec
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import AgentTrouble, EngineDied, Kill, Retire, Scaled
from ..state.restarts import Restarts
from ..state.stories import WAS_STOPPED
from ..transport.openfiles import allow_all
from .child import ChildSpec
from .ends import last_lines, log_size, say_death
from .outofmemory import OutOfMemory
from .parent import kill_group

__all__ = ["Engines", "EnginesSpec"]

#: An engine that lived so long, seconds, had come up well.
SETTLED = 5.0


class EnginesSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The engines that an agent keeps up on its host.

    Parameters
    ----------
    n
        How many.
    environment
        Variables, from engine to engine, and again from the first.
    resources
        What tasks may take a share of, likewise.
    sys_path
        Where to look for modules last.
    lifeline
        A pipe whose end means that they are to end.
    agent
        What names the agent to the controller; nothing for the one that forked it.
    engine_set
        The set that they belong to.
    numbered
        Whether the first engine in each place asks for the place's number as its id.
    """

    n: int
    environment: list[dict[str, str]]
    resources: list[dict[str, float]]
    labels: list[str] = []
    sys_path: list[str] = []
    lifeline: int | None = None
    agent: bytes = b""
    engine_set: str = ""
    numbered: bool = False


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

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """The descriptors shared with it."""
        return self.page, self.stdout, self.stderr

    def close(self) -> None:
        """Close them."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Engines:
    """Keeps so many engines up, each in a place of its own.

    Parameters
    ----------
    log
        Returns the path of the log of the engine in a place.
    start
        Starts a child that does not keep these descriptors, and returns its pid.
    on_death
        Is told of each death.
    tell
        Is told what waiting users should be.
    """

    def __init__(
        self,
        spec: EnginesSpec,
        log: Callable[[int], str],
        start: Callable[[ChildSpec, Sequence[int]], int],
        on_death: Callable[[EngineDied], object],
        tell: Callable[[AgentTrouble], object],
    ) -> None:
        self._spec = spec
        #: How many there are to be.
        self.n = spec.n
        self._log = log
        self._start_child = start
        self._on_death = on_death
        self._tell = tell
        self._children: dict[int, EngineChild] = {}
        #: The slots that had an engine.
        self._started: set[int] = set()
        self._restarts = Restarts()
        self._out_of_memory = OutOfMemory()
        #: How many files they may have open: as many as this process's owner.
        self._open_files = allow_all()
        #: How to reach the controller, once that is known.
        self._info: ConnectionInfo | None = None

    @property
    def pids(self) -> list[int]:
        """Their processes."""
        return list(self._children)

    @property
    def uuids(self) -> list[Uuid]:
        """What names them to the controller."""
        return [each.uuid for each in self._children.values()]

    @property
    def descriptors(self) -> list[int]:
        """The descriptors shared with them, which no other child may keep."""
        return [fd for each in self._children.values() for fd in each.descriptors]

    def start(self, info: ConnectionInfo) -> None:
        """Start all of them, for the controller that is reached so."""
        self._info = info
        for slot in range(self.n):
            self._start(slot)

    def scale(self, n: int) -> Scaled:
        """Keep so many up from now on; who of too many leaves is for others to say."""
        self.n = n
        staying = [each for each in self._children.values() if not each.retired]
        taken = {each.slot for each in self._children.values()}
        free = (slot for slot in itertools.count() if slot not in taken)
        for slot in itertools.islice(free, max(0, n - len(staying))):
            self._start(slot)
        uuids = [each.uuid for each in staying]
        return Scaled(max(0, len(staying) - n), uuids)

    def _start(self, slot: int) -> None:
        spec, info = self._spec, self._info
        assert info is not None
        page, stdout, stderr = open_page(), open_stream("stdout"), open_stream("stderr")
        first = slot not in self._started
        own = EngineSpec(
            info=info,
            uuid=uuid.uuid4().bytes,
            page=page,
            stdout=stdout,
            stderr=stderr,
            lifeline=spec.lifeline,
            engine_id=slot if spec.numbered and first else None,
            resources=spec.resources[slot % len(spec.resources)],
            labels=spec.labels,
            agent=spec.agent,
            engine_set=spec.engine_set,
            parent=os.getpid(),
        )
        self._started.add(slot)
        log = self._log(slot)
        begin = log_size(log)
        what = ChildSpec(
            log=log,
            engine=own,
            environment=spec.environment[slot % len(spec.environment)],
            sys_path=spec.sys_path,
            open_files=self._open_files,
        )
        pid = self._start_child(what, self.descriptors)
        self._children[pid] = EngineChild(
            slot, own.uuid, pid, page, stdout, stderr, log, begin, time.monotonic()
        )

    def obey(self, order: Retire | Kill) -> None:
        """Note which engines end and are not replaced, or kill some for a reason."""
        for each in self._children.values():
            if each.uuid not in order.uuids:
                continue
            if isinstance(order, Retire):
                each.retired = True
            else:
                each.killed_for = order.why
                # One just forked may not lead its group yet, which ends with it.
                os.kill(each.pid, signal.SIGKILL)

    def died(self, pid: int, code: int, excused: float, *, stopping: bool) -> None:
        """Take note of a death: tell of it, and start another one in its place.

        Parameters
        ----------
        excused
            A moment (seconds, monotonic) that may have cost it its place, through no
            fault of its own: it counts as one that had come up well.
        stopping
            All are to end: nothing is started.
        """
        engine = self._children.pop(pid)
        kill_group(pid)  # what it started, it would have ended
        died = self._last_words(engine, code)
        self._on_death(died)
        if stopping or engine.retired or died.reason == WAS_STOPPED:
            return
        now = time.monotonic()
        worked = died.position > 0 or now - engine.born > SETTLED
        worked |= now - excused < SETTLED
        if self._restarts.may_restart(engine.slot, now, had_worked=worked):
            self._start(engine.slot)
            return
        text = f"engine {engine.slot + 1} of {self.n} did not stay up and is given"
        self._tell(AgentTrouble(f"{text} up: it {died.reason}"))

    def _last_words(self, engine: EngineChild, code: int) -> EngineDied:
        """Return what is to be told of a death: how, and what it was at."""
        page = Page(engine.page)
        position, out_begin, err_begin, reach, left = page.read()
        once = page.listed()
        begun_out, begun_err = page.held(0), page.held(1)
        page.close()
        reason = WAS_STOPPED
        if not (left and code == 0):
            no_memory = self._out_of_memory.has_struck()
            how = say_death(engine.pid, code, engine.killed_for, no_memory=no_memory)
            reason = how + last_lines(engine.log, engine.log_begin)
        died = EngineDied(
            uuid=engine.uuid,
            reason=reason,
            position=position,
            stdout=read_from(engine.stdout, out_begin) + begun_out,
            stderr=read_from(engine.stderr, err_begin) + begun_err,
            reach=reach,
            once=once,
        )
        engine.close()
        return died
