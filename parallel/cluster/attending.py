"""What a cluster tells those who wait: for its engines, or for news of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..client.client import Client
from ..errors import LauncherError
from .agentcontroller import AgentController
from .arrivals import wait_for_engines
from .launchers.launcher import Launcher
from .news import wait_for_news
from .owner import AgentProcess
from .prospects import why_too_few
from .records import read_record
from .scaling import Scaling
from .watching import CONTROLLER_NAME, Watch

__all__ = ["Attending"]

log = logging.getLogger("parallel.cluster")


class Attending(Scaling):
    """What `Cluster` tells who waits."""

    #: How what it has elsewhere fares, while somebody waits for news.
    _watch: Watch | None = None

    def _connect_to_all(self) -> Client:
        client = self.connect_client_sync()
        assert self.n is not None
        try:
            wait_for_engines(
                client,
                self.n,
                timeout=self.engine_timeout,
                agent=self._agent,
                launched=self._launched(),
                logs=Path(self.profile_dir) / "log",
            )
        except BaseException:
            client.close()
            raise
        return client

    def _launched(self) -> dict[str, Launcher]:
        """Return the launchers of what no agent of this host has, with words for it."""
        found = {
            f"engines of the set {set_id}": launcher
            for set_id, launcher in self._launched_sets().items()
        }
        if self.controller and not isinstance(self.controller, AgentController):
            found[CONTROLLER_NAME] = self.controller
        return found

    def why_engines_wait(self) -> list[str]:
        """Return, in words, which jobs wait to be started, are late or have failed."""
        watch = Watch(self._launched())
        watch.look()
        return watch.queued + watch.late + watch.failed or watch.ended

    def why_too_few_come(self, n: int, registered: Mapping[str, int]) -> list[str]:
        """Return, in words, which jobs have ended so that `n` engines cannot come.

        Parameters
        ----------
        registered
            How many engines of each set are there.
        """
        if self._adapter is not None:  # it may start more
            return []
        try:
            if not why_too_few(n, dict(self.engines), registered):
                return []
            self._catch_up()
            if not self._knows_all_sets():
                return []
            return why_too_few(n, dict(self.engines), registered)
        except LauncherError as error:
            log.debug("it is not known whether engines can come: %s", error)
            return []

    @property
    def _agent(self) -> AgentProcess | None:
        """The agent of this host, if this process has started it."""
        found = self.controller
        return found.agent if isinstance(found, AgentController) else None

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
        agent, launched = self._agent, self._launched()
        if agent is None and not launched:
            raise LauncherError(f"{self!r} is not run by this process")
        if self._watch is None:
            self._watch = Watch(launched)
        self._watch.follow(launched)
        return wait_for_news(agent, self._watch, self.is_kept, also)

    def is_kept(self) -> bool:
        """Tell whether its file is there: who stops a cluster removes that."""
        if self._record is None:
            return False
        known = read_record(self._record.path)
        return known is not None and known.is_same(self._record)
