"""`Cluster`: starts a controller and engines, connects to them, and stops them."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from traitlets import TraitError

from ..client.client import Client
from ..errors import LauncherError
from ..transport.addresses import LOCALHOST
from ..transport.locations import make_profile
from ..transport.openfiles import see_that_engines_fit
from .agentcontroller import AgentController, running_already
from .allocation import usable_cores, warn_of_a_crowd
from .attending import Attending
from .classic import INSTEAD, option_of_launcher
from .cleaning import clean_cluster_files
from .configfiles import read_config
from .elsewhere import controller_program, forget_last, new_record, wait_for_controller
from .files import ClusterFiles, place_of
from .launchers.launcher import Launcher
from .launchers.program import CONTROLLER
from .launchers.registry import find_launcher
from .launches import is_there, record_of
from .launchoptions import kind_of
from .nameplate import Nameplate
from .oldlogs import sweep_logs
from .profiles import CONFIGS, config_folder
from .records import LaunchRecord, read_record
from .twins import Twins

__all__ = ["Cluster", "clean_cluster_files"]

log = logging.getLogger("parallel.cluster")

_running: weakref.WeakSet[Cluster] = weakref.WeakSet()
C = TypeVar("C", bound="Cluster")
#: Options that are given under a shorter name, too.
SPELLINGS = MappingProxyType(
    {
        "engines": "engine_launcher_class",
        "controller": "controller_launcher_class",
    }
)


class Cluster(Nameplate, Twins, Attending, ClusterFiles):
    """A controller and engines; every option is also an attribute.

    As a context manager it starts, waits for all engines, gives a connected
    `Client`, and stops everything at the end::

        with Cluster(n=4) as rc:
            print(rc[:].apply_sync(os.getpid))

    A plain script needs no `if __name__ == "__main__"`. However this process ends,
    its cluster ends with it, unless `shutdown_atexit` is off.

    `engines="slurm"` has engines started elsewhere, and `controller="slurm"` the
    controller: by a launcher's name, the dotted path of its class, or the class.
    """

    def __init__(self, *unnamed: Any, **options: Any) -> None:
        if unnamed:
            n = unnamed[0] if isinstance(unnamed[0], int) else "…"
            raise TypeError(f"Cluster takes options by name alone: Cluster(n={n})")
        for short, name in SPELLINGS.items():
            if short in options and name in options:
                raise TypeError(f"{short} and {name} are the same option: give one")
            if short in options:
                options[name] = options.pop(short)
        if "cluster_file" in options:
            place = place_of(options.pop("cluster_file"))
            contrary = [k for k in place if options.get(k, place[k]) != place[k]]
            if contrary:
                raise TypeError(f"cluster_file and {contrary[0]} contradict each other")
            options |= place
        unknown = set(options) - set(self.trait_names())
        if unknown:
            name = min(unknown)
            chosen = options.get("engine_launcher_class", "local")
            more = INSTEAD.get(name) or option_of_launcher(name, chosen)
            more = f": {more}" if more else ""
            raise TypeError(f"Cluster has no option {name!r}{more}")
        self.engines = {}
        self._scaling = threading.Lock()
        self._given = set(options)
        super().__init__(**options)
        if self.load_profile:
            self._load_profile_config(options)
        #: Somebody chose the id, and will look for this cluster under it.
        self._is_named = self.trait_has_value("cluster_id")

    def _load_profile_config(self, options: dict[str, Any]) -> None:
        folder = config_folder(Path(self.profile_dir))
        for path in (folder / name for name in CONFIGS):
            if not path.exists():
                continue
            found = read_config(path)
            found.merge(self.config)  # what was given outright wins
            try:
                self.update_config(found)
            except TraitError as error:
                raise TraitError(f"{path}: {error}") from error
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
            The controller does not come up: why, and the last lines of its log. Or
            a launcher says no.
        """
        with self._starting():
            if n is not None:
                self.n = n
            if self.fits_in_agent:
                self.see_that_agent_can()
                self.n = self._count()
                see_that_engines_fit(self.n)
                warn_of_a_crowd(self.n)
                self._start_agent(self._new_set_id(None), self.n)
            else:
                self._start_controller()
                self.start_engines_sync(n)
                self.n = sum(launcher.n or 0 for launcher in self.engines.values())
        return self

    def start_controller_sync(self, **launcher_options: Any) -> None:
        """Start a controller, for engines to come.

        Parameters
        ----------
        launcher_options
            What its launcher is told, beside what the cluster is.

        Raises
        ------
        ClusterRunning
            This cluster has a controller.
        """
        with self._starting():
            self._start_controller(**launcher_options)

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """See that there is no such cluster yet, nor what is left of this one."""
        if self.transport == "ipc" and (self.ip or self.port):
            raise LauncherError("an ip and a port are for transport='tcp', not for ipc")
        folder = make_profile(Path(self.profile_dir))
        known = read_record(Path(self.cluster_file))
        if self.controller is not None or (known is not None and is_there(known)):
            raise running_already(self)
        if known is not None:
            known.remove()
        sweep_logs(folder)
        try:
            yield
        except BaseException:
            self._give_up()
            raise
        if self.shutdown_atexit:
            _running.add(self)

    def _start_controller(self, **launcher_options: Any) -> None:
        chosen = self.controller_launcher_class
        if kind_of(chosen) == "local":
            if launcher_options:
                raise TypeError(
                    f"the local controller has no option {min(launcher_options)!r}: "
                    "what it can be told are options of Cluster"
                )
            self._start_agent("", 0)
            return
        cls = find_launcher(chosen, CONTROLLER)
        common = self.common_options(cls, given=self._given, for_engines=False)
        options = {**common, **launcher_options}
        launcher = cls(controller_program(self), parent=self, **options)
        record = new_record(self, elsewhere=record_of(launcher))
        if not record.claim():
            raise running_already(self)
        self._record, self.controller = record, launcher
        forget_last(self)
        try:
            launcher.start()
        except LauncherError:
            self.controller = None  # there is nothing to stop
            raise
        self._record = record.amend(elsewhere=record_of(launcher))
        self._info = wait_for_controller(launcher)
        self._record = self._record.amend(urls=self._info.urls)

    def _start_agent(self, set_id: str, n: int) -> None:
        """Start a controller on this host, and engines with it."""
        self.controller = controller = AgentController(self)
        sets = {set_id: LaunchRecord(n=n, state={"agent": True})} if n else {}
        controller.launch(
            n,
            sets,
            listen=self._listen(),
            named=self._is_named,
            options=self.kept_options(),
        )
        self._info, self._record = controller.info, controller.record
        if n:
            program = self._engine_program(set_id)
            self._add_agents_engines(controller, program, n)

    def _listen(self) -> str:
        """Return where to listen on TCP; nothing for a socket in a private folder."""
        if self.transport == "ipc":
            return ""
        return f"tcp://{self.ip or ('*' if self.is_spread else LOCALHOST)}:{self.port}"

    def _count(self, launcher: Launcher | None = None) -> int:
        n = self.n or (launcher.engine_count if launcher else None)
        return n or usable_cores()

    def start_and_connect_sync(
        self, n: int | None = None, activate: bool = False
    ) -> Client:
        """Start, wait for all engines, and return a connected client.

        Parameters
        ----------
        activate
            Have the magics work on all engines.

        Raises
        ------
        EngineError
            Engines do not stay up: how they end, with the last lines of their log.
        TimeoutError
            They have not all registered after `engine_timeout` seconds.
        """
        self.start_cluster_sync(n)
        try:
            client = self._connect_to_all()
            if activate:
                client.activate()
            return client
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        """Stop what was started; what hinders that hides no other error."""
        try:
            self.stop_cluster_sync()
        except LauncherError as error:
            log.error(
                "not all of cluster %r could be stopped: %s", self.cluster_id, error
            )

    # Stopping

    def stop_controller_sync(self) -> None:
        """Stop the controller, and with it the engines that it still has."""
        controller = self.controller
        if controller is not None:
            controller.stop()
        if isinstance(controller, AgentController):
            self._record = controller.record
        self.controller = self._info = None
        own = self._own
        if own is not None:  # the agent has ended them
            del self.engines[own]
        if self._record is not None:
            forget_last(self)
            self._settle(*filter(None, [own]))

    def stop_cluster_sync(self) -> None:
        """Stop everything; return once every process is gone.

        Raises
        ------
        LauncherError
            Some of it could not be stopped; the rest was.
        """
        _running.discard(self)
        self.stop_adapting()
        troubles = self._stop_launched()  # the agent ends its own
        self.stop_controller_sync()
        troubles = troubles or self._stop_launched()  # others may have started some
        if troubles:
            raise LauncherError("\n".join(troubles))

    def _stop_launched(self) -> list[str]:
        """Stop the sets that no controller's agent has; return what went wrong."""
        try:
            self._catch_up()
            self._stop_sets([*self._launched_sets()])
        except LauncherError as error:
            return [str(error)]
        return []

    def detach(self) -> None:
        """Leave it running when this process ends, for `ipcluster stop` to stop."""
        _running.discard(self)
        self.stop_adapting()
        for launcher in (*self.engines.values(), self.controller):
            if launcher is not None:
                launcher.detach()

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
        import asyncio

        await asyncio.to_thread(self._client.close)
        await self.stop_cluster()


@atexit.register
def _stop_all() -> None:
    for cluster in list(_running):
        try:
            cluster.stop_cluster_sync()
        except LauncherError as error:  # the others are to be stopped nevertheless
            log.error("%r could not be stopped: %s", cluster, error)


# A process forked from this one does not own its clusters.
os.register_at_fork(after_in_child=_running.clear)
