"""What a launcher has started, written down so that another process finds it again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ..errors import LauncherError
from .launchers.job import ENDED
from .launchers.launcher import Launcher
from .launchers.program import CONTROLLER, ENGINES, Program
from .launchers.registry import find_launcher, name_of
from .letgo import jobs_of
from .records import ClusterRecord, LaunchRecord

__all__ = ["is_there", "launched", "launcher_of", "like", "record_of"]

log = logging.getLogger("parallel.cluster")


def record_of(launcher: Launcher) -> LaunchRecord:
    """Return what finds again what a launcher has started."""
    return LaunchRecord(
        launcher=name_of(launcher),
        n=launcher.n,
        let_go=launcher.let_go,
        arguments=launcher.program.arguments,
        options=launcher.kept_options(),
        state=launcher.state_to_dict(),
    )


def launched(record: ClusterRecord, parent: Any = None) -> Iterator[Launcher]:
    """Yield the launchers of what a record tells of, if that still runs or has failed.

    What agents of this host have is not among them, nor what ended for no known reason:
    how a process ended is told to its parent only.

    Raises
    ------
    LauncherError
        There is no such launcher here, or it cannot take that over.
    """
    found = [] if record.elsewhere is None else [(CONTROLLER, "", record.elsewhere)]
    found += [(ENGINES, set_id, each) for set_id, each in record.sets.items()]
    for role, set_id, launch in found:
        if "agent" in launch.state:
            continue
        launcher = launcher_of(record, role, set_id, launch, parent)
        jobs = jobs_of(launcher)
        if any(job.state != ENDED or (job.failed and job.reason) for job in jobs):
            yield launcher


def launcher_of(
    record: ClusterRecord, role: str, set_id: str, launch: LaunchRecord, parent: Any
) -> Launcher:
    """Return the launcher that a part of a record tells of.

    Raises
    ------
    LauncherError
        There is no such launcher here, or it cannot take that over.
    """
    program = Program(
        role=role,
        profile_dir=record.profile_dir,
        cluster_id=record.cluster_id,
        set_id=set_id,
        arguments=launch.arguments,
    )
    cls = find_launcher(launch.launcher, role)
    launcher = cls(program, parent=parent, **launch.options)
    launcher.n, launcher.let_go = launch.n, launch.let_go
    launcher.state_from_dict(launch.state)
    return launcher


def is_there(record: ClusterRecord) -> bool:
    """Tell whether anything of a cluster runs, or is to.

    What cannot be found out is believed to run.
    """
    if record.elsewhere is None and record.is_running():
        return True
    try:
        return any(launcher.running for launcher in launched(record))
    except LauncherError as error:
        log.warning("cluster %r: %s", record.cluster_id, error)
        return True


def like(launcher: Launcher) -> Launcher:
    """Return a launcher like another one, that has started nothing yet."""
    options = launcher.kept_options()
    return type(launcher)(launcher.program, parent=launcher.parent, **options)
