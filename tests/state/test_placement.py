"""Tasks go where they may, where there is room, and no faster than that."""

from __future__ import annotations

import pytest

from parallel.state.placement import CROWD, Placement
from parallel.state.policies import RoundRobin
from parallel.state.tasks import Engine, TaskState
from tests.state.placing import crowd_of, make, placement_of


def give_all(placement: Placement, most: int = 100) -> int:
    """Give plain tasks while there is room; return how many there was room for."""
    for number in range(most):
        uuid = placement.policy.choose()
        if uuid is None:
            return number
        engine = placement.engines[uuid]
        placement.give(make(), engine, 0.0)
        placement.settle(engine)
    return most


@pytest.mark.parametrize(("hwm", "room"), [(None, 2), (1, 2), (3, 6), (0, 100)])
def test_the_high_water_mark_bounds_what_an_engine_has(
    hwm: int | None, room: int
) -> None:
    placement = placement_of(Engine(b"a", 0), Engine(b"b", 1), hwm=hwm)
    assert give_all(placement) == room


def test_a_greedy_scheme_knows_no_high_water_mark() -> None:
    placement = Placement(RoundRobin(), 1)
    placement.add(Engine(b"a", 0))
    assert give_all(placement) == 100


def test_by_itself_the_mark_follows_how_long_tasks_take() -> None:
    engine = Engine(b"a", 0)
    engine.depth.learn(1e-4)
    assert give_all(placement_of(engine)) == engine.depth.limit > 1


@pytest.mark.parametrize(
    ("n", "duration", "share"),
    [(CROWD, 0.0, 1), (CROWD + 1, 0.0, 12), (CROWD + 1, 1e-3, 1), (4, 0.0, 8)],
)
def test_each_of_many_engines_gets_as_many_short_tasks_as_are_worth_a_message(
    n: int, duration: float, share: int
) -> None:
    placement, engines = crowd_of(n, duration)
    assert placement.share(engines[0], CROWD) == share


def test_direct_tasks_take_no_resources() -> None:
    engine = Engine(b"a", 0, {"gpu": 1})
    placement = placement_of(engine)
    for _ in range(2):
        placement.give(make(0, resources={"gpu": 1}), engine, 0.0)
        placement.settle(engine)
    placement.check()


def test_an_engine_that_is_gone_leaves_nothing_behind() -> None:
    placement = placement_of(Engine(b"a", 0), hwm=0)
    give_all(placement, 3)
    gone = placement.remove(b"a")
    assert gone is not None
    assert [task.state for task in gone.inhand.values()] == [TaskState.ASSIGNED] * 3
    assert placement.remove(b"a") is None
    assert placement.engines == placement.by_id == placement.crowded == {}
    assert placement.policy.choose() is None
