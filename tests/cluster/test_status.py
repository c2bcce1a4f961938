"""What is told of a cluster's jobs is what is true of them by now."""

from __future__ import annotations

from pathlib import Path

from parallel.cluster.enginestatus import engines_of
from parallel.cluster.launchers.job import RUNNING, Job


def test_engines_of_a_job_that_nobody_watches_any_more_have_ended() -> None:
    killed = Job(name="7", n=2, state=RUNNING, reason="killed", unattended=True)
    (found,) = engines_of("x", [killed], None, Path())
    assert (found.state, found.n, found.reason) == ("failed", 2, "killed")
