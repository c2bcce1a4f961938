"""A batch system is asked once for all jobs, and ever more seldom."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Mapping

import pytest

from parallel.cluster.launchers.job import ENDED, RUNNING, SUBMITTED
from parallel.cluster.launchers.polling import (
    FIRST,
    GRACE,
    LAST,
    Key,
    Poll,
    Status,
)
from parallel.errors import LauncherError
from tests.waiting import wait_until

RUNS = Status(RUNNING)
DONE = Status(ENDED, "", 0)
WAITS = Status(SUBMITTED)


class FakeSystem:
    """Says what it is told to, and counts the questions."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.jobs: dict[Key, Status] = {}
        self.ended: dict[Key, Status] = {}
        self.asked: list[list[str]] = []
        self.trouble = ""
        self.answers = threading.Event()
        self.answers.set()
        self.poll = Poll(
            self.present, self.past, "Fake", self.waiting, lambda: self.now, 60.0
        )

    def present(self, ids: list[str]) -> Mapping[Key, Status]:
        self.asked.append(ids)
        assert self.answers.wait(60)
        if self.trouble:
            raise LauncherError(self.trouble)
        return self.jobs

    def waiting(self, ids: list[str]) -> Mapping[str, str]:
        return dict.fromkeys(ids, "the queue is full")

    def past(self, ids: list[str]) -> Mapping[Key, Status]:
        return self.ended


@pytest.fixture
def system() -> FakeSystem:
    return FakeSystem()


def test_one_question_is_for_all_jobs(system: FakeSystem) -> None:
    system.jobs = {("1", 0): RUNS, ("2", 1): RUNS, ("2", 2): WAITS}
    system.poll.watch("1")
    system.poll.watch("2[].server")
    assert system.poll.statuses("1") == {0: RUNS}
    assert system.poll.statuses("2[].server") == {1: RUNS, 2: WAITS}
    assert system.asked == [["1", "2[].server"]]


def test_it_is_asked_ever_more_seldom_while_nothing_changes(system: FakeSystem) -> None:
    system.jobs = {("1", 0): RUNS}
    system.poll.watch("1")
    times = []
    for _ in range(2000):
        system.poll.statuses("1")
        if len(system.asked) > len(times):
            times.append(system.now)
        system.now += 0.25
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] == FIRST
    assert gaps[-1] == LAST


def test_a_change_and_a_new_job_make_it_be_asked_soon_again(system: FakeSystem) -> None:
    system.jobs = {("1", 0): WAITS}
    system.poll.watch("1")
    for _ in range(20):
        system.poll.statuses("1")
        system.now += LAST
    system.jobs = {("1", 0): RUNS}
    assert system.poll.statuses("1") == {0: RUNS}
    asked = len(system.asked)
    system.now += FIRST
    system.poll.statuses("1")
    assert len(system.asked) == asked + 1
    system.poll.watch("2")
    system.poll.statuses("2")
    assert len(system.asked) == asked + 2


def test_why_a_job_waits_is_asked_once_it_does_so_for_a_while(
    system: FakeSystem,
) -> None:
    system.jobs = {("1", 1): WAITS, ("1", 2): RUNS}
    system.poll.watch("1")
    assert system.poll.statuses("1")[1] == WAITS
    system.now += LAST
    found = system.poll.statuses("1")
    assert found == {1: Status(SUBMITTED, "the queue is full"), 2: RUNS}


def test_why_a_job_waits_is_asked_at_once_if_another_process_has_submitted_it(
    system: FakeSystem,
) -> None:
    system.jobs = {("1", 0): WAITS}
    system.poll.watch("1", is_new=False)
    assert system.poll.statuses("1")[0].reason == "the queue is full"


def test_what_has_ended_is_not_asked_for_any_more(system: FakeSystem) -> None:
    system.jobs = {("1", 0): DONE, ("2", 0): RUNS}
    system.poll.watch("1")
    system.poll.watch("2")
    system.poll.statuses("1")
    system.now += LAST
    assert system.poll.statuses("1") == {0: DONE}
    assert system.asked[-1] == ["2"]


def test_what_has_vanished_is_looked_up_in_the_accounts(system: FakeSystem) -> None:
    system.jobs = {("1", 0): RUNS}
    system.poll.watch("1")
    system.poll.statuses("1")
    system.jobs, system.ended = {}, {("1", 0): Status(ENDED, "exit status 7", 7)}
    system.now += LAST
    assert system.poll.statuses("1")[0].exit_code == 7


def test_what_has_vanished_without_a_trace_has_ended_after_a_while(
    system: FakeSystem,
) -> None:
    system.jobs = {("1", 1): RUNS, ("1", 2): RUNS}
    system.poll.watch("1")
    system.poll.statuses("1")
    system.jobs = {("1", 2): RUNS}
    system.now += LAST
    assert system.poll.statuses("1")[1].state == RUNNING  # accounts may be late
    system.now += max(GRACE, LAST)
    found = system.poll.statuses("1")
    assert found[1] == Status(ENDED, "Fake has no record of its end")
    assert found[2] == RUNS


def test_a_job_that_its_system_does_not_know_yet_is_submitted_for_a_while(
    system: FakeSystem,
) -> None:
    system.poll.watch("1")
    assert system.poll.statuses("1") == {0: WAITS}
    system.now += GRACE + LAST
    assert system.poll.statuses("1")[0].state == ENDED


def test_what_is_being_ended_is_asked_for_now_and_gone_at_once(
    system: FakeSystem,
) -> None:
    system.jobs = {("1", 0): RUNS}
    system.poll.watch("1")
    system.poll.statuses("1")
    system.jobs = {}
    assert system.poll.statuses("1", ending=True)[0].state == ENDED


def test_a_system_that_does_not_answer_leaves_jobs_where_they_were(
    system: FakeSystem,
) -> None:
    system.jobs = {("1", 0): RUNS}
    system.poll.watch("1")
    system.poll.statuses("1")
    system.trouble = "`fakestat` failed with status 1"
    system.now += LAST
    assert system.poll.statuses("1") == {
        0: Status(RUNNING, "Fake cannot be asked: `fakestat` failed with status 1")
    }
    system.trouble = ""
    system.now += LAST
    assert system.poll.statuses("1") == {0: RUNS}


def test_nobody_waits_long_for_a_system_that_does_not_answer(
    system: FakeSystem,
) -> None:
    system.jobs = {("1", 0): WAITS}
    system.poll.watch("1")
    system.poll.statuses("1")
    system.poll._patience = 0.01
    system.answers.clear()
    system.jobs = {("1", 0): RUNS}
    system.now += LAST
    (found,) = system.poll.statuses("1").values()
    assert found.state == SUBMITTED
    silent = r"Fake has not answered for \d+ s: this is what was known before"
    assert re.fullmatch(silent, found.reason)
    system.poll.watch("2")
    assert re.fullmatch(silent, system.poll.statuses("2")[0].reason)
    assert system.asked[1:] == [["1"]]  # and it is not asked again meanwhile
    system.answers.set()
    wait_until(lambda: system.poll.statuses("1") == {0: RUNS})
    wait_until(lambda: system.poll.statuses("2") and len(system.asked) > 2)
    assert system.asked[2:] == [["1", "2"]]


def test_an_answer_that_makes_no_sense_is_told(system: FakeSystem) -> None:
    system.jobs = {("1", 0): RUNS}
    system.poll.watch("1")
    system.poll.statuses("1")
    system.past = lambda ids: {}["x"]  # type: ignore[method-assign]
    system.poll._past = system.past
    system.jobs = {}
    system.now += LAST
    (found,) = system.poll.statuses("1").values()
    assert (found.state, found.reason) == (RUNNING, "Fake cannot be asked: 'x'")
