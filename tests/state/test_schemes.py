"""Whatever the scheme, engines may come and go, and tasks get what they ask for."""

from __future__ import annotations

from random import Random

import pytest

from parallel.protocol.messages import Status
from parallel.protocol.terms import Condition
from parallel.state.policies import SCHEMES
from tests.state.world import World, msg_id


@pytest.fixture(params=SCHEMES)
def world(request: pytest.FixtureRequest) -> World:
    """Return a world without engines under each scheme."""
    return World(policy=SCHEMES[request.param](Random(0)))


def test_work_goes_on_when_an_engine_leaves(world: World) -> None:
    leaves, _ = world.join(), world.join()
    before = [world.submit() for _ in range(10)]
    world.die(leaves)
    after = [world.submit() for _ in range(10)]
    world.drain()
    assert [world.outcomes[key] for key in (*before, *after)] == [1] * 20


def test_who_comes_late_has_its_share(world: World) -> None:
    leaves = world.join()
    world.die(leaves)
    keys = [world.submit() for _ in range(10)]
    for _ in range(2):
        world.join()
    keys += [world.submit() for _ in range(30)]
    world.drain()
    assert {world.outcomes[key] for key in keys} == {1, 2}


def test_targets_and_conditions_are_kept(world: World) -> None:
    for _ in range(3):
        world.join()
    here = [world.submit(targets=[1]) for _ in range(5)]
    first = world.submit()
    second = world.submit(after=Condition([msg_id(first)]))
    third = world.submit(follow=Condition([msg_id(here[0])]))
    assert second not in world.sent_at
    world.drain()
    assert {world.outcomes[key] for key in (*here, third)} == {1}
    assert second in world.outcomes


def test_what_fails_is_tried_elsewhere(world: World) -> None:
    engines = [world.join() for _ in range(3)]
    key = world.submit(retries=2)
    tried = []
    for _ in engines:
        (engine,) = [each for each in engines if each.can_start]
        world.start(engine)
        engine.finish(1e-3, Status.ERROR)
        world.hear_result(engine)
        tried.append(engine.engine_id)
    assert sorted(tried) == [0, 1, 2]
    assert key in world.outcomes
