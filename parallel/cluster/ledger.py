"""What a cluster writes down of itself, and reads of what others have started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ..client.client import Client
from ..client.locating import find
from ..errors import ControllerUnreachable
from ..protocol.connection import ConnectionInfo
from .agentcontroller import AgentController
from .agentengines import AgentEngines
from .launchers.launcher import Launcher
from .launchers.program import ENGINES, Program
from .launches import launched, record_of
from .options import ClusterOptions
from .records import ClusterRecord, LaunchRecord, read_record
from .resources import words_of

__all__ = ["Ledger"]


class Ledger(ClusterOptions):
    """What `Cluster` knows of what runs, here and in the cluster's file."""

    #: The launcher of the controller, once there is one.
    controller: Launcher | None = None
    #: The launchers of engines, by the ids of their sets.
    engines: dict[str, Launcher]
    #: The options that were given outright.
    _given: set[str]
    #: How clients reach it, and with which keys, where this process has started it.
    _info: ConnectionInfo | None = None
    _record: ClusterRecord | None = None

    #: What `start_engines` writes down of the cluster, for the engines that it starts.
    KEPT: ClassVar[tuple[str, ...]] = (
        "engine_launcher_class", "controller_args", "controller_ip",
        "controller_location", "delay", "engine_timeout", "resources", "labels",
        *ClusterOptions.COMMON,
    )  # fmt: skip

    def connect_client_sync(self, **options: Any) -> Client:
        """Return a client of this cluster, connected.

        Raises
        ------
        ControllerUnreachable
            It does not run, or nobody answers.
        """
        if self._info is not None:
            client = Client(self._info, cluster=self, **options)
        else:
            self._check_runs(options)
            client = Client(
                profile_dir=self.profile_dir,
                cluster_id=self.cluster_id,
                cluster=self,
                **options,
            )
        record = self._record
        if record is not None and record.is_here and record.elsewhere is None:
            client._connection.absence.folder = Path(record.runtime_dir)
        return client

    def _check_runs(self, options: Mapping[str, Any]) -> None:
        """Raise if a client would wait for what nobody has started."""
        file = find(folder=self.profile_dir, cluster_id=self.cluster_id)
        if self.controller is None and "timeout" not in options and not file.exists():
            raise ControllerUnreachable(
                f"cluster {self.cluster_id!r} does not run: start_cluster() starts it, "
                "and connect_client(timeout=…) waits for one that others start"
            )

    def _catch_up(self) -> None:
        """Know of the sets that other processes have started or changed meanwhile."""
        record = self._find_others()
        for set_id, launch in record.sets.items() if record is not None else ():
            if set_id in self.engines:
                self.engines[set_id].n = launch.n
                self.engines[set_id].let_go = launch.let_go

    def _find_others(self) -> ClusterRecord | None:
        """Have launchers for what other processes have started; return the record."""
        record = None if self._record is None else read_record(self._record.path)
        if record is None:
            return None
        others = {k: v for k, v in record.sets.items() if not self._has(k, v)}
        others_only = msgspec.structs.replace(record, sets=others, elsewhere=None)
        for launcher in launched(others_only, self):
            set_id = launcher.program.set_id
            if set_id not in self.engines or launcher.running:  # else both have ended
                self.engines[set_id] = launcher
        return record

    def _has(self, set_id: str, launch: LaunchRecord) -> bool:
        """Tell whether what is told of a set is what the launcher here has started."""
        launcher = self.engines.get(set_id)
        return launcher is not None and (
            launcher.state_to_dict() == launch.state or launcher.running
        )

    def _knows_all_sets(self) -> bool:
        """Tell whether no other process has started engines, or restarted some."""
        record = None if self._record is None else read_record(self._record.path)
        return record is None or all(
            set_id in self.engines
            and self.engines[set_id].state_to_dict() == launch.state
            for set_id, launch in record.sets.items()
        )

    def _settle(self, *changed: str) -> None:
        """Bring the cluster's file up to date, or remove it once nothing runs."""
        self._write_down(*changed)
        if self.controller is None and not self.engines:
            self._catch_up()
        if self._record is None or self.controller is not None or self.engines:
            return
        record, self._record = self._record, None
        record.remove()

    def _write_down(self, *changed: str) -> None:
        """Tell in the cluster's file what has become of these sets of engines.

        Of the others, another process may have told something newer.
        """
        if self._record is not None:
            self._record = self._record.amend_by(
                lambda known: self._news(known, changed)
            )

    def _news(self, known: ClusterRecord, changed: Sequence[str]) -> dict[str, Any]:
        sets = {k: v for k, v in known.sets.items() if k not in changed}
        sets |= {k: record_of(self.engines[k]) for k in changed if k in self.engines}
        names = {launch.launcher for launch in sets.values()}
        return {
            "sets": sets,
            "n": sum(launch.n or 0 for launch in sets.values()),
            "launcher": ", ".join(sorted(names)) or "local",
            "options": self.kept_options(),
        }

    def kept_options(self) -> dict[str, Any]:
        """Return, for JSON, what is to be known for engines that are started later."""
        kept = {name: getattr(self, name) for name in self.KEPT}
        if self.work_dir != "." or not self.is_spread:
            kept["work_dir"] = str(Path(self.work_dir).expanduser().absolute())
        if isinstance(self.engine_launcher_class, type):
            cls = self.engine_launcher_class
            kept["engine_launcher_class"] = f"{cls.__module__}.{cls.__qualname__}"
        traits = self.traits()
        return {k: v for k, v in kept.items() if v != traits[k].default(self)}

    def _take_up(self, record: ClusterRecord) -> None:
        """Have launchers for what a record tells of, and still runs."""
        self._record = record
        if record.elsewhere is None and record.is_running():
            self.controller = controller = AgentController(self, record)
            for set_id, launch in record.sets.items():
                if "agent" in launch.state:
                    program = self._engine_program(set_id)
                    self._add_agents_engines(controller, program, launch.n)
        for launcher in launched(record, self):
            if launcher.program.role == ENGINES:
                self.engines[launcher.program.set_id] = launcher
            else:
                self.controller = launcher

    def _add_agents_engines(
        self, controller: AgentController, program: Program, n: int | None
    ) -> None:
        """Note that the controller's agent has a set of engines."""
        engines = AgentEngines(
            program, controller, self.connect_client_sync, parent=self
        )
        engines.start(n)
        self.engines[program.set_id] = engines

    def _engine_program(self, set_id: str) -> Program:
        return Program(
            role=ENGINES,
            profile_dir=self.profile_dir,
            cluster_id=self.cluster_id,
            set_id=set_id,
            arguments=words_of(self.resources, self.labels),
        )
