"""Engines that cannot be reached: what users are told of them, and for how long."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ..aliases import Uuid
from ..protocol.messages import EngineInfo
from ..transport.pids import state_of

__all__ = ["Absences"]

#: Nobody is told of an absence that is shorter, seconds.
TELL_AFTER = 2.0


class Absences:
    """Tells of engines that are away, and that are there again.

    Parameters
    ----------
    patience
        Seconds that an engine is waited for.
    tell
        Tells all users.
    """

    def __init__(self, patience: float, tell: Callable[[str], None]) -> None:
        self._patience = patience
        self._tell = tell
        #: Those that users were told of.
        self._told: set[Uuid] = set()
        #: Those whose agent was asked to kill them.
        self._asked: set[Uuid] = set()

    def note(self, info: EngineInfo, away: float) -> None:
        """Tell of an engine that has been away for so many seconds, once."""
        if info.uuid in self._told or away < min(TELL_AFTER, self._patience / 3):
            return
        self._told.add(info.uuid)
        left = max(1.0, self._patience - away)
        self._tell(
            f"{name(info)} cannot be reached: {why(info)}. Its work waits for it; in "
            f"{left:.0f} s it is given up"
        )

    def kill(
        self, info: EngineInfo, away: float, by_agent: Callable[[Uuid, str], bool]
    ) -> bool:
        """Have an engine's agent kill it: once, for it may be nobody's."""
        if info.uuid in self._asked:
            return False
        self._asked.add(info.uuid)
        words = f"could not be reached for {away:.0f} s, and was killed: {why(info)}"
        return by_agent(info.uuid, words)

    def end(self, info: EngineInfo, away: float | None = None) -> None:
        """Forget of one, and tell if it is there again."""
        self._asked.discard(info.uuid)
        if info.uuid in self._told:
            self._told.discard(info.uuid)
            if away is not None:
                self._tell(f"{name(info)} is there again after {away:.0f} s")


def name(info: EngineInfo) -> str:
    """Name an engine."""
    return f"engine {info.engine_id} (pid {info.pid} on {info.host})"


def why(info: EngineInfo) -> str:
    """Say why an engine may be away."""
    if info.host != socket.gethostname():
        return "it is stopped or cut off, or its host is"
    if state_of(info.pid) in ("T", "t"):
        return "its process is stopped (SIGSTOP)"
    return "its connection broke, though its process is there"
