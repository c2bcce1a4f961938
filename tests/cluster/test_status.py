"""What is told of a cluster's jobs is what is true of them by now."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel.cluster.enginestatus import engines_of
from parallel.cluster.launchers.job import ENDED, RUNNING, SUBMITTED, Job
from parallel.cluster.status import without_those_let_go


def job(n: int, state: str = RUNNING) -> Job:
    return Job(name="7", n=n, state=state, exit_code=1 if state == ENDED else None)


@pytest.mark.parametrize(
    ("jobs", "n", "left"),
    [
        ([job(2)], 2, [2]),
        ([job(2)], 1, [1]),
        ([job(2)], None, [2]),
        ([job(4), job(4)], 3, [3, 0]),
        ([job(4), job(2, SUBMITTED)], 5, [3, 2]),
        ([job(4), job(4, ENDED)], 8, [4, 4]),
        ([job(4), job(4, ENDED)], 2, [2, 4]),
    ],
)
def test_engines_that_were_let_go_are_not_counted_as_running(
    jobs: list[Job], n: int | None, left: list[int]
) -> None:
    assert [each.n for each in without_those_let_go(jobs, n)] == left


def test_engines_of_a_job_that_nobody_watches_any_more_have_ended() -> None:
    killed = Job(name="7", n=2, state=RUNNING, reason="killed", unattended=True)
    (found,) = engines_of("x", [killed], None, Path())
    assert (found.state, found.n, found.reason) == ("failed", 2, "killed")
