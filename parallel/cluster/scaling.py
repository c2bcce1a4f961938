"""A cluster that has more engines, or fewer, while it works: told to, or by itself."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait

from ..client.client import Client
from ..errors import LauncherError, TimeoutError
from ..state.scaling import DOWN_AFTER, UP_AFTER, Adaptation
from ..transport.openfiles import see_that_engines_fit
from .adapter import Adapter
from .launchers.job import ENDED
from .launchers.launcher import Launcher
from .launchers.program import ENGINES
from .launches import like
from .launchoptions import kind_of
from .letgo import jobs_of, note_those_gone, owners
from .members import ids_of
from .sets import EngineSets

__all__ = ["Scaling"]


class Scaling(EngineSets):
    """What `Cluster` does about how many engines it has."""

    _adapter: Adapter | None = None
    #: One changes how many there are at a time.
    _scaling: threading.Lock

    def scale_sync(self, n: int, *, timeout: float | None = None) -> None:
        """Have `n` engines, however many there are: start more, or let some go.

        Those go that have least to do. They get nothing more, finish what they have
        started, and end; what waits in their lines goes to others. Nobody is replaced
        who went so. More of them are on their way when this returns:
        `Client.wait_for_engines` waits.

        Parameters
        ----------
        n
            Of all sets together.
        timeout
            Seconds to wait for those that go; None for ever. They go later then.

        Raises
        ------
        LauncherError
            There is no controller, or engines cannot be started: why.
        TimeoutError
            Those that go still had work.
        """
        if n < 0:
            raise ValueError(f"a cluster has no n={n} engines")
        if self.controller is None:
            raise LauncherError(
                "engines need a controller: start_controller, or start_cluster"
            )
        with self._scaling, self.connect_client_sync() as client:
            self._catch_up()
            asked = self.asked()
            more = n - sum(asked.values())
            own = self._own
            try:
                if more > 0:
                    self._grow(client, asked, own, more)
                elif own is not None and list(asked) == [own]:
                    self._scale_own(client, own, n, timeout)
                elif more < 0:
                    self._shrink(client, asked, own, -more, timeout)
            finally:
                self._write_down(*self.engines)
        self.n = n or None

    async def scale(self, n: int, *, timeout: float | None = None) -> None:
        """Have `n` engines, however many there are: see `scale_sync`."""
        import asyncio

        await asyncio.to_thread(self.scale_sync, n, timeout=timeout)

    def adapt(
        self,
        minimum: int,
        maximum: int,
        *,
        up_after: float = UP_AFTER,
        down_after: float = DOWN_AFTER,
    ) -> None:
        """Have as many engines as there is work for, as long as this process lives.

        More are started when tasks wait, fewer are kept when some have nothing to do
        for long. To call it again changes the bounds.

        Parameters
        ----------
        minimum, maximum
            So many engines there are in any case, and at most.
        up_after
            Tasks wait so long, seconds, before more are started.
        down_after
            Engines have nothing to do for so long before they go.

        Raises
        ------
        ValueError
            The bounds make no sense.

        See Also
        --------
        stop_adapting : leave it at what there is
        """
        rules = Adaptation(minimum, maximum, up_after=up_after, down_after=down_after)
        if self.controller is None:
            raise LauncherError("there is nothing to adapt: start the cluster first")
        self.stop_adapting()
        self._adapter = Adapter(self, rules)

    def stop_adapting(self) -> None:
        """Leave it at the engines that there are."""
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.stop()

    def asked(self) -> dict[str, int]:
        """Return of each set how many engines there are, or are on their way."""
        return {
            set_id: min(launcher.n or 0, _alive(launcher))
            for set_id, launcher in list(self.engines.items())
        }

    # Inside

    def _grow(
        self, client: Client, asked: dict[str, int], own: str | None, more: int
    ) -> None:
        if own is None or kind_of(self.engine_launcher_class) != "local":
            self.start_engines_sync(more)
            return
        see_that_engines_fit(sum(asked.values()) + more)
        self._scale_own(client, own, asked[own] + more, None)

    def _call_off(self, set_id: str, n: int, fewer: int) -> int:
        """Have fewer engines in a set of which none is up; return how many fewer."""
        again = None if fewer == n else like(self.engines[set_id])
        self.stop_engines_sync(set_id)
        if again is not None:
            self._start_set(set_id, again, n - fewer)
        return fewer

    def _wait_for(self, client: Client, n: int, timeout: float | None) -> None:
        """Wait until so many engines are registered that some of them can go."""
        patience = self.engine_timeout if timeout is None else timeout
        deadline = time.monotonic() + patience
        while (there := sum(len(ids_of(client, s)) for s in self.engines)) < n:
            if time.monotonic() > deadline:
                raise LauncherError(
                    f"{n} engines are to go, and only {there} have registered within "
                    f"{patience:g} s: try again when the others have"
                )
            time.sleep(0.05)

    def _scale_own(
        self, client: Client, own: str, n: int, timeout: float | None
    ) -> None:
        self.engines[own].n = n
        _ask(client, "scale", timeout, n=n)

    def _shrink(
        self, client: Client, asked: dict[str, int], own: str | None, fewer: int,
        timeout: float | None,
    ) -> None:  # fmt: skip
        for set_id, n in reversed(asked.items()):  # the newest first: it may not be up
            if fewer and set_id != own and not ids_of(client, set_id):
                fewer -= self._call_off(set_id, n, min(n, fewer))
        if not fewer:
            return
        self._wait_for(client, fewer, timeout)
        before = {set_id: owners(client, set_id) for set_id in self.engines}
        try:
            known = [each for ids in before.values() for each in ids]
            _ask(client, "shrink", timeout, count=fewer, engine_ids=known)
        finally:
            for set_id, ids in before.items():
                launcher = self.engines[set_id]
                gone = note_those_gone(launcher, ids, ids_of(client, set_id))
                launcher.n = asked[set_id] - gone
        for set_id in [each for each in before if each != own]:
            if not self.engines[set_id].n:
                self.stop_engines_sync(set_id)


def _alive(launcher: Launcher) -> int:
    """Return how many engines were asked of what has not ended."""
    assert launcher.program.role == ENGINES
    return sum(job.n for job in jobs_of(launcher) if job.state != ENDED)


def _ask(client: Client, name: str, timeout: float | None, **arguments: object) -> None:
    """Ask the controller for something that may take as long as tasks do."""
    connection = client._connection
    answer: Future[None] = connection.questions.request(name, **arguments)
    done = connection.wait(
        answer.done,
        lambda seconds: wait([answer], seconds),
        timeout,
        lambda: ["engines that are to go end what they have started"],
    )
    if not done:
        raise TimeoutError(
            f"the engines that are to go had not ended what they have started within "
            f"{timeout:g} s: they go when they have"
        )
    answer.result()
