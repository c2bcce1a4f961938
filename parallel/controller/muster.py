"""The engines that are registered, on disk: for the next controller to know them by."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time

import msgspec

from ..aliases import EngineId, Uuid
from ..errors import LauncherError
from ..protocol.messages import EngineInfo
from ..state.roster import Roster
from ..transport.locations import write_private
from ..transport.pids import start_time

__all__ = ["Enrolled", "Muster"]

FORMAT = "parallel-roster-1"
#: An engine that has died is still written down for so long, seconds: its clients may
#: not have been told what became of its tasks when the controller dies, too.
LATELY = 10.0


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
        reads = reads and epoch > 1 and path is not None
        next_id = self._read() if reads else 0
        #: Engines of earlier controllers that have neither come nor been proved dead:
        #: each may hold tasks of theirs.
        self.awaited: dict[Uuid, Enrolled] = dict(self._enrolled)
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
            return 0
        now = time()
        self._enrolled = {
            each.info.uuid: msgspec.structs.replace(each, left=0.0)
            for each in roll.engines
            if not each.left or abs(now - each.left) < LATELY
        }
        return roll.next_id

    def join(self, info: EngineInfo) -> None:
        """Enrol an engine, or take note that one is there again."""
        known = self.awaited.pop(info.uuid, None)
        epoch = self.epoch if known is None else known.epoch
        here = info.host == socket.gethostname()
        started = (start_time(info.pid) or 0) if here else 0
        self._enrolled[info.uuid] = Enrolled(info, started, epoch)
        self.is_stale = self._path is not None

    def leave(self, uuid: Uuid) -> None:
        """Strike off an engine that is dead, or given up."""
        self.awaited.pop(uuid, None)
        self.roster.forget(uuid)
        enrolled = self._enrolled.pop(uuid, None)
        if enrolled is None:
            return
        self.is_stale = self._path is not None
        now = time()
        self._left = [each for each in self._left if now - each.left < LATELY]
        if enrolled.info.host == socket.gethostname():  # else it would be waited for
            self._left.append(msgspec.structs.replace(enrolled, left=now))

    def save(self) -> None:
        """Write the file anew; work goes on if that cannot be done, and users hear."""
        assert self._path is not None
        self.is_stale = False
        engines = [*self._enrolled.values(), *self._left]
        roll = Roll(epoch=self.epoch, next_id=self.roster.next_id, engines=engines)
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
