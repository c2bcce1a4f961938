"""What a controller is started with: one value, which may travel to its process."""

from __future__ import annotations

import msgspec

from ..aliases import Uuid
from ..state.stopping import GRACE
from ..transport.keys import Keys
from .limits import Holdings, Limits, Room

__all__ = ["ControllerSpec", "Recording", "Scheduling"]


#: A connection breaks after so much silence at the latest, seconds.
LONGEST_SILENCE = 10.0


class Scheduling(msgspec.Struct, frozen=True, kw_only=True):
    """How tasks are given to engines.

    Parameters
    ----------
    scheme
        One of `state.policies.SCHEMES`.
    hwm
        An engine has at most so many balanced tasks in hand; 0 for any number, None
        for as many as hide the way there.
    grace
        Seconds that an interrupted task is given to end before its engine is killed.
    engine_patience
        Seconds that an engine which cannot be reached is waited for.
    holdings
        How much the controller holds of what has not ended.
    room
        How much may wait for clients that do not read it.
    """

    scheme: str = "leastload"
    hwm: int | None = None
    grace: float = GRACE
    engine_patience: float = 30.0
    holdings: Holdings = Holdings()
    room: Room = Room()

    @property
    def silence(self) -> float:
        """Seconds of silence that break a connection."""
        return min(LONGEST_SILENCE, self.engine_patience / 3)


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of tasks, and where.

    Parameters
    ----------
    kind
        `sqlite`, `memory` or `none`.
    path
        The file of a database; None for a temporary one that ends with the controller.
    limits
        How much is kept.
    inherits
        Whether what an earlier controller left unfinished is waited for: its clients,
        or its engines, may be there.
    """

    kind: str = "sqlite"
    path: str | None = None
    limits: Limits | None = None
    inherits: bool = False


class ControllerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller is started with."""

    cluster_id: str
    urls: list[str]
    keys: Keys
    profile_dir: str
    #: A pipe whose end means that the owner of the cluster is gone.
    lifeline: int | None = None
    #: The name or address by which others reach this host; by default its name.
    location: str = ""
    scheduling: Scheduling = Scheduling()
    recording: Recording = Recording()
    #: Which one it is of those that follow one another at one address, counted from 1.
    epoch: int = 1
    #: The engines whose processes its agent has, when it starts.
    alive: list[Uuid] = []
    #: Whether a later one takes up the roster, and what the record has unfinished.
    restores: bool = True
    #: Whether the connection files stay at its end, for the next one.
    keeps_files: bool = False
    #: The folder of its sockets, which it holds; '' for none.
    runtime_dir: str = ""
    #: The file of the engines that are registered; '' for none.
    roster: str = ""
    #: For some roles, a host from which ssh leads to the controller.
    ssh: dict[str, str] = {}
    #: Why there is no controller any more, for one that only tells that; '' for others.
    farewell: str = ""
    #: What users are to be told; '' for nothing.
    notice: str = ""
