"""A task goes only where its table says, and an error tells its story."""

from __future__ import annotations

import itertools

import pytest

from parallel.errors import InvalidTransition
from parallel.state.naming import TaskKey
from parallel.state.tasks import TRANSITIONS, Engine, Task, TaskState

KEY = TaskKey(b"client", 7)


@pytest.mark.parametrize(
    ("before", "after"),
    [*itertools.product(TaskState, TaskState)],
    ids=lambda s: s.value,
)
def test_transitions(before: TaskState, after: TaskState) -> None:
    task = Task(KEY, None)
    task.state = before
    if after in TRANSITIONS[before]:
        task.move(after)
        assert task.state is after
        return
    with pytest.raises(InvalidTransition) as caught:
        task.move(after)
    assert (caught.value.before, caught.value.after) == (before.value, after.value)
    assert task.state is before


def test_each_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(TaskState)


def test_the_error_tells_the_story() -> None:
    task = Task(KEY, None)
    task.deaths.append("engine 3: signal 9")
    task.move(TaskState.FAILED)
    with pytest.raises(InvalidTransition) as caught:
        task.move(TaskState.ASSIGNED)
    assert caught.value.story == ["engine 3: signal 9"]
    assert str(caught.value) == (
        f"task {KEY} cannot go from failed to assigned\n  engine 3: signal 9"
    )


def test_they_say_what_they_are() -> None:
    engine = Engine(b"uuid", 3)
    assert repr(engine) == "<Engine 3: 0 in hand>"
    assert repr(Task(KEY, None)) == "<Task 7 queued>"


def test_the_first_in_hand_runs_that_does_not_wait_for_others() -> None:
    engine = Engine(b"uuid", 3)
    first, second = Task(KEY, None), Task(KEY, None)
    engine.inhand.update({4: first, 7: second})
    assert engine.running == 4
    engine.suspended.add(4)
    assert engine.running == 7
