"""The scheduler keeps its rules, in any history of an honest cluster."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from parallel.state.events import (
    EngineJoined,
    EngineLost,
    TaskFinished,
    TasksRevoked,
    TaskSubmitted,
)
from parallel.state.scheduler import STALLED
from parallel.state.tasks import TaskKey, TaskState
from tests.state.world import CLIENT, FakeEngine, World

#: Seconds that tasks take: of each kind that `Depth` tells apart.
DURATIONS = (1e-5, 2e-3, 0.1)


class Histories(RuleBasedStateMachine):
    """Engines join, work and die while tasks come, and every line has its own pace."""

    @initialize(
        retries=st.integers(0, 2), engines=st.integers(0, 3), warm=st.booleans()
    )
    def begin(self, retries: int, engines: int, warm: bool) -> None:
        self.world = World(engine_retries=retries)
        for _ in range(engines):
            engine = self.world.join()
            if warm:  # its tasks are known to be short: it gets many at once
                self.world.submit(engine.engine_id)
                self.world.work_off(engine, DURATIONS[0])

    def one_of(self, data: st.DataObject, line: str) -> FakeEngine | None:
        """Return one of the engines that have something on a line."""
        able = [e for e in self.world.engines if getattr(e, line)]
        return data.draw(st.sampled_from(able)) if able else None

    @rule()
    def join(self) -> None:
        if len(self.world.engines) < 4:
            self.world.join()

    @rule(number=st.integers(1, 12))
    def submit_balanced(self, number: int) -> None:
        for _ in range(number):
            self.world.submit()

    @precondition(lambda self: self.world.engines)
    @rule(data=st.data(), number=st.integers(1, 3))
    def submit_direct(self, data: st.DataObject, number: int) -> None:
        engine = data.draw(st.sampled_from(self.world.engines))
        for _ in range(number):
            self.world.submit(engine.engine_id)

    @rule()
    def submit_to_nobody(self) -> None:
        key = self.world.submit(99)
        assert (
            self.world.failures[key] == "there is no engine 99: it left, or never was"
        )

    @rule(data=st.data(), duration=st.sampled_from(DURATIONS))
    def work(self, data: st.DataObject, duration: float) -> None:
        able = [e for e in self.world.engines if e.tasks or e.running]
        if able:
            engine = data.draw(st.sampled_from(able))
            if engine.running:
                engine.finish(duration)
            if engine.tasks:
                self.world.start(engine)

    @rule(data=st.data(), duration=st.sampled_from(DURATIONS))
    def work_off(self, data: st.DataObject, duration: float) -> None:
        if self.world.engines:
            self.world.work_off(
                data.draw(st.sampled_from(self.world.engines)), duration
            )

    @rule(data=st.data())
    def hear_result(self, data: st.DataObject) -> None:
        if engine := self.one_of(data, "results"):
            self.world.hear_result(engine)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if engine := self.one_of(data, "requests"):
            engine.give_back()

    @rule(data=st.data())
    def hear_answer(self, data: st.DataObject) -> None:
        if engine := self.one_of(data, "answers"):
            self.world.hear_answer(engine)

    @precondition(lambda self: self.world.stale)
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        self.world.hear_again(data.draw(st.sampled_from(self.world.stale)))

    @rule(seconds=st.sampled_from([1e-4, 3e-3]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.engines)
    @rule(
        data=st.data(), known=st.booleans(), proved=st.sampled_from([True, True, False])
    )
    def die(self, data: st.DataObject, known: bool, proved: bool) -> None:
        engine = data.draw(st.sampled_from(self.world.engines))
        self.world.die(engine, known=known, proved=proved)

    @invariant()
    def direct_tasks_keep_their_order(self) -> None:
        for engine in [*self.world.engines, *self.world.dead]:
            tasks = [started.task for started in engine.started]
            seqs = [task.key.seq for task in tasks if task.pinned is not None]
            assert seqs == sorted(seqs)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            if not self.world.engines:
                self.world.join()
            self.world.drain(stuck=self.world.engines[1:])
            self.world.drain()
            self.world.check_empty()


TestHistories = pytest.mark.slow(Histories.TestCase)
TestHistories.settings = settings(max_examples=200, stateful_step_count=60)


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
    assert world.ended == world.submitted - {long}


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
    assert seqs(stuck)[-2:] == waiting


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
    (ordinals,) = engine.requests
    return ordinals


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
    world = World(engine_retries=2)
    engines = [world.join() for _ in range(4)]
    key = world.submit()
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
    world = World(engine_retries=1)
    engines = [world.join(), world.join()]
    key = world.submit()
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
    world = World(engine_retries=0)
    engine = world.join()
    key = world.submit()
    world.die(engine, known=True)
    other = world.join()
    assert seqs(other) == [key.seq]
    assert other.tasks[0].task.deaths == []


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
    task = world.machine.handle(TaskSubmitted(None, None, None), 0)[0].task
    task.move(TaskState.QUEUED)
    world.machine.engines[b"engine 0"].inhand.clear()
    world.machine.policy.place(b"engine 0", 0)
    world.machine.queue.append(task)
    with pytest.raises(AssertionError, match="waits while an engine is free"):
        world.machine.check()
