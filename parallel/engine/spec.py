"""What an engine is started with: one value, which may travel to its process."""

from __future__ import annotations

import os
import socket

import msgspec

from ..protocol.connection import ConnectionInfo
from ..protocol.messages import Hello
from .mpi import World

__all__ = ["JOB", "RECONNECT_TIMEOUT", "EngineSpec"]

#: A controller that cannot be reached any more is waited for so long, seconds.
RECONNECT_TIMEOUT = 60.0
#: What launchers say: what they call the job that an engine is in, or its host.
JOB = "IPP_JOB"


class EngineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is started with; descriptors are those of its own process.

    Parameters
    ----------
    page, stdout, stderr
        Descriptors shared with the agent, or None to make one's own.
    lifeline
        A pipe whose end means that the owner of the cluster is gone.
    timeout
        Seconds to wait for the controller; None for ever.
    resources, labels
        What tasks may take a share of while they run, and what marks it for them.
    reconnect_timeout
        Seconds that a controller is waited for that cannot be reached any more.
    walltime
        Seconds from now until its job ends; 0 if only the environment may know.
    mpi_size
        The ranks of the MPI world that it joins first, whose rank is the id that it
        asks for; 0 if only their starter knows; None for no MPI.
    rank_stderr
        Where a rank's stderr is kept, with `{rank}` for its number.
    agent
        What names the agent that watches its process, if that is not the
        controller's own.
    engine_set
        The set of engines that it belongs to.
    parent
        The process that started it, without which it waits for no controller.
    startup
        Code that is run before all tasks, by the names of its files.
    """

    info: ConnectionInfo
    uuid: bytes
    engine_id: int | None = None
    page: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    lifeline: int | None = None
    timeout: float | None = None
    resources: dict[str, float] = {}
    labels: list[str] = []
    reconnect_timeout: float = RECONNECT_TIMEOUT
    walltime: float = 0.0
    mpi_size: int | None = None
    rank_stderr: str = ""
    agent: bytes = b""
    engine_set: str = ""
    parent: int | None = None
    startup: dict[str, str] = {}

    def hello(self, channel: str, world: World | None, until: float) -> Hello:
        """Return the greeting of one of its lines, from its own process.

        Parameters
        ----------
        world
            The MPI world that its process is a rank of, if any.
        until
            When it is to end, seconds since 1970; 0 if nobody knows.
        """
        return Hello(
            role="engine",
            channel=channel,
            uuid=self.uuid,
            secret=self.info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
            engine_id=self.engine_id if world is None else world.rank,
            resources=self.resources,
            labels=self.labels,
            until=until,
            world=b"" if world is None else world.token,
            world_size=0 if world is None else world.size,
            agent=self.agent,
            engine_set=self.engine_set,
            job=os.environ.get(JOB, ""),
        )
