"""The scheduler keeps its rules: each by itself; `test_histories` has all at once."""

from __future__ import annotations

import gc
import weakref

import pytest

from parallel.state.events import (
    EngineJoined,
    EngineLost,
    TaskFinished,
    TasksRevoked,
    TaskSubmitted,
)
from parallel.state.levelling import STALLED
from parallel.state.naming import TaskKey
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import TaskState
from tests.state.world import CLIENT, FakeEngine, World


def warm_world(engines: int) -> tuple[World, list[FakeEngine]]:
    """Return a world whose engines had short tasks: each may get many at once."""
    world = World()
    fakes = [world.join() for _ in range(engines)]
    for fake in fakes:
        world.submit(fake.engine_id)
        world.work_off(fake, 1e-5)
    return world, fakes


def seqs(engine: FakeEngine) -> list[int]:
    """Return the numbers of the tasks on their way to an engine."""
    return [sent.task.key.seq for sent in engine.tasks]


def test_a_new_engine_gets_one_task_at_a_time() -> None:
    world = World()
    engine = world.join()
    for _ in range(3):
        world.submit()
    assert seqs(engine) == [0]
    assert [task.key.seq for task in world.machine.queue] == [1, 2]


def test_direct_tasks_are_sent_at_once() -> None:
    world = World()
    engine = world.join()
    for _ in range(3):
        world.submit(engine.engine_id)
    assert seqs(engine) == [0, 1, 2]


def test_balanced_tasks_go_where_the_least_is_in_hand() -> None:
    world, (first, second, third) = warm_world(3)
    world.submit(first.engine_id)
    world.submit(first.engine_id)
    for _ in range(4):
        world.submit()
    assert [len(e.tasks) for e in (first, second, third)] == [2, 2, 2]


def test_what_waits_behind_a_long_task_is_asked_back_for_an_idle_engine() -> None:
    world, (stuck, other) = warm_world(2)
    keys = [world.submit() for _ in range(8)]
    long = keys[stuck.tasks[0].task.key.seq - keys[0].seq]
    world.start(stuck)
    world.work_off(other, 1e-5)
    assert world.machine.wakeup == world.now + STALLED
    assert not stuck.requests
    world.pass_time(STALLED)
    assert len(stuck.requests) == 1
    world.drain(stuck=[stuck])
    assert world.ended == set(world.submitted) - {long}


def test_who_gave_back_what_waits_is_sent_no_more_behind_its_long_task() -> None:
    """Its main thread reads nothing: what it is sent, and gives back, stays unread."""
    world, (stuck, other) = warm_world(2)
    for _ in range(8):
        world.submit()
    world.start(stuck)
    world.work_off(other, 1e-5)
    world.pass_time(STALLED)
    world.drain(stuck=[stuck])
    unread = len(stuck.tasks)
    for _ in range(50):
        for _ in range(8):
            world.submit()
        world.drain(stuck=[stuck])
        world.pass_time(STALLED)
        world.drain(stuck=[stuck])
    assert len(stuck.tasks) == unread
    stuck.finish(10.0)
    world.drain()
    for _ in range(8):
        world.submit()
    assert stuck.tasks


def test_direct_tasks_are_not_asked_back() -> None:
    world, (stuck, _) = warm_world(2)
    for _ in range(4):
        world.submit(stuck.engine_id)
    world.start(stuck)
    world.pass_time(1)
    assert not stuck.requests


def test_tasks_given_back_keep_their_order() -> None:
    world, (stuck, other) = warm_world(2)
    for _ in range(8):
        world.submit()
    waiting = seqs(stuck)[-2:]
    world.work_off(other, 1e-5)
    world.pass_time(STALLED)
    world.die(other, known=True)
    stuck.give_back()
    world.hear_answer(stuck)
    assert [task.key.seq for task in world.machine.queue] == waiting


def test_a_dead_engines_tasks_keep_their_order() -> None:
    world, (first, second) = warm_world(2)
    for _ in range(6):
        world.submit()
    waiting = seqs(first)
    world.die(first, known=True)
    assert seqs(second)[-3:] == waiting


def asked(world: World, engine: FakeEngine) -> list[int]:
    """Have an engine asked for all but the first two of its tasks; return which."""
    world.pass_time(STALLED)
    (request,) = engine.requests
    return request.ordinals


def test_an_answer_that_comes_late_leaves_a_later_question_open() -> None:
    world, (stuck, other) = warm_world(2)
    for _ in range(8):
        world.submit()
    world.work_off(other, 1e-5)
    earlier = asked(world, stuck)
    # It starts all of them before the question comes: none is given back, and the
    # results are faster than this answer.
    while stuck.tasks:
        world.start(stuck)
        stuck.finish(1e-5)
    stuck.give_back()
    while stuck.results:
        world.hear_result(stuck)
    for _ in range(4):
        world.submit(other.engine_id)
    for _ in range(8):
        world.submit()
    world.start(stuck)
    world.work_off(other, 1e-5)
    later = asked(world, stuck)
    assert not set(earlier) & set(later)
    world.submit(other.engine_id)  # nobody is idle now: nothing more is asked
    world.hear_answer(stuck)
    assert world.machine.engines[stuck.uuid].revoking == set(later)
    world.drain(stuck=[stuck])


def test_a_result_answers_the_question_for_its_task() -> None:
    world, (stuck, other) = warm_world(2)
    for _ in range(8):
        world.submit()
    world.work_off(other, 1e-5)
    asked(world, stuck)
    while stuck.tasks:
        world.start(stuck)
        stuck.finish(1e-5)
        world.hear_result(stuck)
    assert not world.machine.engines[stuck.uuid].revoking


@pytest.mark.parametrize("known", [True, False])
def test_a_task_that_kills_engines_is_tried_again_and_then_fails(known: bool) -> None:
    world = World()
    engines = [world.join() for _ in range(4)]
    key = world.submit(engine_retries=2)
    for engine in engines[:3]:
        assert key not in world.ended
        world.start(engine)
        world.die(engine, known=known)
    assert world.failures[key] == (
        "the task killed 3 engines and is not tried again: "
        "engine 0: killed; engine 1: killed; engine 2: killed"
    )
    assert not engines[3].tasks


def test_the_last_words_of_an_engine_stand_once_in_the_reason() -> None:
    world = World()
    engines = [world.join(), world.join()]
    key = world.submit(engine_retries=1)
    for engine in engines:
        world.start(engine)
        world.engines.remove(engine)
        world.tell(EngineLost(engine.uuid, "signal 11\nStack:\n  f", engine.page))
    assert world.failures[key] == (
        "the task killed 2 engines and is not tried again: "
        "engine 0: signal 11; engine 1: signal 11\nStack:\n  f"
    )


def test_a_direct_task_fails_with_its_engine() -> None:
    world = World()
    engine = world.join()
    running, waiting = (world.submit(engine.engine_id) for _ in range(2))
    world.start(engine)
    world.die(engine, known=True)
    assert world.failures == {
        running: "engine 0 died while it ran the task: killed",
        waiting: "engine 0 died before it started the task: killed",
    }


def test_a_task_whose_result_had_not_left_is_run_again_and_not_blamed() -> None:
    world, (first, second) = warm_world(2)
    for _ in range(4):
        world.submit()
    world.start(first)
    first.finish(1e-5)
    world.start(first)
    ended, running = (sent.task for sent in first.started[1:])
    world.die(first)
    assert (len(ended.deaths), len(running.deaths)) == (0, 1)
    assert [sent.task for sent in second.tasks][-2:] == [ended, running]


def test_a_direct_task_whose_result_had_not_left_says_so() -> None:
    world = World()
    engine = world.join()
    ended, running = (world.submit(engine.engine_id) for _ in range(2))
    world.start(engine)
    engine.finish(1e-5)
    world.start(engine)
    world.die(engine)
    assert world.failures == {
        ended: "engine 0 died before the task's result had left: killed",
        running: "engine 0 died while it ran the task: killed",
    }


def test_what_may_still_be_running_is_not_run_again() -> None:
    world, (first, _) = warm_world(2)
    keys = [world.submit() for _ in range(4)]
    waiting = [sent.task.key for sent in first.tasks]
    world.die(first, proved=False)
    assert set(world.failures) == set(waiting)
    assert all(
        reason.startswith("engine 0 is lost: killed. It may still be running the task")
        for reason in world.failures.values()
    )
    world.drain()
    assert set(keys) == world.ended - {TaskKey(CLIENT, 0), TaskKey(CLIENT, 1)}


def test_a_task_for_an_engine_that_has_died_is_told_how() -> None:
    world = World()
    engine = world.join()
    world.die(engine)
    key = world.submit(engine.engine_id)
    assert world.failures[key] == "engine 0 died before it started the task: killed"


def test_a_task_that_was_not_started_is_not_blamed() -> None:
    world = World()
    engine = world.join()
    key = world.submit(engine_retries=0)
    world.die(engine, known=True)
    other = world.join()
    assert seqs(other) == [key.seq]
    assert other.tasks[0].task.deaths == []


@pytest.mark.parametrize("known", [True, False])
def test_what_must_not_be_started_twice_is_not_when_its_result_is_lost(
    known: bool,
) -> None:
    world, (engine,) = warm_world(1)
    key = world.submit(engine_retries=0)
    world.start(engine)
    engine.finish(1e-6)
    if known:  # what it had started last is to blame for its death
        world.submit(engine.engine_id)
        world.start(engine)
    world.die(engine, known=known)
    other = world.join()
    assert key.seq not in seqs(other)
    said = "before the task's result had left" if known else "while it ran the task"
    assert said in world.failures[key]


def test_nothing_waits_behind_what_must_not_be_started_twice() -> None:
    world, (engine,) = warm_world(1)
    keys = [world.submit(engine_retries=tries) for tries in (0, 0, 2)]
    for key in keys:
        assert seqs(engine) == [key.seq]
        world.start(engine)
        engine.finish(1e-6)
        assert not engine.tasks, "its result may be lost with what follows"
        world.hear_result(engine)


def test_what_ended_on_top_of_another_task_is_not_started_twice_either() -> None:
    world = World()
    engine = world.join()
    world.submit()
    world.start(engine)
    engine.suspend()
    world.hear_result(engine)
    key = world.submit(engine_retries=0)
    world.start(engine)
    engine.finish(1e-6)
    assert engine.page < engine.reach, "the one below is itself again"
    world.die(engine)
    world.join()
    assert "died before the task's result had left" in world.failures[key]


def test_the_ordinals_of_an_engine_count_up_from_one() -> None:
    world, (engine,) = warm_world(1)
    for _ in range(3):
        world.submit()
    assert [sent.ordinal for sent in engine.tasks] == [2, 3, 4]


def test_strangers_and_repetitions_are_ignored() -> None:
    world = World()
    engine = world.join()
    for event in (
        EngineJoined(engine.uuid, engine.engine_id),
        EngineLost(b"stranger", "killed"),
        TaskFinished(b"stranger", 1, 0.0, None),
        TaskFinished(engine.uuid, 1, 0.0, None),
        TasksRevoked(b"stranger", [1], [1]),
        TasksRevoked(engine.uuid, [1], [1]),
    ):
        assert world.tell(event) == []


def test_a_late_joiner_gets_what_waits() -> None:
    world = World()
    key = world.submit()
    engine = world.join()
    assert seqs(engine) == [key.seq]


def test_check_finds_a_task_that_waits_while_an_engine_is_free() -> None:
    world = World()
    world.join()
    key = TaskKey(CLIENT, 0)
    task = world.machine.handle(TaskSubmitted(key, None, None), 0)[0].task
    task.move(TaskState.QUEUED)
    world.machine.engines[b"engine 0"].inhand.clear()
    world.machine._placement.policy.place(b"engine 0", 0)
    world.machine.queue.push(task)
    with pytest.raises(AssertionError, match="a task waits, an engine is free"):
        world.machine.check()


class Body:
    """What a task carries."""


def test_what_a_task_carried_is_let_go_of_with_its_end() -> None:
    machine, body = Scheduler(), Body()
    machine.handle(EngineJoined(b"engine", 0), 0.0)
    machine.handle(TaskSubmitted(TaskKey(CLIENT, 0), body), 0.0)
    machine.handle(TaskFinished(b"engine", 1, 0.1, outcome=None), 0.1)
    carried = weakref.ref(body)
    del body
    gc.collect()
    assert carried() is None
