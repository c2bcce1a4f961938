"""The engines that are registered, on disk: for the next controller to know them by."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time

import msgspec

from ..aliases import EngineId, Uuid
from ..errors import LauncherError
from ..protocol.messages import EngineInfo, Hello
from ..state.roster import Roster
from ..transport.pids import start_time
from ..transport.privatefiles import write_private

__all__ = ["LEASE", "Enrolled", "Muster"]

FORMAT = "parallel-roster-1"
#: Tasks of an earlier controller are lost if nobody asks for them within this, seconds.
LEASE = 120.0
#: An engine that has died is still written down for so long, seconds: its clients may
#: not have been told what became of its tasks when the controller dies, too.
LATELY = 10.0
#: One that nobody else will tell of, since it was on another host and had no agent, is
#: remembered for as long as it takes at most to record what became of its tasks.
SHORTLY = 2.0
#: No doubt lasts longer, seconds: clocks are set back.
MOST = 3600.0


class Enrolled(msgspec.Struct, frozen=True):
    """An engine as it is written down.

    Parameters
    ----------
    started
        When its process did, clock ticks since boot, which tells it from a later one
        of its pid; 0 where that cannot be known.
    epoch
        Of the controller that let it in.
    left
        When it was found dead, seconds since 1970; 0 of one that lives.
    """

    info: EngineInfo
    started: int
    epoch: int
    left: float = 0.0

    def is_dead(self) -> bool:
        """Tell whether its process is proved to be gone: on this host, that can be."""
        if self.info.host != socket.gethostname() or not self.info.pid:
            return False
        return start_time(self.info.pid) != self.started

    def __str__(self) -> str:
        info = self.info
        name = "an engine" if info.engine_id < 0 else f"engine {info.engine_id}"
        where = f" (pid {info.pid} on {info.host})" if info.pid else ""
        return name + where


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the file."""

    epoch: int
    next_id: EngineId
    engines: list[Enrolled]
    #: See `Muster.doubt` and `Muster.rely`: until when, seconds since 1970.
    doubts: float = 0.0
    relies: float = 0.0
    format: str = FORMAT


class Muster:
    """Who is registered, written down as they come and go.

    Parameters
    ----------
    path
        The file; None to write none.
    epoch
        Which controller this is; the first one believes no file.
    alive
        The engines whose processes the agent has, also those that did not register.
    reads
        Whether what an earlier one wrote counts.
    """

    def __init__(
        self,
        path: Path | None = None,
        epoch: int = 1,
        alive: Sequence[Uuid] = (),
        *,
        reads: bool = True,
    ) -> None:
        self._path = path
        #: Which controller this is, counted from 1.
        self.epoch = epoch
        #: Whether what earlier ones had under way may go on.
        self.restores = reads and epoch > 1
        self._enrolled: dict[Uuid, Enrolled] = {}
        #: Those that have died of late.
        self._left: list[Enrolled] = []
        self._trouble = ""
        self._is_broken = False
        #: Until when nobody knows what was started, seconds since 1970.
        self.doubts_until = self._relies = 0.0
        reads = reads and epoch > 1 and path is not None
        next_id = self._read() if reads else 0
        #: Engines of earlier controllers that have neither come nor been proved dead:
        #: each may hold tasks of theirs.
        self.awaited: dict[Uuid, Enrolled] = dict(self._enrolled)
        #: Whether a task may have been started by an engine that nobody knows of; and
        #: whether only the record may know how one ended.
        self.is_doubtful = 0 < self.doubts_until - time() < MOST
        self.is_reliant = 0 < self._relies - time() < MOST
        for uuid in alive:
            unknown = Enrolled(EngineInfo(-1, uuid, "", 0), 0, epoch)
            self.awaited.setdefault(uuid, unknown)
        ids = {uuid: each.info.engine_id for uuid, each in self._enrolled.items()}
        self.roster = Roster(ids, next_id)
        #: Whether the file is out of date.
        self.is_stale = path is not None

    def _read(self) -> EngineId:
        assert self._path is not None
        try:
            roll = msgspec.json.decode(self._path.read_bytes(), type=Roll)
            if roll.format != FORMAT:
                raise msgspec.ValidationError(f"its format is {roll.format!r}")
        except FileNotFoundError:
            return 0  # no engine was ever there
        except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
            self._trouble = (
                f"the roster of engines {self._path} cannot be read ({error}): engines "
                "that come back get new ids, and what those run that do not is "
                "started again without waiting for them"
            )
            self.doubts_until = time() + LEASE
            return 0
        now = time()
        self._enrolled = {
            each.info.uuid: msgspec.structs.replace(each, left=0.0)
            for each in roll.engines
            if not each.left or abs(now - each.left) < LATELY
        }
        self.doubts_until, self._relies = roll.doubts, roll.relies
        return roll.next_id

    def id_of(self, hello: Hello) -> EngineId:
        """Return the id of an engine that greets; the one that it wants if possible."""
        world, size = hello.world, hello.world_size
        return self.roster.register(hello.uuid, hello.engine_id, world, size)

    def join(self, info: EngineInfo) -> None:
        """Enrol an engine, or take note that one is there again."""
        known = self.awaited.pop(info.uuid, None)
        epoch = self.epoch if known is None else known.epoch
        here = info.host == socket.gethostname()
        started = (start_time(info.pid) or 0) if here else 0
        self._enrolled[info.uuid] = Enrolled(info, started, epoch)
        self.is_stale = self._path is not None

    def leave(self, uuid: Uuid, *, is_watched: bool = False) -> None:
        """Strike off an engine that is dead, or given up.

        Parameters
        ----------
        is_watched
            Its agent will tell the next controller, too, how it died.
        """
        self.awaited.pop(uuid, None)
        self.roster.forget(uuid)
        enrolled = self._enrolled.pop(uuid, None)
        if enrolled is None:
            return
        self.is_stale = self._path is not None
        now = time()
        self._left = [each for each in self._left if now - each.left < LATELY]
        if is_watched or enrolled.info.host == socket.gethostname():
            self._left.append(msgspec.structs.replace(enrolled, left=now))
        else:  # it would be waited for
            self.doubt(SHORTLY)

    def doubt(self, seconds: float) -> None:
        """Take note that an engine is gone, and nobody knows what it had started.

        It may have been anything that a client asks a next controller for, for so long.
        """
        self.doubts_until = self._until(self.doubts_until, seconds)

    def rely(self, seconds: float) -> None:
        """Take note that for so long only the record may know how some tasks ended."""
        self._relies = self._until(self._relies, seconds)

    def _until(self, before: float, seconds: float) -> float:
        """Return a time so far from now; an earlier one, if that is nearly as far."""
        until = time() + seconds
        if 0 <= until - before < seconds / 4:
            return before
        self.is_stale = self._path is not None
        return max(before, until) if before - until < MOST else until

    def save(self) -> None:
        """Write the file anew; work goes on if that cannot be done, and users hear."""
        assert self._path is not None
        self.is_stale = False
        engines = [*self._enrolled.values(), *self._left]
        roll = Roll(
            epoch=self.epoch,
            next_id=self.roster.next_id,
            engines=engines,
            doubts=self.doubts_until,
            relies=self._relies,
        )
        try:
            write_private(self._path, msgspec.json.encode(roll) + b"\n")
        except LauncherError as error:
            if self._is_broken:
                return
            self._is_broken = True
            self._trouble = (
                f"the roster of engines is out of date: {error}. Should the controller "
                "be killed, engines that come back get new ids, and their tasks may be "
                "started twice"
            )

    def infos(self, there: Mapping[Uuid, EngineInfo]) -> list[EngineInfo]:
        """Return the engines that are there, and those that are on their way back."""
        awaited = (each.info for each in self.awaited.values())
        infos = [*there.values(), *(info for info in awaited if info.engine_id >= 0)]
        return sorted(infos, key=lambda info: info.engine_id)

    def proved_dead(self) -> list[Enrolled]:
        """Return those awaited whose processes are gone."""
        return [each for each in self.awaited.values() if each.is_dead()]

    def take_trouble(self) -> str:
        """Return what users should be told of the file, the first time."""
        trouble, self._trouble = self._trouble, ""
        return trouble
