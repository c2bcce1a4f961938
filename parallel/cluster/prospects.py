"""How many engines of a cluster may still come, as its jobs tell."""

from __future__ import annotations

from collections.abc import Mapping

from .agentengines import AgentEngines
from .launchers.job import ENDED, Job
from .launchers.launcher import Launcher
from .letgo import jobs_of
from .watching import tell_job

__all__ = ["why_too_few"]


def why_too_few(
    n: int, sets: Mapping[str, Launcher], registered: Mapping[str, int]
) -> list[str]:
    """Return, in words, which jobs have ended so that `n` engines cannot come.

    Nothing, as long as they can, or as far as nobody knows better.

    Parameters
    ----------
    sets
        The launchers of engines, by their sets.
    registered
        How many engines of each set are there; some may be of no known set.

    Raises
    ------
    LauncherError
        A system does not answer.
    """
    jobs = {
        set_id: [] if isinstance(launcher, AgentEngines) else jobs_of(launcher)
        for set_id, launcher in sets.items()
    }
    all_jobs = [job for each in jobs.values() for job in each]
    is_over = all(job.state == ENDED for job in all_jobs)
    if not (is_over or any(job.failed for job in all_jobs)):
        return []
    most = sum(
        max(_most(launcher, jobs[set_id]), registered.get(set_id, 0))
        for set_id, launcher in sets.items()
    )
    most += sum(there for set_id, there in registered.items() if set_id not in sets)
    if most >= n:
        return []
    ended = [
        (set_id, job)
        for set_id, each in jobs.items()
        for job in each
        if job.state == ENDED
    ]
    told = [each for each in ended if each[1].failed] or ended
    return [
        tell_job(f"engines of the set {set_id}", sets[set_id], job)
        for set_id, job in told
    ]


def _most(launcher: Launcher, jobs: list[Job]) -> int:
    """Return how many engines of a set there can be at most."""
    asked = launcher.n or 0
    if isinstance(launcher, AgentEngines):
        return asked
    return min(asked, sum(job.n for job in jobs if job.state != ENDED))
