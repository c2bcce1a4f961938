"""The queue is a list in order of priority and arrival, for each kind of needs."""

from __future__ import annotations

from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.protocol.terms import Terms
from parallel.state.naming import TaskKey
from parallel.state.queue import SLACK, TaskQueue
from parallel.state.tasks import Task, TaskState


def make(
    seq: int, priority: float = 0, targets: list[int] | None = None, depth: int = 0
) -> Task:
    """Return a task that is ready for the queue."""
    terms = Terms(priority=priority, targets=targets, depth=depth)
    task = Task(TaskKey(b"client", seq), None, None, terms)
    task.settle_needs()
    return task


def rank(task: Task) -> tuple[float, int, int]:
    return -task.terms.priority, -task.terms.depth, task.arrival


moves = st.sampled_from(["push", "push", "pop", "back", "back", "give up"])


@given(
    st.lists(
        st.tuples(
            moves,
            st.integers(-1, 1),
            st.sampled_from([None, [0], [1]]),
            st.sampled_from([0, 0, 1, 2]),
            st.integers(0, 99),
        )
    )
)
def test_it_is_as_a_sorted_list_says(
    history: list[tuple[str, int, list[int] | None, int, int]],
) -> None:
    queue = TaskQueue()
    waiting: list[Task] = []
    taken: list[Task] = []
    for seq, (move, priority, targets, depth, chance) in enumerate(history):
        if move == "push":
            waiting.append(make(seq, priority, targets, depth))
            queue.push(waiting[-1])
        elif move == "pop" and waiting:
            heads = queue.by_rank()
            task, lane = heads[chance % len(heads)]
            queue.pop(lane)
            waiting.remove(task)
            taken.append(task)
        elif move == "back" and taken:
            waiting.append(taken.pop(chance % len(taken)))
            queue.push(waiting[-1])
        elif move == "give up" and waiting:
            task = waiting.pop(chance % len(waiting))
            queue.forget(task)
            task.move(TaskState.FAILED)
        waiting.sort(key=rank)
        assert queue.size == len(waiting)
        assert sorted(queue, key=rank) == waiting
        heads = queue.by_rank()
        assert [task for task, _ in heads] == sorted((t for t, _ in heads), key=rank)
        assert {task.needs: task for task in reversed(waiting)} == {
            lane.needs: task for task, lane in heads
        }
        assert set(queue.lanes) == {lane.needs for _, lane in heads} - {None}


def test_the_first_of_all_comes_first_whatever_it_needs() -> None:
    queue = TaskQueue()
    tasks = [make(0), make(1, targets=[3]), make(2, priority=1, targets=[4]), make(3)]
    for task in tasks:
        queue.push(task)
    assert [task.key.seq for task, _ in queue.by_rank()] == [2, 0, 1]


def test_priority_counts_before_depth_and_depth_before_arrival() -> None:
    queue = TaskQueue()
    for task in (make(0), make(1, depth=1), make(2, depth=2), make(3, depth=1)):
        queue.push(task)
    queue.push(make(4, priority=1))
    assert [task.key.seq for task in queue] == [4, 2, 1, 3, 0]


@pytest.mark.parametrize("targets", [None, [0]])
def test_what_was_given_up_does_not_fill_the_memory(targets: list[int] | None) -> None:
    queue = TaskQueue()
    first = make(0, targets=targets)
    queue.push(first)  # it stays in front of all that come and go
    lane = queue.by_rank()[0][1]
    for seq in range(1, 10 * SLACK):
        task = make(seq, seq % 3 - 1, targets)
        queue.push(task)
        queue.forget(task)
        task.move(TaskState.FAILED)
        held = sum(map(len, lane.levels.values()))
        assert held <= SLACK + 4
    assert list(queue) == [first]
    assert lane.head() is first


def test_thousands_come_back_in_order() -> None:
    queue = TaskQueue()
    tasks = [make(seq) for seq in range(20_000)]
    for task in tasks:
        queue.push(task)
    while queue.plain.head():
        queue.pop(queue.plain)
    for task in tasks:
        queue.push(task)
    assert list(queue) == tasks


def test_those_that_come_back_in_any_order_take_their_places() -> None:
    queue = TaskQueue()
    tasks = [make(seq) for seq in range(200)]
    for task in tasks:
        queue.push(task)
    for _ in tasks[:100]:
        assert queue.plain.head()
        queue.pop(queue.plain)
    back = tasks[:100]
    Random(0).shuffle(back)
    for task in back:
        queue.push(task)
    assert list(queue) == tasks
