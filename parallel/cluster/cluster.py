"""`Cluster`: starts a controller and engines, connects to them, and stops them."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from traitlets.config.loader import (
    ConfigFileNotFound,
    JSONFileConfigLoader,
    PyFileConfigLoader,
)

from ..client.client import Client
from ..errors import (
    ClusterRunning,
    EngineError,
    LauncherError,
    TimeoutError,
    TransportError,
)
from ..transport.holding import hold, sweep
from ..transport.keys import ROLES, new_keys
from ..transport.locations import (
    cluster_file,
    connection_file,
    log_file,
    make_profile,
    make_runtime_dir,
    profile_dir,
    record_file,
)
from ..transport.openfiles import see_that_engines_fit
from ..transport.pids import start_time
from .agent import AgentSpec
from .classic import INSTEAD
from .oldlogs import sweep_logs
from .options import ClusterOptions
from .owner import AgentProcess
from .records import ClusterRecord, read_record

__all__ = ["Cluster", "usable_cores"]

_running: weakref.WeakSet[Cluster] = weakref.WeakSet()
C = TypeVar("C", bound="Cluster")
#: A cluster of another process is waited for so long when it stops, seconds.
STOP_PATIENCE = 10.0
#: A controller has so long to come up, seconds, however soon engines are expected.
CONTROLLER_PATIENCE = 30.0


class Cluster(ClusterOptions):
    """A controller and engines on this host; every option is also an attribute.

    As a context manager it starts, waits for all engines, gives a connected
    `Client`, and stops everything at the end::

        with Cluster(n=4) as rc:
            print(rc[:].apply_sync(os.getpid))

    A plain script needs no `if __name__ == "__main__"`. However this process ends,
    its cluster ends with it, unless `shutdown_atexit` is off.
    """

    _agent: AgentProcess | None = None
    _record: ClusterRecord | None = None
    #: Holds its folder of sockets while it starts.
    _hold = -1

    def __init__(self, **options: Any) -> None:
        unknown = set(options) - set(self.trait_names())
        if unknown:
            name = min(unknown)
            more = f": {INSTEAD[name]}" if name in INSTEAD else ""
            raise TypeError(f"Cluster has no option {name!r}{more}")
        super().__init__(**options)
        if self.load_profile:
            self._load_profile_config(options)
        #: Somebody chose the id, and will look for this cluster under it.
        self._is_named = self.trait_has_value("cluster_id")

    def _load_profile_config(self, options: dict[str, Any]) -> None:
        for loader in (
            PyFileConfigLoader("ipcluster_config.py", path=self.profile_dir),
            JSONFileConfigLoader("ipcluster_config.json", path=self.profile_dir),
        ):
            with contextlib.suppress(ConfigFileNotFound):
                found = loader.load_config()
                found.merge(self.config)  # what was given outright wins
                self.update_config(found)
        for name, value in options.items():
            setattr(self, name, value)

    # Starting

    def start_cluster_sync(self: C, n: int | None = None) -> C:
        """Start the controller and the engines; return this cluster.

        Engines may still be on their way: `Client.wait_for_engines` waits.

        Raises
        ------
        ClusterRunning
            A cluster of this profile and id is running.
        LauncherError
            The controller does not come up: why, and the last lines of its log.
        """
        if n is not None:
            self.n = n
        if self.n is None:
            self.n = usable_cores()
        if self.transport == "ipc" and (self.ip or self.port):
            raise LauncherError("an ip and a port are for transport='tcp', not for ipc")
        see_that_engines_fit(self.n)
        folder = make_profile(Path(self.profile_dir))
        known = read_record(cluster_file(folder, self.cluster_id))
        if self._agent is not None or (known is not None and known.is_running()):
            raise self._is_running_already()
        sweep_logs(folder)
        detached = not self.shutdown_atexit
        log = log_file(folder, "ipagent", self.cluster_id)
        try:
            # In this order, nobody can interrupt it and leave anything behind: an
            # agent that was told nothing yet ends with its pipe.
            self._agent = AgentProcess(log, self.work_dir, detached=detached)
            self._begin(self._agent, folder)
            patience = max(self.engine_timeout, CONTROLLER_PATIENCE)
            urls = self._agent.wait_until_up(patience)
            self._know(urls)
        except BaseException:
            self.stop_cluster_sync()
            raise
        finally:
            self._let_go()
        if not detached:
            _running.add(self)
        return self

    def _begin(self, agent: AgentProcess, folder: Path) -> None:
        """Let an agent start everything, and write the file that tells of it."""
        assert self.n is not None
        self._keys = new_keys()
        sweep()
        runtime = make_runtime_dir()
        # Until the agent does so, and by it the controller.
        self._hold = hold(runtime)
        record = ClusterRecord(
            cluster_id=self.cluster_id,
            profile_dir=str(folder),
            runtime_dir=str(runtime),
            host=socket.gethostname(),
            pid=agent.pid,
            started=start_time(agent.pid) or 0,
            n=self.n,
        )
        try:
            if not record.claim():  # another process was faster
                raise self._is_running_already()
        except BaseException:
            shutil.rmtree(runtime, ignore_errors=True)
            raise
        self._record = record
        agent.begin(
            AgentSpec(
                cluster_id=self.cluster_id,
                profile_dir=str(folder),
                runtime_dir=str(runtime),
                cluster_file=str(record.path),
                urls=[self._url(runtime)],
                keys=self._keys,
                n=self.n,
                start_method=self.start_method,
                sys_path=_find_modules_here(),
                environment={str(k): str(v) for k, v in self.environment.items()},
                scheduling=self.scheduling(),
                recording=self.recording(
                    record_file(folder, self.cluster_id)
                    if self._is_named
                    else runtime / "tasks.db"  # it ends with the cluster
                ),
                resources=self.resources,
                labels=self.labels,
            )
        )

    def _let_go(self) -> None:
        descriptor, self._hold = self._hold, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _know(self, urls: list[str]) -> None:
        """Take note of where the controller listens."""
        assert self._record is not None
        encrypted = not urls[0].startswith("ipc:")
        self._info = self._keys.info(
            "client", self.cluster_id, urls, encrypted=encrypted
        )
        self._record = self.record  # the agent has written where

    def _is_running_already(self) -> ClusterRunning:
        return ClusterRunning(
            f"a cluster {self.cluster_id!r} of profile {Path(self.profile_dir).name} "
            "is running: connect to it by Client(…), stop it by `ipcluster stop`, or "
            "choose another cluster_id"
        )

    def _url(self, runtime: Path) -> str:
        if self.transport == "tcp":
            return f"tcp://{self.ip or '127.0.0.1'}:{self.port}"
        return f"ipc://{runtime}/c"

    def start_and_connect_sync(self, n: int | None = None) -> Client:
        """Start, wait for all engines, and return a connected client.

        Raises
        ------
        EngineError
            Engines do not stay up: how they end, with the last lines of their log.
        TimeoutError
            They have not all registered after `engine_timeout` seconds.
        """
        self.start_cluster_sync(n)
        try:
            return self._connect_to_all()
        except BaseException:
            self.stop_cluster_sync()
            raise

    def _connect_to_all(self) -> Client:
        client = self.connect_client_sync()
        try:
            self._wait_for_all(client)
        except BaseException:
            client.close()
            raise
        return client

    def _wait_for_all(self, client: Client) -> None:
        assert self.n is not None
        deadline = time.monotonic() + self.engine_timeout
        while True:
            left = deadline - time.monotonic()
            try:
                client.wait_for_engines(
                    self.n, timeout=min(0.2, max(0.0, left)), interactive=False
                )
                return
            except TimeoutError:
                if left <= 0:
                    raise TimeoutError(
                        f"{len(client)} of {self.n} engines registered within "
                        f"{self.engine_timeout:g} s; their logs are in "
                        f"{self.profile_dir}/log"
                    ) from None
            except TransportError:  # what ended the controller, the agent knows
                if self._agent is not None and self._agent.wait_until_gone(1.0):
                    self._agent.raise_trouble()
                raise
            except EngineError:  # one has left; unless the agent says so, another comes
                if self._agent is None:
                    raise
            if self._agent is not None:
                self._agent.look()
                self._agent.raise_trouble()
                for trouble in self._agent.troubles:
                    if trouble.hinders:
                        raise EngineError(trouble.text)

    def connect_client_sync(self, **options: Any) -> Client:
        """Return a client of this cluster, connected."""
        if self._agent is not None:
            return Client(self._info, cluster=self, **options)
        return Client(
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            cluster=self,
            **options,
        )

    def wait_for_news(self, also: Sequence[int] = ()) -> list[str] | None:
        """Wait until there is something to tell of a cluster that this process runs.

        Parameters
        ----------
        also
            Descriptors that end the wait too, once one of them can be read.

        Returns
        -------
        list[str] | None
            What its user should know; None if somebody else has stopped it.

        Raises
        ------
        LauncherError
            It ended by itself: why, with the last lines of a log.
        """
        agent = self._agent
        if agent is None:
            raise LauncherError(f"{self!r} is not run by this process")
        if not agent.troubles:
            agent.wait(also=also)
        if agent.left_in_order():
            return None
        agent.raise_trouble()
        news, agent.troubles = [trouble.text for trouble in agent.troubles], []
        return news

    # Stopping

    def stop_cluster_sync(self) -> None:
        """Stop everything; return once every process is gone."""
        _running.discard(self)
        agent, self._agent = self._agent, None
        record, self._record = self._record, None
        if agent is not None:
            agent.stop()
        elif record is not None:
            _stop_from_outside(record)
        if record is not None:
            _clean_up(record)

    def detach(self) -> None:
        """Leave it running when this process ends, for `ipcluster stop` to stop."""
        if self._agent is not None:
            self._agent.detach()
            self._agent = None

    # The same, in a running event loop

    async def start_cluster(self: C, n: int | None = None) -> C:
        """Start the controller and the engines: see `start_cluster_sync`."""
        return await asyncio.to_thread(self.start_cluster_sync, n)

    async def start_and_connect(self, n: int | None = None) -> Client:
        """Start, wait for all engines, and connect: see `start_and_connect_sync`."""
        return await asyncio.to_thread(self.start_and_connect_sync, n)

    async def connect_client(self, **options: Any) -> Client:
        """Return a client of this cluster: see `connect_client_sync`."""
        return await asyncio.to_thread(self.connect_client_sync, **options)

    async def stop_cluster(self) -> None:
        """Stop everything: see `stop_cluster_sync`."""
        await asyncio.to_thread(self.stop_cluster_sync)

    def __enter__(self) -> Client:
        self._client = self.start_and_connect_sync()
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.stop_cluster_sync()

    async def __aenter__(self) -> Client:
        self._client = await self.start_and_connect()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._client.close)
        await self.stop_cluster()

    # From disk

    @classmethod
    def from_file(
        cls,
        cluster_file: str | Path | None = None,
        *,
        profile: str | None = None,
        profile_dir: str | Path | None = None,
        cluster_id: str = "",
    ) -> Cluster:
        """Return a running cluster by its file: by default that of `ipcluster start`.

        Raises
        ------
        FileNotFoundError
            There is no such file, or what it tells of is gone.
        LauncherError
            It is damaged: what to do.
        """
        path = (
            Path(cluster_file)
            if cluster_file
            else _path(profile, profile_dir, cluster_id)
        )
        record = read_record(path, strict=True)
        if record is None or not record.is_running():
            raise FileNotFoundError(f"no running cluster has the file {path}")
        return cls.from_record(record)

    @classmethod
    def from_record(cls, record: ClusterRecord) -> Cluster:
        """Return a running cluster that its record tells of."""
        cluster = cls(
            cluster_id=record.cluster_id,
            profile_dir=record.profile_dir,
            n=record.n,
            shutdown_atexit=False,
        )
        cluster._record = record
        return cluster

    @property
    def record(self) -> ClusterRecord | None:
        """What its file says while it runs."""
        if self._record is None:
            return None
        return read_record(self._record.path) or self._record

    def __repr__(self) -> str:
        state = "running" if self._record is not None else "stopped"
        where = Path(self.profile_dir).name
        return (
            f"<Cluster(cluster_id={self.cluster_id!r}, {where}, n={self.n}, {state})>"
        )


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _path(profile: str | None, folder: str | Path | None, cluster_id: str) -> Path:
    return cluster_file(profile_dir(profile, folder=folder), cluster_id)


def _find_modules_here() -> list[str]:
    """Return where this process finds modules, for engines to look there too."""
    return [str(Path(folder or ".").absolute()) for folder in sys.path]


def _clean_up(record: ClusterRecord) -> None:
    """Remove what processes that had to be killed have left of a cluster."""
    for role in ROLES:
        file = connection_file(Path(record.profile_dir), record.cluster_id, role)
        file.unlink(missing_ok=True)
    record.remove()  # last: until then, nobody else writes such files


def _stop_from_outside(record: ClusterRecord) -> None:
    """Stop a cluster that another process started.

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


@atexit.register
def _stop_all() -> None:
    for cluster in list(_running):
        cluster.stop_cluster_sync()


# A process forked from this one does not own its clusters.
os.register_at_fork(after_in_child=_running.clear)
