"""Tasks that wait for tasks of their own: who goes on top of them, and how deep."""

from __future__ import annotations

from random import Random

import pytest

from parallel.protocol.messages import Status
from parallel.state.assigning import AT_REST
from parallel.state.events import InterruptTask
from parallel.state.naming import TaskKey
from parallel.state.stopping import GRACE
from tests.state.engines import FakeEngine
from tests.state.world import World


def suspend(world: World, engine: FakeEngine) -> None:
    """Let an engine start its next task, and that wait for others."""
    world.start(engine)
    engine.suspend()
    world.hear_result(engine)


def waits(world: World, engine: FakeEngine, **terms: object) -> TaskKey:
    """Submit a task that the engine starts, and that waits for others."""
    key = world.submit(**terms)
    suspend(world, engine)
    return key


# Depth first


class Recursion:
    """Naive Fibonacci, each call a task: it submits two and waits for both."""

    def __init__(self, world: World, n: int) -> None:
        self.world = world
        self.arguments = {world.submit(): n}
        self.children: dict[TaskKey, list[TaskKey]] = {}
        self.highest = 0

    def step(self, engine: FakeEngine) -> None:
        """Let an engine do the next thing, and let all hear of it."""
        world = self.world
        top = engine.stack[-1] if engine.stack else None
        if engine.running:
            self._go_on(engine, engine.running.task.key)
        elif top and all(c in world.outcomes for c in self.children[top.task.key]):
            engine.resume()
            engine.finish(1e-6)
        elif engine.can_start:
            world.start(engine)
        self.highest = max(self.highest, len(engine.stack))
        world.hear_all(engine)

    def _go_on(self, engine: FakeEngine, key: TaskKey) -> None:
        n = self.arguments[key]
        if n < 2:
            engine.finish(1e-6)
            return
        depth = self.world.submitted[key].depth + 1
        self.children[key] = [self.world.submit(depth=depth) for _ in range(2)]
        self.arguments |= zip(self.children[key], (n - 1, n - 2), strict=True)
        engine.suspend()


@pytest.mark.parametrize("engines", [1, 2, 3])
def test_a_pile_of_waiting_tasks_grows_no_further_than_recursion(engines: int) -> None:
    world = World(pile=4, hwm=1)
    fakes = [world.join() for _ in range(engines)]
    recursion = Recursion(world, 11)
    chance = Random(engines)
    while world.machine.tasks:
        world.pass_time(1e-4)
        recursion.step(chance.choice(fakes))
    assert len(world.outcomes) == 287
    assert recursion.highest <= 4 + 11


def test_what_is_as_deep_as_a_pile_goes_elsewhere() -> None:
    world = World(pile=1)
    engine = world.join()
    waits(world, engine, depth=1)
    first = world.join()
    world.submit(depth=1)
    second = world.submit(depth=1)
    world.submit(depth=2)
    assert not engine.can_start or engine.tasks[0].task.terms.depth == 2
    world.work_off(first, 1e-3)
    assert world.outcomes[second] == 1


def test_any_task_goes_on_a_pile_when_all_wait_for_a_while() -> None:
    world = World(pile=1)
    engine, other = world.join(), world.join()
    waits(world, engine, depth=3)
    world.submit(1)
    key = world.submit()
    world.pass_time(AT_REST)
    assert not engine.tasks, "the other one has something to do"
    suspend(world, other)
    assert not engine.tasks, "it may have heard what it waits for"
    world.pass_time(AT_REST)
    assert key in [sent.task.key for sent in (*engine.tasks, *other.tasks)]


@pytest.mark.parametrize("terms", [{}, {"resources": {"gpu": 1}}])
def test_a_child_may_take_what_its_waiting_parent_has(terms: dict[str, object]) -> None:
    world = World(pile=1)
    engine = world.join({"gpu": 1})
    world.join()
    waits(world, engine, resources={"gpu": 1})
    child = world.submit(depth=1, resources={"gpu": 1})
    assert engine.tasks[0].task.key == child
    engine.resume()  # meanwhile: the child waits behind it
    world.hear_result(engine)
    other = world.submit(**terms)
    assert [sent.task.key for sent in engine.tasks] == [child]
    world.drain()
    assert {child, other} <= set(world.outcomes)


# Interrupted below others


@pytest.mark.parametrize("limited", [False, True])
def test_the_grace_counts_from_when_an_interrupt_can_be_heard(limited: bool) -> None:
    world = World()
    engine = world.join()
    terms = {"time_limit": 1.0} if limited else {}
    parent = waits(world, engine, **terms)
    child = world.submit()
    world.start(engine)
    if limited:
        world.pass_time(1.0)
    else:
        world.abort(parent, interrupt=True)
    (request,) = engine.requests
    assert isinstance(request, InterruptTask)
    engine.give_back()
    for _ in range(3):
        world.pass_time(GRACE)
    assert not world.doomed
    engine.finish(0.1)
    world.hear_result(engine)
    assert child in world.outcomes
    engine.resume()
    world.drain()
    assert world.statuses[parent] is (Status.TIMEOUT if limited else Status.ABORTED)
    assert not world.dead


def test_who_heeds_no_interrupt_when_it_goes_on_is_killed() -> None:
    world = World()
    engine = world.join(heeds=False)
    parent = waits(world, engine)
    world.submit()
    world.start(engine)
    world.abort(parent, interrupt=True)
    engine.give_back()
    world.pass_time(GRACE)
    engine.finish(0.1)
    world.hear_result(engine)
    world.pass_time(GRACE / 2)
    assert not world.doomed
    world.pass_time(GRACE)
    assert world.doomed == [engine]


def test_a_task_that_was_faster_than_the_interrupt_is_waited_for() -> None:
    world = World()
    engine = world.join()
    parent = waits(world, engine)
    world.abort(parent, interrupt=True)
    world.submit()
    world.start(engine)
    engine.give_back()
    world.pass_time(GRACE)
    assert not world.doomed
    world.work_off(engine, 0.1)
    assert world.statuses[parent] is Status.ABORTED
