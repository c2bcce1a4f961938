"""Engines that drain, or whose time is nearly up, get nothing more."""

from __future__ import annotations

from parallel.protocol.messages import Status
from parallel.state.leaving import CLOSING
from parallel.state.naming import TaskKey
from parallel.state.whereabouts import whereabouts
from tests.state.test_scheduler import warm_world
from tests.state.world import World


def test_a_draining_engine_gets_nothing_more() -> None:
    world = World()
    first, second = world.join(), world.join()
    world.empty(first)
    for _ in range(3):
        world.submit()
    assert not first.tasks
    assert len(second.tasks) == 1


def test_it_gives_back_what_it_has_not_started_and_finishes_the_rest() -> None:
    world, (engine,) = warm_world(1)
    running, *waiting = (world.submit() for _ in range(4))
    world.start(engine)
    world.empty(engine)
    world.hold_up(engine)
    assert [task.key for task in world.machine.queue] == waiting
    assert not world.drained
    world.work_off(engine, 1e-3)
    assert running in world.outcomes
    assert world.drained == [engine.uuid]


def test_an_idle_engine_has_drained_at_once() -> None:
    world = World()
    engine = world.join()
    world.empty(engine)
    assert world.drained == [engine.uuid]


def test_what_it_gave_back_goes_to_those_that_stay() -> None:
    world, (leaving, staying) = warm_world(2)
    for _ in range(6):
        world.submit()
    world.start(leaving)
    world.empty(leaving, leaves=True)
    world.hold_up(leaving)
    for _ in range(6):
        world.work_off(staying, 1e-5)
    assert len(world.outcomes) == 2 + 5


def test_direct_tasks_still_go_to_an_engine_that_only_drains() -> None:
    world = World()
    engine = world.join()
    world.empty(engine)
    key = world.submit(engine.engine_id)
    world.work_off(engine, 1e-3)
    assert key in world.outcomes


def test_an_engine_that_leaves_gets_no_direct_task_and_tells_why() -> None:
    world = World()
    engine = world.join()
    world.empty(engine, leaves=True)
    key = world.submit(engine.engine_id)
    assert world.statuses[key] is Status.LOST
    assert "leaving: it is not needed" in world.failures[key]


def test_direct_tasks_that_were_sent_before_it_leaves_are_done() -> None:
    world = World()
    engine = world.join()
    keys = [world.submit(engine.engine_id) for _ in range(3)]
    world.empty(engine, leaves=True)
    assert not world.drained
    world.work_off(engine, 1e-3)
    assert set(keys) == set(world.outcomes)
    assert world.drained == [engine.uuid]


def test_a_drained_engine_can_have_work_again() -> None:
    world = World()
    engine = world.join()
    world.empty(engine)
    world.submit()
    assert not engine.tasks
    world.resume(engine)
    assert len(engine.tasks) == 1


def test_an_engine_that_leaves_is_not_called_back() -> None:
    world = World()
    engine = world.join()
    world.empty(engine, leaves=True)
    world.resume(engine)
    world.submit()
    assert not engine.tasks


def test_a_task_for_no_other_engine_fails_when_that_leaves() -> None:
    world = World()
    engine = world.join()
    world.submit(engine.engine_id)
    key = world.submit(targets=[engine.engine_id])
    world.empty(engine, leaves=True)
    assert world.statuses[key] is Status.IMPOSSIBLE
    assert "it is not needed" in world.failures[key]


def test_a_task_for_no_other_engine_waits_for_one_that_only_drains() -> None:
    world = World()
    engine = world.join()
    world.empty(engine)
    key = world.submit(targets=[engine.engine_id])
    assert key not in world.ends
    world.resume(engine)
    world.work_off(engine, 1e-3)
    assert key in world.outcomes


def test_what_its_own_tasks_wait_for_may_run_on_a_draining_engine() -> None:
    """Else it could never end what it has started, if no other engine is there."""
    world = World()
    engine = world.join()
    outer = world.submit()
    world.start(engine)
    engine.suspend()
    world.hear_result(engine)
    world.empty(engine)
    other, inner = world.submit(), world.submit(depth=1)
    assert [sent.task.key for sent in engine.tasks] == [inner]
    world.work_off(engine, 1e-3)
    assert {outer, inner} <= set(world.outcomes)
    assert other not in world.ends
    assert world.drained == [engine.uuid]


def test_an_engine_drains_before_its_time_is_up() -> None:
    world = World()
    engine = world.join(left=CLOSING + 60)
    world.pass_time(59.0)
    world.submit()
    world.work_off(engine, 1e-3)
    world.pass_time(1.5)
    assert world.drained == [engine.uuid]
    world.submit()
    assert not engine.tasks


def test_it_gets_no_task_that_is_likely_to_take_longer_than_it_has() -> None:
    world = World()
    engine = world.join(left=100.0)
    world.submit()
    world.start(engine)
    world.pass_time(30.0)
    world.work_off(engine, 30.0)
    world.submit()
    assert engine.tasks, "30 of its 70 seconds would do"
    world.start(engine)
    world.pass_time(30.0)
    world.work_off(engine, 30.0)
    world.pass_time(11.0)
    world.submit()
    assert not engine.tasks, "it has 29 seconds left"


def test_a_task_that_has_a_time_limit_goes_where_that_is_left() -> None:
    world = World()
    short = world.join(left=20.0)
    long = world.join(left=200.0)
    keys = [world.submit(time_limit=100) for _ in range(2)]
    assert not short.tasks
    assert len(long.tasks) == 1
    world.submit(time_limit=10)
    assert len(short.tasks) == 1
    place = whereabouts(world.machine, keys[1], world.now)
    assert place is not None
    assert place.why == "of the engines that it may run on, [0, 1], none is free"


def test_a_task_that_no_engine_has_the_time_for_waits_for_others() -> None:
    world = World()
    world.join(left=20.0)
    key = world.submit(time_limit=100)
    place = whereabouts(world.machine, key, world.now)
    assert place is not None
    assert "none has the time for it" in place.why
    world.work_off(world.join(), 1e-3)
    assert key in world.outcomes


def test_a_time_limit_that_fits_counts_for_more_than_what_tasks_take_on_average() -> (
    None
):
    world = World()
    engine = world.join(left=100.0)
    world.submit()
    world.start(engine)
    world.pass_time(60.0)
    world.work_off(engine, 60.0)
    plain, brief = world.submit(), world.submit(time_limit=1)
    assert [sent.task.key for sent in engine.tasks] == [brief]
    assert plain not in world.ends


def test_a_task_waits_where_all_engines_are_drained_and_says_so() -> None:
    world = World()
    world.empty(world.join())
    key = world.submit()
    place = whereabouts(world.machine, key, world.now)
    assert place is not None
    assert place.why == (
        "no engine takes more work: they are drained, or their time is up soon"
    )


def test_to_drain_who_is_gone_does_no_harm() -> None:
    world = World()
    engine = world.join()
    world.empty(engine)
    world.die(engine)
    world.empty(engine)
    world.resume(engine)
    world.submit()
    assert world.machine.queue.size == 1
    assert TaskKey(b"nobody", 0) not in world.machine.tasks
