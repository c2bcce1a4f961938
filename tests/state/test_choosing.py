"""Tasks get the engine that suits them, and it is known if none ever will."""

from __future__ import annotations

import pytest

from parallel.state.choosing import Choosing
from parallel.state.tasks import Engine, Needs
from tests.state.placing import make, placement_of


def test_choosy_tasks_get_an_idle_engine_that_suits_them() -> None:
    busy, plain, fast = Engine(b"a", 0), Engine(b"b", 1), Engine(b"c", 2, {}, ["fast"])
    placement = placement_of(busy, plain, fast, hwm=5)
    choosing = Choosing(placement)
    placement.give(make(), busy, 0.0)
    placement.settle(busy)
    assert choosing.choose(make(targets=[0]).needs) is None
    assert choosing.choose(make(targets=[0, 1]).needs) is plain
    assert choosing.choose(make(labels=["fast"]).needs) is fast
    assert choosing.choose(make(labels=["fast", "big"]).needs) is None
    assert choosing.choose(make(targets=[1], labels=["fast"]).needs) is None


def test_the_engine_idle_longest_is_chosen() -> None:
    first, second = Engine(b"a", 0), Engine(b"b", 1)
    first.heard, second.heard = 2.0, 1.0
    assert (
        Choosing(placement_of(first, second)).choose(make(targets=[0, 1]).needs)
        is second
    )


@pytest.mark.parametrize("terms", [{"labels": ["fast"]}, {"targets": [0, 1, 2, 9]}])
def test_of_the_idle_that_suit_a_choosy_task_gets_the_one_idle_longest(
    terms: dict[str, object],
) -> None:
    engines = [Engine(b"%d" % i, i, labels=["fast"]) for i in range(6)]
    placement = placement_of(*engines)
    choosing = Choosing(placement)
    for engine in engines[2], engines[0], engines[1]:
        ordinal = placement.give(make(), engine, 0.0)
        placement.settle(engine)
        placement.take(engine, ordinal)
        engine.heard = {2: 1.0, 0: 2.0, 1: 3.0}[engine.engine_id]
        placement.settle(engine)
    for other in engines[3:]:
        placement.give(make(), other, 0.0)
        placement.settle(other)
    assert choosing.choose(make(**terms).needs) is engines[2]


def test_what_waits_for_others_holds_no_resources() -> None:
    engine = Engine(b"a", 0, {"gpu": 1})
    placement = placement_of(engine)
    choosing = Choosing(placement)
    for _ in range(10):
        task = make(resources={"gpu": 1})
        assert choosing.choose(task.needs) is engine
        ordinal = placement.give(task, engine, 0.0)
        placement.settle(engine)
        assert choosing.choose(make(resources={"gpu": 0.1}).needs) is None
        engine.suspended.add(ordinal)
        engine.nested.add(ordinal)
        placement.settle(engine)
        placement.check()


def test_who_can_never_run_is_told_from_who_must_wait() -> None:
    engine = Engine(b"a", 0, {"gpu": 1}, ["fast"])
    placement = placement_of(engine)
    choosing = Choosing(placement)
    possible = [
        make(targets=[0]),
        make(targets=[0, 7]),
        make(labels=["big"]),  # such an engine may come
        make(resources={"gpu": 2}),
    ]
    assert not any(choosing.is_hopeless(task.needs) for task in possible)
    hopeless = [
        make(targets=[]),
        make(targets=[7]),
        make(targets=[0], labels=["big"]),
        make(targets=[0], resources={"gpu": 2}),
    ]
    assert all(choosing.is_hopeless(task.needs) for task in hopeless)
    refused = Needs(frozenset([0]), frozenset([0]), (), frozenset())
    assert choosing.is_hopeless(refused)
    assert choosing.suits_any(None)
    assert not choosing.suits_any(refused)
    placement.remove(b"a")
    assert choosing.is_hopeless(possible[0].needs)


def test_who_waits_for_others_has_room() -> None:
    engine = Engine(b"a", 0)
    placement = placement_of(engine)
    choosing = Choosing(placement)
    ordinal = placement.give(make(), engine, 0.0)
    placement.settle(engine)
    assert choosing.choose(None) is None
    engine.suspended.add(ordinal)
    engine.nested.add(ordinal)
    placement.settle(engine)
    assert choosing.choose(None) is engine
    placement.give(make(), engine, 1.0)
    placement.settle(engine)
    assert engine.heard == 1.0, "what comes to an idle engine is not yet stalled"
    assert choosing.choose(None) is None
    placement.check()
