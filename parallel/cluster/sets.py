"""The sets of engines of a cluster: started, stopped, restarted, signalled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ..errors import LauncherError, TransportError
from .agentengines import AgentEngines
from .launchers.launcher import Launcher
from .launchers.program import ENGINES
from .launchers.registry import find_launcher
from .launches import launcher_of, like
from .ledger import Ledger
from .letgo import jobs_of
from .members import ids_of, leaving
from .records import read_record

__all__ = ["EngineSets"]

#: A controller ends within so many seconds of the removal of its cluster's file.
STOPPING = 2.0


class EngineSets(Ledger):
    """What `Cluster` does with engines; there may be several sets of them."""

    @property
    def engine_set(self) -> Launcher | None:
        """The launcher of the first set of engines, or None."""
        return next(iter(self.engines.values()), None)

    def start_engines_sync(
        self,
        n: int | None = None,
        engine_set_id: str | None = None,
        **launcher_options: Any,
    ) -> str:
        """Start engines, beside those that there are; return the id of their set.

        Parameters
        ----------
        n
            How many; by default what the options come to, or as at the start.
        engine_set_id
            What the set is called; by default it is numbered by the time.
        launcher_options
            What their launcher is told, beside what the cluster is.

        Raises
        ------
        LauncherError
            There is no controller, or such a set already, or its system says no.
        """
        if self.controller is None:
            raise LauncherError(
                "engines need a controller: start_controller, or start_cluster"
            )
        set_id = self._new_set_id(engine_set_id)
        cls = find_launcher(self.engine_launcher_class, ENGINES)
        common = self.common_options(cls, given=self._given, for_engines=True)
        options = {**common, **launcher_options}
        launcher = cls(self._engine_program(set_id), parent=self, **options)
        self._start_set(set_id, launcher, n or self._count(launcher))
        return set_id

    def stop_engines_sync(self, engine_set_id: str | None = None) -> None:
        """Stop a set of engines, or all; return once they are gone.

        Raises
        ------
        KeyError
            There is no such set.
        LauncherError
            Some could not be stopped; the others were.
        """
        sets, unwatched = self._find(engine_set_id)
        left = [each for each in sets if _has_failed(self.engines[each])] + unwatched
        self._stop_sets(sets)
        if left and self.controller is not None:
            with self.connect_client_sync() as client:
                if ids := [each for set_id in left for each in ids_of(client, set_id)]:
                    client.shutdown(ids, block=True)
            self._settle(*left)

    def restart_engines_sync(self, engine_set_id: str | None = None) -> None:
        """Stop a set of engines, or all, and start as many anew under the same ids.

        Raises
        ------
        KeyError
            There is no such set.
        LauncherError
            Somebody has started it by hand, and alone can start it again.
        """
        sets, unwatched = self._find(engine_set_id)
        olds = {set_id: self.engines[set_id] for set_id in sets}
        olds |= {set_id: self._as_told(set_id) for set_id in unwatched}
        for set_id, old in olds.items():
            again = self._successor(old, set_id)
            with leaving(self.connect_client_sync, set_id):
                self.stop_engines_sync(set_id)
            self._start_set(set_id, again, old.n or 1)

    def signal_engines_sync(
        self, signum: int, engine_set_id: str | None = None
    ) -> None:
        """Send a signal to a set of engines, or to all that are registered.

        Raises
        ------
        KeyError
            There is no such set.
        ControllerUnreachable
            Nothing runs.
        """
        sets, _ = self._find(engine_set_id)
        try:
            with self.connect_client_sync() as client:
                ids = client.ids
                if engine_set_id is not None:
                    ids = ids_of(client, engine_set_id)
                if ids:
                    client.send_signal(signum, ids)
        except TransportError:  # there is nobody to pass it on
            if not sets:
                raise
            for set_id in sets:
                self.engines[set_id].signal(signum)

    # Single engines

    async def stop_engine(self, engine_id: int) -> None:
        """Not possible: `Client.shutdown` stops single engines."""
        raise NotImplementedError("single engines are stopped by Client.shutdown(id)")

    async def restart_engine(self, engine_id: int) -> None:
        """Not possible: a set is restarted as a whole."""
        raise NotImplementedError("engines are restarted by sets: restart_engines()")

    async def signal_engine(self, signum: int, engine_id: int) -> None:
        """Not possible: `Client.send_signal` tells single engines."""
        raise NotImplementedError("single engines are told by Client.send_signal")

    # Inside

    def _stop_sets(self, set_ids: Sequence[str]) -> None:
        troubles = []
        for set_id in set_ids:
            try:
                self.engines[set_id].stop()
            except LauncherError as error:
                troubles.append(str(error))
                continue
            del self.engines[set_id]
            self._settle(set_id)
        if troubles:
            raise LauncherError("\n".join(troubles))

    def _find(self, set_id: str | None) -> tuple[list[str], list[str]]:
        """Return the sets that are meant: those with a launcher here, and the others.

        Raises
        ------
        KeyError
            There is no such set.
        """
        self._find_others()
        unwatched = self._unwatched(set_id)
        return [] if set_id in unwatched else self._sets(set_id), unwatched

    def _as_told(self, set_id: str) -> Launcher:
        """Return the launcher, as the file tells it, of a set that nothing here has."""
        record = None if self._record is None else read_record(self._record.path)
        launch = None if record is None else record.sets.get(set_id)
        if record is None or launch is None:
            raise LauncherError(
                f"the engines of the set {set_id!r} were started by hand: end them by "
                "stop_engines, and start them in the same way"
            )
        return launcher_of(record, ENGINES, set_id, launch, self)

    def _unwatched(self, set_id: str | None) -> list[str]:
        """Return sets that nothing here has, all of them or the one that is meant.

        What watched them was killed, or somebody has started them by hand: then some
        have to be registered.
        """
        record = None if self._record is None else read_record(self._record.path)
        told = set(record.sets if record is not None else ()).difference(self.engines)
        if set_id is None:
            return sorted(told)
        if set_id in self.engines or self.controller is None:
            return []
        if set_id in told:
            return [set_id]
        with self.connect_client_sync() as client:
            return [set_id] if ids_of(client, set_id) else []

    def _launched_sets(self) -> dict[str, Launcher]:
        """Return the sets that no controller's agent has."""
        return {
            set_id: launcher
            for set_id, launcher in self.engines.items()
            if not isinstance(launcher, AgentEngines)
        }

    def _sets(self, engine_set_id: str | None) -> list[str]:
        if engine_set_id is None:
            return list(self.engines)
        if engine_set_id not in self.engines:
            there = ", ".join(map(repr, self.engines)) or "none"
            raise KeyError(f"no set of engines {engine_set_id!r}; there are {there}")
        return [engine_set_id]

    def _new_set_id(self, wanted: str | None) -> str:
        base = wanted or str(int(time.time()))
        if wanted in self.engines or "/" in base:
            why = "it is part of files' names" if "/" in base else "it is there already"
            raise LauncherError(f"no set of engines can be called {base!r}: {why}")
        found, i = base, 0
        while found in self.engines:
            i += 1
            found = f"{base}-{i}"
        return found

    def _count(self, launcher: Launcher | None = None) -> int:
        """Return how many engines there are to be where nobody says so."""
        raise NotImplementedError

    def _start_set(self, set_id: str, launcher: Launcher, n: int) -> None:
        self.engines[set_id] = launcher
        try:
            launcher.start(n)
            launcher.n = n
        except BaseException:
            del self.engines[set_id]
            raise
        self._write_down(set_id)
        if self._was_stopped():
            del self.engines[set_id]
            launcher.stop()
            raise LauncherError(
                f"the cluster {self.cluster_id!r} was stopped meanwhile, and so are "
                "the engines that were just started"
            )

    def _was_stopped(self) -> bool:
        """Tell whether another process has stopped the cluster: its file is gone."""
        if self._record is None or self._record.path.exists():
            return False
        deadline = time.monotonic() + STOPPING
        while self.controller is not None and self.controller.running:
            if time.monotonic() > deadline:
                return False  # the file alone is gone
            time.sleep(0.05)
        return True

    @property
    def _own(self) -> str | None:
        """The set that the controller's agent has, if there is one."""
        items = self.engines.items()
        return next((k for k, each in items if isinstance(each, AgentEngines)), None)

    def _successor(self, old: Launcher, set_id: str) -> Launcher:
        """Return the launcher that is to start a set again."""
        if not isinstance(old, AgentEngines):
            return like(old)
        cls = find_launcher("local", ENGINES)
        options = self.common_options(cls, given=self._given, for_engines=True)
        return cls(self._engine_program(set_id), parent=self, **options)


def _has_failed(launcher: Launcher) -> bool:
    """Tell whether a job has ended otherwise than in good order.

    If what watched its engines was killed, they may go on.
    """
    return any(job.failed for job in jobs_of(launcher))
