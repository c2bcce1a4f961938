"""Tasks go where they may, where there is room, and no faster than that."""

from __future__ import annotations

from itertools import count

import pytest

from parallel.protocol.terms import Terms
from parallel.state.placement import STALLED, Placement
from parallel.state.policies import LeastLoad, RoundRobin
from parallel.state.tasks import Engine, Needs, Task, TaskKey, TaskState

seqs = count()


def make(pinned: int | None = None, **terms: object) -> Task:
    """Return a task that is ready to be given to an engine."""
    key = TaskKey(b"client", next(seqs))
    task = Task(key, None, pinned, Terms(**terms))  # type: ignore[arg-type]
    task.settle_needs()
    return task


def placement_of(*engines: Engine, hwm: int | None = None) -> Placement:
    placement = Placement(LeastLoad(), hwm)
    for engine in engines:
        placement.add(engine)
    return placement


def give_all(placement: Placement, most: int = 100) -> int:
    """Give plain tasks while there is room; return how many there was room for."""
    for number in range(most):
        engine = placement.choose(None)
        if engine is None:
            return number
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


def test_who_waits_for_others_has_room() -> None:
    engine = Engine(b"a", 0)
    placement = placement_of(engine)
    ordinal = placement.give(make(), engine, 0.0)
    placement.settle(engine)
    assert placement.choose(None) is None
    engine.suspended.add(ordinal)
    engine.nested.add(ordinal)
    placement.settle(engine)
    assert placement.choose(None) is engine
    placement.give(make(), engine, 1.0)
    placement.settle(engine)
    assert engine.heard == 1.0, "what comes to an idle engine is not yet stalled"
    assert placement.choose(None) is None
    placement.check()


def test_choosy_tasks_get_an_idle_engine_that_suits_them() -> None:
    busy, plain, fast = Engine(b"a", 0), Engine(b"b", 1), Engine(b"c", 2, {}, ["fast"])
    placement = placement_of(busy, plain, fast, hwm=5)
    placement.give(make(), busy, 0.0)
    placement.settle(busy)
    assert placement.choose(make(targets=[0]).needs) is None
    assert placement.choose(make(targets=[0, 1]).needs) is plain
    assert placement.choose(make(labels=["fast"]).needs) is fast
    assert placement.choose(make(labels=["fast", "big"]).needs) is None
    assert placement.choose(make(targets=[1], labels=["fast"]).needs) is None


def test_the_engine_idle_longest_is_chosen() -> None:
    first, second = Engine(b"a", 0), Engine(b"b", 1)
    first.heard, second.heard = 2.0, 1.0
    assert placement_of(first, second).choose(make(targets=[0, 1]).needs) is second


def test_what_waits_for_others_holds_no_resources() -> None:
    engine = Engine(b"a", 0, {"gpu": 1})
    placement = placement_of(engine)
    for _ in range(10):
        task = make(resources={"gpu": 1})
        assert placement.choose(task.needs) is engine
        ordinal = placement.give(task, engine, 0.0)
        placement.settle(engine)
        assert placement.choose(make(resources={"gpu": 0.1}).needs) is None
        engine.suspended.add(ordinal)
        engine.nested.add(ordinal)
        placement.settle(engine)
        placement.check()


def test_direct_tasks_take_no_resources() -> None:
    engine = Engine(b"a", 0, {"gpu": 1})
    placement = placement_of(engine)
    for _ in range(2):
        placement.give(make(0, resources={"gpu": 1}), engine, 0.0)
        placement.settle(engine)
    placement.check()


def test_who_can_never_run_is_told_from_who_must_wait() -> None:
    engine = Engine(b"a", 0, {"gpu": 1}, ["fast"])
    placement = placement_of(engine)
    possible = [
        make(targets=[0]),
        make(targets=[0, 7]),
        make(labels=["big"]),  # such an engine may come
        make(resources={"gpu": 2}),
    ]
    assert not any(placement.is_hopeless(task.needs) for task in possible)
    hopeless = [
        make(targets=[]),
        make(targets=[7]),
        make(targets=[0], labels=["big"]),
        make(targets=[0], resources={"gpu": 2}),
    ]
    assert all(placement.is_hopeless(task.needs) for task in hopeless)
    refused = Needs(frozenset([0]), frozenset([0]), (), frozenset())
    assert placement.is_hopeless(refused)
    assert placement.suits_any(None)
    assert not placement.suits_any(refused)
    placement.remove(b"a")
    assert placement.is_hopeless(possible[0].needs)


def test_a_stalled_engine_gives_what_could_run_elsewhere() -> None:
    stalled, idle = Engine(b"a", 0), Engine(b"b", 1)
    placement = placement_of(stalled, idle, hwm=0)
    tasks = [make(), make(), make(0), make(), make(targets=[0]), make()]
    for task in tasks:
        placement.give(task, stalled, 0.0)
        placement.settle(stalled)
    assert set(placement.crowded) == {b"a"}
    assert placement.next_stall(0.0) == STALLED
    assert list(placement.stalled(STALLED / 2)) == []
    # Of the three that may move, the idle engine gets half, rounded up.
    assert list(placement.stalled(STALLED)) == [(stalled, [4, 6])]
    stalled.revoking = {4, 6}
    assert list(placement.stalled(STALLED)) == []
    assert placement.next_stall(0.0) is None


def test_an_engine_that_is_gone_leaves_nothing_behind() -> None:
    placement = placement_of(Engine(b"a", 0), hwm=0)
    give_all(placement, 3)
    gone = placement.remove(b"a")
    assert gone is not None
    assert [task.state for task in gone.inhand.values()] == [TaskState.ASSIGNED] * 3
    assert placement.remove(b"a") is None
    assert placement.engines == placement.by_id == placement.crowded == {}
    assert placement.choose(None) is None
