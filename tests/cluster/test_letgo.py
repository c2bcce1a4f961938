"""What is told of jobs is without the engines that were let go."""

from __future__ import annotations

import pytest

from parallel.cluster.launchers.job import ENDED, RUNNING, SUBMITTED, Job
from parallel.cluster.launchers.launcher import Launcher
from parallel.cluster.launchers.program import ENGINES, Program
from parallel.cluster.letgo import jobs_of, note_those_gone, without_those_let_go


class Known(Launcher):
    """Has three jobs, of which the first has failed."""

    def jobs(self) -> list[Job]:
        """Return them."""
        failed = Job(name="a", n=2, state=ENDED, reason="TIMEOUT", exit_code=1)
        return [failed, *(Job(name=name, n=2, state=RUNNING) for name in "bc")]


@pytest.fixture
def launcher() -> Launcher:
    return Known(Program(role=ENGINES, profile_dir="/p", cluster_id="c"))


def test_a_job_that_has_let_all_its_engines_go_has_not_failed(
    launcher: Launcher,
) -> None:
    before = {0: "a", 1: "a", 2: "b", 3: "b", 4: "c", 5: ""}
    assert note_those_gone(launcher, before, [1, 3, 4]) == 3
    first, second, third = jobs_of(launcher)
    assert (first.n, second.n, third.n) == (1, 1, 2)
    assert first.failed
    assert note_those_gone(launcher, {1: "a", 3: "b", 4: "c"}, [4]) == 2
    first, second, third = jobs_of(launcher)
    assert (first.n, second.n, third.n) == (0, 0, 2)
    assert (first.failed, first.state) == (False, ENDED)
    assert first.reason == "its engines were let go"
    assert second.state == RUNNING


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
