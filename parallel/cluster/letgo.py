"""Engines that were let go: which jobs had them, and what those are to have yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ..aliases import EngineId
from ..client.client import Client
from .launchers.job import ENDED, RUNNING, Job
from .launchers.launcher import Launcher

__all__ = ["jobs_of", "note_those_gone", "owners", "without_those_let_go"]

#: What is told of a job that is to have no engine any more.
LET_GO = "its engines were let go"


def owners(client: Client, set_id: str) -> dict[EngineId, str]:
    """Return which job has each registered engine of a set; '' where nobody says."""
    engines = client._connection.engines.values()
    return {x.engine_id: x.job for x in engines if x.engine_set == set_id}


def note_those_gone(
    launcher: Launcher, before: Mapping[EngineId, str], left: Iterable[EngineId]
) -> int:
    """Note of a set's engines which jobs have those no more that went; return how many.

    Parameters
    ----------
    before
        Which job had each.
    left
        Those that are there yet.
    """
    staying = set(left)
    gone = [job for engine_id, job in before.items() if engine_id not in staying]
    launcher.let_go = dict(Counter(launcher.let_go) + Counter(filter(None, gone)))
    return len(gone)


def jobs_of(launcher: Launcher) -> list[Job]:
    """Return where a launcher's jobs stand, with the engines that each is to have yet.

    Raises
    ------
    LauncherError
        Its system does not answer.
    """
    return [_after(job, launcher.let_go.get(job.name, 0)) for job in launcher.jobs()]


def _after(job: Job, gone: int) -> Job:
    if not gone:
        return job
    left = max(0, job.n - gone)
    if left or job.state != ENDED:
        return msgspec.structs.replace(job, n=left)
    return msgspec.structs.replace(job, n=0, reason=LET_GO, exit_code=0)


def without_those_let_go(jobs: Sequence[Job], n: int | None) -> list[Job]:
    """Return jobs with the engines that they still are to have.

    Of engines that do not name their jobs nobody knows which have given them: it is
    the newest, as far as anybody knows.

    Parameters
    ----------
    n
        How many engines all of them together are to have.
    """
    alive = sum(job.n for job in jobs if job.state != ENDED)
    excess = 0 if n is None else max(0, alive - n)
    found = []
    for job in reversed(jobs):
        fewer = min(excess, job.n) if job.state == RUNNING else 0
        excess -= fewer
        found.append(msgspec.structs.replace(job, n=job.n - fewer))
    return found[::-1]
