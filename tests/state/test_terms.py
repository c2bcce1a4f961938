"""What tasks ask for is kept: limits, retries, places, and an end when it is asked."""

from __future__ import annotations

from random import Random

import pytest

from parallel.protocol.messages import Status
from parallel.protocol.terms import Condition
from parallel.state.events import (
    EngineJoined,
    InterruptTask,
    KillEngine,
    RevokeTasks,
    SendTask,
    TasksAborted,
    TaskSubmitted,
    TimePassed,
)
from parallel.state.levelling import STALLED
from parallel.state.naming import TaskKey
from parallel.state.policies import SCHEMES
from parallel.state.stopping import GRACE
from parallel.state.stories import INTERRUPTED
from parallel.state.tasks import TaskState
from tests.state.engines import FakeEngine
from tests.state.world import CLIENT, World, msg_id


def world_of(engines: int, **options: object) -> tuple[World, list[FakeEngine]]:
    world = World(**options)
    return world, [world.join() for _ in range(engines)]


def condition(*keys: TaskKey) -> Condition:
    return Condition([msg_id(key) for key in keys])


def fail(world: World, engine: FakeEngine, status: Status = Status.ERROR) -> None:
    world.start(engine)
    engine.finish(1e-3, status)
    world.hear_result(engine)


# Retries


def test_retries_go_to_other_engines_and_end_with_a_note() -> None:
    world, engines = world_of(3)
    key = world.submit(retries=10)
    for engine in engines:
        fail(world, engine)
    assert world.outcomes[key] == 2
    assert world.notes[key] == (
        "retries=10, and after 3 tries no engine is left that has not failed it: "
        "each engine is tried once"
    )


def test_no_more_retries_than_were_asked_for() -> None:
    world, engines = world_of(3)
    key = world.submit(retries=1)
    for engine in engines[:2]:
        fail(world, engine)
    assert world.outcomes[key] == 1
    assert world.notes[key] == ""


def test_who_suits_no_engine_waits_for_a_new_one() -> None:
    world, engines = world_of(2)
    key = world.submit()
    for engine in engines:
        fail(world, engine, Status.UNMET)
    assert key not in world.ended
    world.work_off(world.join(), 1e-3)
    assert world.outcomes[key] == 2


def test_who_suits_none_of_its_targets_is_told() -> None:
    world, engines = world_of(3)
    key = world.submit(targets=[0, 1])
    for engine in engines[:2]:
        fail(world, engine, Status.UNMET)
    assert world.statuses[key] is Status.IMPOSSIBLE
    assert "it did not suit [0, 1]" in world.failures[key]


# Giving up


@pytest.mark.parametrize("interrupt", [True, False])
def test_what_has_not_started_is_given_up(interrupt: bool) -> None:
    world, (engine,) = world_of(1)
    running = world.submit()
    world.start(engine)
    queued = world.submit()
    behind = world.submit(0)
    waiting = world.submit(after=condition(running))
    world.abort(queued, behind, waiting, interrupt=interrupt)
    world.drain()
    assert set(world.outcomes) == {running}
    assert set(world.failures.values()) == {"it was given up before it started"}
    assert set(world.statuses.values()) == {Status.ABORTED}


def test_what_runs_goes_on_when_it_is_given_up() -> None:
    world, (engine,) = world_of(1)
    key = world.submit()
    world.start(engine)
    world.abort(key)
    world.drain()
    assert key in world.outcomes


@pytest.mark.parametrize("status", [Status.ERROR, Status.UNMET])
def test_what_was_given_up_is_not_tried_again(status: Status) -> None:
    world, (engine, _) = world_of(2)
    key = world.submit(retries=3)
    world.start(engine)
    world.abort(key)
    engine.finish(1e-3, status)
    world.hear_result(engine)
    assert key in world.ended
    assert (world.statuses.get(key) is Status.ABORTED) == (status is Status.UNMET)


def test_what_was_given_up_is_not_run_again_after_a_death() -> None:
    world, (engine, _) = world_of(2)
    key = world.submit()
    world.start(engine)
    world.abort(key)
    world.die(engine)
    assert world.failures[key] == "engine 0 died while it ran the task: killed"


def test_what_runs_is_interrupted() -> None:
    world, (engine,) = world_of(1)
    key = world.submit()
    world.start(engine)
    world.abort(key, interrupt=True)
    world.drain()
    assert world.statuses[key] is Status.ABORTED
    assert world.failures[key] == "it was cancelled, and interrupted while it ran"
    assert not world.dead


def test_what_an_engine_has_is_asked_back_in_one_message() -> None:
    world, engines = world_of(2, hwm=0)
    keys = [world.submit() for _ in range(1000)]
    world.abort(*keys)
    assert [len(engine.requests) for engine in engines] == [1, 1]
    assert sum(len(engine.requests[0].ordinals) for engine in engines) == 1000
    world.drain()
    assert set(world.statuses.values()) == {Status.ABORTED}


def test_it_is_interrupted_once() -> None:
    world, (engine,) = world_of(1)
    key = world.submit()
    world.start(engine)
    for _ in range(3):
        world.abort(key, interrupt=True)
    assert len(engine.requests) == 1
    assert world.machine.wakeup == GRACE


def test_who_heeds_no_interrupt_is_killed_after_a_while() -> None:
    world = World(grace=2.0)
    engine = world.join(heeds=False)
    key = world.submit()
    world.start(engine)
    world.abort(key, interrupt=True)
    engine.give_back()
    world.pass_time(1.9)
    assert not world.doomed
    world.pass_time(0.1)
    assert world.doomed == [engine]
    world.die(engine)
    assert world.failures[key] == (
        "it was cancelled, and interrupted while it ran; its engine 0 is gone: killed"
    )


def test_a_result_that_is_faster_than_the_interrupt_counts() -> None:
    world, (engine,) = world_of(1)
    key = world.submit()
    world.start(engine)
    engine.finish(1e-3)
    world.abort(key, interrupt=True)
    world.drain()
    assert key in world.outcomes
    assert not world.doomed


def test_giving_up_what_has_ended_or_never_was_does_nothing() -> None:
    world, (engine,) = world_of(1)
    key = world.submit()
    world.work_off(engine, 1e-3)
    assert world.tell(TasksAborted(CLIENT, [key.seq, 99], True)) == []


# Time


def test_what_is_not_started_in_time_is_told() -> None:
    world, _ = world_of(1)
    first = world.submit()
    late = world.submit(timeout=1.0)
    waiting = world.submit(after=condition(first), timeout=2.0)
    world.pass_time(1.0)
    assert world.failures[late] == (
        "it was not started within its timeout of 1 s: no engine was free for it"
    )
    world.pass_time(1.0)
    assert world.failures[waiting] == (
        "it was not started within its timeout of 2 s: the tasks that it depends on "
        "had not ended"
    )
    assert {world.statuses[key] for key in (late, waiting)} == {Status.TIMEOUT}


def test_a_timeout_does_not_count_while_it_runs() -> None:
    world, (engine,) = world_of(1)
    key = world.submit(timeout=1.0)
    world.start(engine)
    world.pass_time(5.0)
    world.drain()
    assert key in world.outcomes


@pytest.mark.parametrize("pinned", [None, 0])
def test_what_runs_too_long_is_interrupted(pinned: int | None) -> None:
    world, (engine,) = world_of(1)
    key = world.submit(pinned, time_limit=3.0)
    world.start(engine)
    world.pass_time(2.9)
    assert not engine.requests
    world.pass_time(0.1)
    world.drain()
    assert world.statuses[key] is Status.TIMEOUT
    assert world.failures[key] == (
        "it ran longer than its time_limit of 3 s, and was interrupted"
    )


def test_a_time_limit_begins_when_its_turn_comes() -> None:
    world, (engine,) = world_of(1)
    world.submit(0)
    key = world.submit(0, time_limit=3.0)
    world.start(engine)
    world.pass_time(10.0)
    engine.finish(10.0)
    world.hear_result(engine)
    world.start(engine)
    world.pass_time(2.9)
    engine.finish(2.9)
    world.hear_result(engine)
    assert key in world.outcomes


def test_a_time_limit_begins_also_when_the_one_before_is_given_up() -> None:
    world, (engine,) = world_of(1)
    _, before, key = world.submit(0), world.submit(0), world.submit(0, time_limit=3.0)
    world.start(engine)
    world.abort(before)
    engine.give_back()
    engine.finish(1.0)
    world.hear_result(engine)  # so it seems to be the turn of the one before
    world.hold_up(engine)
    world.pass_time(3.0)
    world.drain()
    assert world.statuses[key] is Status.TIMEOUT


# Order and places


def test_a_higher_priority_goes_first() -> None:
    world, (engine,) = world_of(1)
    keys = [world.submit(priority=p) for p in (0, 0, -1, 5, 5, 0.5)]
    world.work_off(engine, 0.1)
    order = [sent.task.key for sent in engine.started]
    assert order == [keys[i] for i in (0, 3, 4, 5, 1, 2)]


def test_what_is_urgent_overtakes_a_line_that_stands_still() -> None:
    world, (engine,) = world_of(1)
    for _ in range(20):  # its tasks are known to be short: it gets many at once
        world.submit(0)
        world.work_off(engine, 1e-5)
    keys = [world.submit() for _ in range(300)]
    world.start(engine)
    urgent = [world.submit(priority=1), world.submit(depth=1)]
    world.pass_time(STALLED)
    world.hold_up(engine)
    world.work_off(engine, 10.0)
    ran = [sent.task.key for sent in engine.started if sent.task.pinned is None]
    assert ran == [keys[0], *urgent, *keys[1:]]


def test_equals_do_not_overtake() -> None:
    world, (engine,) = world_of(1)
    world.submit(0)
    world.work_off(engine, 1e-5)
    keys = [world.submit(priority=1) for _ in range(300)]
    world.start(engine)
    for _ in range(3):
        world.pass_time(STALLED)
    assert not engine.requests
    assert world.machine.wakeup is None
    world.drain()
    assert set(keys) < set(world.outcomes)


def test_what_becomes_ready_takes_its_turn_by_priority_at_once() -> None:
    world, (engine,) = world_of(1)
    first = world.submit()
    plain = world.submit()
    urgent = world.submit(after=condition(first), priority=1)
    world.work_off(engine, 0.1)
    assert [s.task.key for s in engine.started] == [first, urgent, plain]


def test_a_share_of_an_engine_is_taken_while_a_task_runs() -> None:
    world = World()
    plain, equipped = world.join(), world.join({"gpu": 1}, ["fast"])
    keys = [world.submit(resources={"gpu": 1}), world.submit(labels=["fast"])]
    assert not plain.tasks
    assert len(equipped.tasks) == 1
    world.drain()
    assert [world.outcomes[key] for key in keys] == [1, 1]


# Waiting for tasks of one's own


def test_engines_that_all_wait_run_what_they_wait_for() -> None:
    world, engines = world_of(2)
    parents = [world.submit() for _ in engines]
    for engine in engines:
        world.start(engine)
    children = [world.submit() for _ in range(6)]
    for engine in engines:
        assert not engine.can_start
        engine.suspend()
        world.hear_result(engine)
    assert all(engine.can_start for engine in engines)
    world.drain()
    assert set(world.outcomes) == {*parents, *children}


def test_a_task_that_goes_on_after_others_is_blamed_for_a_death() -> None:
    world = World()
    parent = world.submit(engine_retries=1)
    for _ in range(2):
        engine = world.join()
        world.start(engine)
        engine.suspend()
        world.hear_result(engine)
        world.submit(engine.engine_id)
        world.start(engine)
        engine.finish(1e-3)
        engine.resume()
        while engine.results:
            world.hear_result(engine)
        world.die(engine)
    assert world.statuses[parent] is Status.LOST
    assert "killed 2 engines" in world.failures[parent]


# What comes otherwise than it should


def test_a_task_that_comes_twice_is_one() -> None:
    world, _ = world_of(1)
    key = world.submit()
    assert world.tell(TaskSubmitted(key, None)) == []
    world.drain()
    assert key in world.outcomes


def test_setups_come_before_all_else() -> None:
    world = World()
    queued = world.submit()
    keys = [TaskKey(CLIENT, -1), TaskKey(CLIENT, -2)]
    event = EngineJoined(b"engine 0", 0, {}, (), [(key, "body") for key in keys])
    actions = world.machine.handle(event, 0.0)
    sent = [action for action in actions if isinstance(action, SendTask)]
    assert [action.task.key for action in sent] == keys
    assert all(action.task.pinned == 0 for action in sent)
    assert [task.key for task in world.machine.queue] == [queued]


def test_actions_say_what_they_are_about() -> None:
    world, (engine,) = world_of(1)
    key = world.submit()
    behind = world.submit(0)
    event = TasksAborted(CLIENT, [key.seq, behind.seq], True)
    assert world.tell(event) == [
        InterruptTask(engine.uuid, 1, Status.ABORTED, INTERRUPTED),
        RevokeTasks(engine.uuid, [2]),
    ]
    world.now += GRACE
    (kill,) = world.tell(TimePassed())
    assert kill == KillEngine(
        engine.uuid, "it was cancelled, and interrupted while it ran"
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_choosy_task_does_not_wait_for_all_that_came_later(scheme: str) -> None:
    world = World(policy=SCHEMES[scheme](Random(0)))
    engines = [world.join(), world.join()]
    for engine in engines:
        world.submit(engine.engine_id)
        world.work_off(engine, 1e-5)
    for _ in range(300):
        world.submit()
    choosy = world.submit(targets=[1], priority=1)
    later = [world.submit() for _ in range(300)]
    while choosy not in world.sent_at:
        able = [e for e in engines if e.running or e.can_start]
        assert able
        for engine in able:
            if engine.can_start:
                world.start(engine)
            engine.finish(1e-5)
            world.hear_result(engine)
    assert not set(later) & set(world.ended)
    world.drain()
    assert len(world.outcomes) == len(world.submitted)


def test_a_task_with_a_timeout_does_not_wait_in_a_line() -> None:
    world = World()
    engine = world.join()
    world.submit(engine.engine_id)
    world.work_off(engine, 1e-5)  # its tasks are known to be short: it gets many
    world.submit()
    late = world.submit(timeout=1.0)
    assert world.machine.tasks[late].state is TaskState.QUEUED
    world.pass_time(1.5)
    assert late in world.failures
