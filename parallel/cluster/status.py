"""How a cluster's engines fare: asked for, submitted, running, registered, failed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

import msgspec

from ..client.client import Client
from ..errors import LauncherError, TransportError
from ..transport.addresses import disambiguate_url
from ..transport.connectionfiles import read_connection_file
from ..transport.locations import connection_file
from .cluster import Cluster
from .enginestatus import (
    FAILED,
    REGISTERED,
    EngineStatus,
    Standing,
    ask_controller,
    engines_of,
)
from .lastrun import LastRun
from .launchers.job import RUNNING, SUBMITTED, Job
from .launchers.launcher import Launcher
from .launchers.registry import name_of
from .letgo import jobs_of, without_those_let_go
from .records import ClusterRecord

__all__ = ["BY_HAND", "ClusterStatus", "SetStatus", "status_by_hand", "status_of"]

#: In the place of a launcher's name: somebody has started the controller by hand.
BY_HAND = "ipcontroller"


class SetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many engines of a set are where, and its jobs.

    Parameters
    ----------
    asked
        None where nobody here has asked for them: they were started by hand.
    registered
        None where the controller does not answer.
    trouble
        Why its system cannot be asked.
    """

    set_id: str
    launcher: str
    asked: int | None
    submitted: int
    running: int
    registered: int | None
    failed: int
    jobs: list[Job]
    engines: list[EngineStatus]
    trouble: str = ""


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster fares.

    Parameters
    ----------
    controller
        Its jobs; the agent that keeps it up, for one of this host.
    answers
        Whether it lets a client in.
    departed
        Which engines died of late, and how.
    troubles
        What the controller has told its users, the newest last.
    """

    cluster_id: str
    profile_dir: str
    launcher: str
    controller: list[Job]
    answers: bool
    urls: list[str]
    sets: list[SetStatus]
    departed: dict[str, str] = {}
    troubles: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Whether all engines that were asked for are registered."""
        return self.answers and all(
            each.registered is not None and each.registered >= (each.asked or 0)
            for each in self.sets
        )


def status_of(cluster: Cluster, timeout: float = 5.0) -> ClusterStatus:
    """Return how a cluster fares, asking its systems and its controller.

    Parameters
    ----------
    timeout
        Seconds to wait for the controller.
    """
    record = cluster.record
    standing = _standing(cluster, timeout)
    logs = Path(cluster.profile_dir) / "log"
    return ClusterStatus(
        cluster_id=cluster.cluster_id,
        profile_dir=cluster.profile_dir,
        launcher=name_of(cluster.controller) if cluster.controller else "",
        controller=_jobs(cluster.controller)[0] if cluster.controller else [],
        answers=standing is not None,
        urls=_urls(record) if record else [],
        sets=[
            _set_status(set_id, launcher, standing)
            for set_id, launcher in cluster.engines.items()
        ]
        + _sets_by_hand(standing, logs, known=cluster.engines),
        departed=standing.departed if standing else {},
        troubles=standing.troubles if standing else [],
    )


def status_by_hand(last: LastRun, timeout: float = 5.0) -> ClusterStatus:
    """Return how the engines fare of a controller that was started by hand.

    Parameters
    ----------
    timeout
        Seconds to wait for the controller.
    """
    standing = None
    with (
        contextlib.suppress(TransportError, OSError),
        Client(
            profile_dir=last.profile_dir, cluster_id=last.cluster_id, timeout=timeout
        ) as client,
    ):
        standing = ask_controller(client)
    logs = Path(last.profile_dir) / "log"
    return ClusterStatus(
        cluster_id=last.cluster_id,
        profile_dir=last.profile_dir,
        launcher=BY_HAND,
        controller=[Job(name=str(last.pid), state=RUNNING)],
        answers=standing is not None,
        urls=_urls(last),
        sets=_sets_by_hand(standing, logs),
        departed=standing.departed if standing else {},
        troubles=standing.troubles if standing else [],
    )


def _urls(known: ClusterRecord | LastRun) -> list[str]:
    """Return by which addresses clients are to reach a controller."""
    path = connection_file(Path(known.profile_dir), known.cluster_id, "client")
    try:
        return read_connection_file(path).urls
    except TransportError:  # it comes up, or goes
        return list(map(disambiguate_url, known.urls))


def _sets_by_hand(
    standing: Standing | None, logs: Path, known: Collection[str] = ()
) -> list[SetStatus]:
    """Return the sets of engines that are there, and that no launcher is known to have.

    Somebody has started them by hand, or what had them was killed.
    """
    there = {each.engine_set for each in standing.engines} if standing else set()
    found = []
    for set_id in sorted(there.difference(known)):
        engines = engines_of(set_id, [], standing, logs)
        found.append(
            SetStatus(
                set_id=set_id,
                launcher="",
                asked=None,
                submitted=0,
                running=len(engines),
                registered=len(engines),
                failed=0,
                jobs=[],
                engines=engines,
            )
        )
    return found


def _standing(cluster: Cluster, timeout: float) -> Standing | None:
    """Return what the controller tells; None if it does not answer."""
    if cluster.controller is None:
        return None
    try:
        with cluster.connect_client_sync(timeout=timeout) as client:
            return ask_controller(client)
    except TransportError:
        return None


def _set_status(
    set_id: str, launcher: Launcher, standing: Standing | None
) -> SetStatus:
    jobs, trouble = _jobs(launcher)
    jobs = without_those_let_go(jobs, launcher.n)
    logs = Path(launcher.profile_dir) / "log"
    engines = engines_of(set_id, jobs, standing, logs)
    registered = sum(each.state == REGISTERED for each in engines)
    watched = [x for x in jobs if x.state == RUNNING and not x.unattended]
    return SetStatus(
        set_id=set_id,
        launcher=name_of(launcher),
        asked=launcher.n or 0,
        submitted=sum(job.n for job in jobs if job.state == SUBMITTED),
        running=max(sum(job.n for job in watched), registered),
        registered=None if standing is None else registered,
        failed=sum(each.n for each in engines if each.state == FAILED),
        jobs=jobs,
        engines=engines,
        trouble=trouble,
    )


def _jobs(launcher: Launcher) -> tuple[list[Job], str]:
    try:
        return jobs_of(launcher), ""
    except LauncherError as error:
        return [], str(error)
