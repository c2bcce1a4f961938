"""The engines that were started together with the controller of this host."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

import msgspec

from ..client.client import Client
from ..errors import TimeoutError
from .agentcontroller import AgentController
from .launchers.job import ENDED, RUNNING, Job
from .launchers.program import Program
from .launchers.roles import EngineLauncher
from .members import ids_of

__all__ = ["AgentEngines"]


class AgentEngines(EngineLauncher):
    """Engines that the controller's agent has forked: they are told by a client.

    Parameters
    ----------
    controller
        The controller that they belong to.
    connect
        Makes a client of their cluster.
    """

    kind = "local"

    def __init__(
        self,
        program: Program,
        controller: AgentController,
        connect: Callable[[], Client],
        **options: Any,
    ) -> None:
        super().__init__(program, **options)
        self._controller = controller
        self._connect = connect
        self._stopped = False

    def start(self, n: int | None = None) -> None:
        """Take note that they were started with the controller."""
        self.n = n

    def jobs(self) -> list[Job]:
        """Return where the agent stands, which has them all."""
        (job,) = self._controller.jobs() or [Job(name="agent", state=ENDED)]
        ended = self._stopped or job.state == ENDED
        state = ENDED if ended else RUNNING
        return [msgspec.structs.replace(job, n=self.n or 1, state=state)]

    def stop(self) -> None:
        """End them; return once they are gone."""
        if not self.running:
            return
        with self._connect() as client:
            ids = ids_of(client, self.program.set_id)
            try:
                client.shutdown(ids, block=True)
            except TimeoutError:
                # They were told, so nobody replaces them.
                for engine in client._connection.engines.values():
                    if engine.engine_id in ids:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(engine.pid, signal.SIGKILL)
        self._stopped = True

    def signal(self, signum: int) -> None:
        """Send each of them a signal."""
        if self.running:
            with self._connect() as client:
                ids = ids_of(client, self.program.set_id)
                if ids:
                    client.send_signal(signum, ids)

    def state_to_dict(self) -> dict[str, Any]:
        """Return that they are the agent's."""
        return {"agent": True}

    def state_from_dict(self, state: dict[str, Any]) -> None:
        """Take note of nothing: the agent is in the cluster's file."""
