"""What an agent is told to start: one value, which travels to its process."""

from __future__ import annotations

import msgspec

from ..controller.spec import Recording, Scheduling
from ..transport.keys import Keys

__all__ = ["AgentSpec"]


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
    #: The name or address by which others reach this host.
    location: str = ""
    #: The set that its engines belong to.
    engine_set: str = ""
