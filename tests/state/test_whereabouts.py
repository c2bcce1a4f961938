"""Whoever waits for a task can be told where it stands."""

from __future__ import annotations

from parallel.protocol.terms import Condition
from parallel.state.naming import TaskKey
from parallel.state.whereabouts import Whereabouts, whereabouts
from tests.state.world import CLIENT, World, msg_id


def where(world: World, key: TaskKey) -> Whereabouts:
    found = whereabouts(world.machine, key, world.now)
    assert found is not None
    return found


def test_what_runs_and_what_is_in_line() -> None:
    world = World()
    engine = world.join()
    first, second = world.submit(engine.engine_id), world.submit(engine.engine_id)
    world.pass_time(2.0)
    assert where(world, first) == Whereabouts("running", engine.engine_id, 2.0)
    assert where(world, second).state == "in line"
    world.start(engine)
    engine.suspend()
    world.hear_result(engine)
    assert where(world, first).state == "suspended"
    assert where(world, second).state == "running"


def test_what_is_queued_says_why() -> None:
    world = World()
    key = world.submit()
    assert where(world, key).why == "there is no engine"
    world.join()
    other = world.submit()
    assert where(world, other) == Whereabouts("queued", why="the one engine is busy")
    world.join()
    world.submit()
    assert where(world, other).state == "running"
    assert where(world, world.submit()).why == "all 2 engines are busy"


def test_what_needs_something_says_what() -> None:
    world = World()
    world.join({"gpu": 1})
    world.submit()
    key = world.submit(resources={"gpu": 2}, labels=["big"])
    assert where(world, key).why == "no engine suits it, which needs gpu=2, big"
    key = world.submit(resources={"gpu": 1})
    assert (
        where(world, key).why == "of the engines that it may run on, [0], none is free"
    )


def test_what_waits_for_others_names_them() -> None:
    world = World()
    world.join()
    keys = [world.submit() for _ in range(5)]
    condition = Condition([msg_id(key) for key in keys])
    place = where(world, world.submit(after=condition))
    assert place.state == "waiting"
    named = ", ".join(msg_id(key) for key in keys[:3])
    assert place.why == f"for {named} and 2 more to end"


def test_what_has_ended_or_never_came_is_nowhere() -> None:
    world = World()
    world.join()
    key = world.submit()
    world.drain()
    for other in (key, TaskKey(CLIENT, 99)):
        assert whereabouts(world.machine, other, world.now) is None
