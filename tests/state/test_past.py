"""What is known of a task's earlier starts goes with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parallel.protocol.messages import Status
from parallel.protocol.terms import Terms
from parallel.state.events import (
    EngineJoined,
    EngineLost,
    FailTask,
    Holding,
    SendTask,
    TaskFinished,
    TaskReturned,
    TaskSubmitted,
    TellPast,
)
from parallel.state.naming import NAME_NBYTES, TaskKey, key_of
from parallel.state.past import FIRST, Past, after, past_in, tail_of
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import Task

KEY = TaskKey(b"c" * 16, 7)


@given(st.integers(0, 70_000), st.integers(0, 9), st.integers(0, 9))
def test_an_engine_has_the_numbers_behind_the_name(
    starts: int, tries: int, deaths: int
) -> None:
    told = past_in(tail_of(Past(starts, tries, [3], ["killed"] * deaths)))
    assert (told.starts, told.tries, len(told.deaths)) == (
        min(starts, 65_535), tries, deaths
    )  # fmt: skip


def test_a_name_says_nothing_of_a_task_that_was_never_started() -> None:
    task = Task(KEY, None)
    assert past_in(task.token[NAME_NBYTES:]) == FIRST
    task.recall(Past(2, 1, [4], ["engine 5: was killed"]))
    token = task.token
    assert key_of(token) == KEY
    assert past_in(token[NAME_NBYTES:]).starts == 2


def test_one_more_end_is_counted() -> None:
    past = Past(1, 1, [0], [])
    assert after(past, Status.ERROR, 2) == Past(2, 2, [0, 2], [])
    assert after(past, Status.UNMET, 2) == Past(2, 1, [0, 2], [])
    assert after(past, Status.LOST, 2) == past, "its deaths have it already"


def started_again(*, terms: Terms, past: Past) -> list[object]:
    """Return what a machine of two engines does with a task that comes back to it."""
    machine = Scheduler()
    for number in range(2):
        machine.handle(EngineJoined(b"%d" % number, number), now=0.0)
    return list(
        machine.handle(TaskReturned(KEY, "f()", terms=terms, past=past), now=0.0)
    )


def test_it_goes_where_it_has_not_failed() -> None:
    for engine_id in (0, 1):
        past = Past(1, 1, [engine_id], [])
        (sent,) = started_again(terms=Terms(retries=2), past=past)
        assert isinstance(sent, SendTask)
        assert sent.uuid == b"%d" % (1 - engine_id)
        assert (sent.task.tries, sent.task.starts) == (1, 1)


def test_one_that_has_killed_too_many_engines_is_not_started() -> None:
    past = Past(2, 0, [], ["engine 4: was killed", "engine 5: was killed"])
    (failed,) = started_again(terms=Terms(engine_retries=1), past=past)
    assert isinstance(failed, FailTask)
    assert failed.reason == (
        "the task killed 2 engines and is not tried again: engine 4: was killed; "
        "engine 5: was killed"
    )


def test_its_client_is_told_of_an_engines_death() -> None:
    machine = Scheduler()
    machine.handle(EngineJoined(b"a", 0), now=0.0)
    machine.handle(TaskSubmitted(KEY, "f()"), now=0.0)
    (told,) = machine.handle(EngineLost(b"a", "was killed", 1), now=0.0)
    assert isinstance(told, TellPast)
    assert told.task.past == Past(1, 0, [], ["engine 0: was killed"])


def test_the_later_start_of_two_counts() -> None:
    for later in (0, 1):
        machine = Scheduler()
        for number in range(2):
            past = Past(int(number == later), int(number == later))
            held = Holding(KEY, "unknown", 3, past=past)
            machine.handle(
                EngineJoined(b"%d" % number, number, holdings=[held], reach=3), now=0.0
            )
        (task,) = machine.tasks.values()
        assert task.holder is not None
        assert task.holder.engine_id == later
        ignored = TaskFinished(b"%d" % (1 - later), 3, 0.1, "old", Status.ERROR)
        assert machine.handle(ignored, now=0.1) == []
        machine.check()
