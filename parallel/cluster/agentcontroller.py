"""A controller of this host that an agent keeps up, with engines or without."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

from ..errors import ClusterRunning, LauncherError
from ..protocol.connection import ConnectionInfo
from ..transport.addresses import disambiguate_url
from ..transport.holding import hold, make_runtime_dir, sweep, tend
from ..transport.keys import Keys, new_keys
from ..transport.locations import log_file, record_file
from ..transport.pids import start_time
from .agentspec import AgentSpec
from .launchers.job import ENDED, RUNNING, Job
from .launchers.program import CONTROLLER, Program
from .launchers.roles import ControllerLauncher
from .options import ClusterOptions
from .owner import AgentProcess
from .records import ClusterRecord, LaunchRecord, read_record
from .surroundings import modules_here

__all__ = ["AgentController", "running_already"]

#: A cluster of another process is waited for so long when it stops, seconds.
STOP_PATIENCE = 10.0
#: A controller has so long to come up, seconds, however soon engines are expected.
CONTROLLER_PATIENCE = 30.0


class AgentController(ControllerLauncher):
    """A controller on this host that is started again when it dies.

    Parameters
    ----------
    cluster
        What it is told.
    record
        The cluster's, where another process has started it.
    """

    kind = "local"

    def __init__(
        self, cluster: ClusterOptions, record: ClusterRecord | None = None
    ) -> None:
        program = Program(
            role=CONTROLLER,
            profile_dir=cluster.profile_dir,
            cluster_id=cluster.cluster_id,
        )
        super().__init__(program, parent=cluster)
        self._cluster = cluster
        #: None where another process has started it.
        self.agent: AgentProcess | None = None
        self.record = record
        #: How clients reach it, and with which keys: known to who has started it.
        self.info: ConnectionInfo | None = None
        self.keys: Keys | None = None
        #: Holds its folder of sockets while it starts.
        self._hold = -1

    def launch(
        self,
        n: int,
        sets: dict[str, LaunchRecord],
        *,
        listen: str,
        named: bool,
        options: dict[str, Any],
    ) -> None:
        """Start it, and engines with it; return once it listens.

        Parameters
        ----------
        n
            The engines.
        sets
            What the cluster's file says of them.
        listen
            The address on TCP; nothing for a socket in a private folder.
        named
            Somebody chose the cluster's id, and will look for it under that.
        options
            What the cluster's file says of engines to come.

        Raises
        ------
        ClusterRunning
            A cluster of this profile and id is running.
        LauncherError
            It does not come up: why, and the last lines of its log.
        """
        cluster = self._cluster
        log = log_file(Path(cluster.profile_dir), "ipagent", cluster.cluster_id)
        detached = not cluster.shutdown_atexit
        try:
            # In this order, nobody can interrupt it and leave anything behind: an
            # agent that was told nothing yet ends with its pipe.
            self.agent = AgentProcess(log, cluster.work_dir, detached=detached)
            runtime = self._claim(self.agent, n, sets, options)
            self._begin(self.agent, runtime, n, listen, named=named)
            patience = max(cluster.engine_timeout, CONTROLLER_PATIENCE)
            self._know(self.agent.wait_until_up(patience))
        finally:
            descriptor, self._hold = self._hold, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _claim(
        self,
        agent: AgentProcess,
        n: int,
        sets: dict[str, LaunchRecord],
        options: dict[str, Any],
    ) -> Path:
        """Write the file that tells of it; return its folder of sockets."""
        sweep()
        runtime = make_runtime_dir()
        # Until the agent does so, and by it the controller.
        self._hold = hold(runtime)
        tend(runtime)
        record = ClusterRecord(
            cluster_id=self._cluster.cluster_id,
            profile_dir=self._cluster.profile_dir,
            runtime_dir=str(runtime),
            host=socket.gethostname(),
            pid=agent.pid,
            started=start_time(agent.pid) or 0,
            n=n,
            sets=sets,
            options=options,
        )
        try:
            if not record.claim():  # another process was faster
                raise running_already(self._cluster)
        except BaseException:
            shutil.rmtree(runtime, ignore_errors=True)
            raise
        self.record = record
        return runtime

    def _begin(
        self,
        agent: AgentProcess,
        runtime: Path,
        n: int,
        listen: str,
        *,
        named: bool,
    ) -> None:
        cluster = self._cluster
        assert self.record is not None
        self.keys = new_keys()
        folder = Path(cluster.profile_dir)
        agent.begin(
            AgentSpec(
                cluster_id=cluster.cluster_id,
                profile_dir=cluster.profile_dir,
                runtime_dir=str(runtime),
                cluster_file=str(self.record.path),
                urls=[listen or f"ipc://{runtime}/c"],
                keys=self.keys,
                location=cluster.controller_location,
                n=n,
                start_method=cluster.start_method,
                sys_path=modules_here(),
                environment={str(k): str(v) for k, v in cluster.environment.items()},
                scheduling=cluster.scheduling(),
                recording=cluster.recording(
                    record_file(folder, cluster.cluster_id)
                    if named
                    else runtime / "tasks.db"  # it ends with the cluster
                ),
                resources=cluster.resources,
                labels=cluster.labels,
                engine_set=next(iter(self.record.sets), ""),
            )
        )

    def _know(self, urls: list[str]) -> None:
        """Take note of where the controller listens."""
        assert self.record is not None
        assert self.keys is not None
        encrypted = not urls[0].startswith("ipc:")
        self.info = self.keys.info(
            "client",
            self.record.cluster_id,
            list(map(disambiguate_url, urls)),
            encrypted=encrypted,
        )
        self.record = self.read_record()  # the agent has written where

    def read_record(self) -> ClusterRecord | None:
        """Return what the cluster's file says by now."""
        if self.record is None:
            return None
        return read_record(self.record.path) or self.record

    def jobs(self) -> list[Job]:
        """Return where it stands."""
        record = self.read_record()
        if record is None:
            return []
        if not record.is_running():
            return [Job(name=str(record.pid), state=ENDED)]
        if not record.is_here or record.has_agent():
            return [Job(name=str(record.pid), state=RUNNING)]
        why = f"its agent (pid {record.pid}) was killed: nobody replaces who dies"
        pid = str(record.controller)
        return [Job(name=pid, state=RUNNING, reason=why, unattended=True)]

    def stop(self) -> None:
        """End it with all its engines; return once every process is gone."""
        agent, self.agent = self.agent, None
        if agent is not None:
            agent.stop()
        elif self.record is not None:
            _stop_from_outside(self.record)

    def signal(self, signum: int) -> None:
        """Send the controller a signal; one that dies of it is replaced."""
        record = self.read_record()
        if record is not None and record.is_here and record.has_controller():
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.controller, signum)

    def detach(self) -> None:
        """Let it go on when this process ends."""
        if self.agent is not None:
            self.agent.detach()
            self.agent = None


def running_already(cluster: ClusterOptions) -> ClusterRunning:
    """Return the error that there is such a cluster, and what to do."""
    profile = Path(cluster.profile_dir).name.removeprefix("profile_")
    return ClusterRunning(
        f"a cluster {cluster.cluster_id!r} of profile {profile!r} "
        "is running: connect to it by Client(…), stop it by `ipcluster stop`, or "
        "choose another cluster_id"
    )


def _stop_from_outside(record: ClusterRecord) -> None:
    """Stop what another process started.

    Raises
    ------
    LauncherError
        It runs on another host, or its agent does not end.
    """
    if not record.is_here:
        raise LauncherError(
            f"the cluster {record.cluster_id!r} runs on {record.host}: stop it there, "
            "or by a client's shutdown(hub=True)"
        )
    which, pid = "agent", record.pid
    if not record.has_agent():  # it was killed: its controller ends the rest
        which, pid = "controller", record.controller
    with contextlib.suppress(ProcessLookupError):
        if record.is_running():
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)  # a stopped one must hear it
    deadline = time.monotonic() + STOP_PATIENCE
    while record.is_running():
        if time.monotonic() > deadline:
            raise LauncherError(
                f"the {which} (pid {pid} on {record.host}) has not ended "
                f"{STOP_PATIENCE:g} s after SIGTERM"
            )
        time.sleep(0.01)
