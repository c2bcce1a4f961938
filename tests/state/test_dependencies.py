"""Tasks go after others as their conditions say, and those that never can are told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from parallel.protocol.messages import Status
from parallel.protocol.terms import Condition
from parallel.state.dependencies import Verdict, judge
from parallel.state.events import (
    DeliverOutcome,
    EngineJoined,
    FailTask,
    SendTask,
    TaskFinished,
    TasksAborted,
    TaskSubmitted,
    Terms,
)
from parallel.state.naming import TaskKey, task_key
from parallel.state.scheduler import Scheduler
from tests.state.plain import can_hold, follows, holds
from tests.state.world import CLIENT, World, msg_id

N = 10_000


def after(*keys: TaskKey, **how: bool) -> Condition:
    return Condition([msg_id(key) for key in keys], **how)


@pytest.mark.parametrize("how", [*product([True, False], repeat=2)])
@given(ends=st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=5))
def test_a_condition_is_worth_what_the_ends_to_come_can_make_of_it(
    how: tuple[bool, bool], ends: list[bool | None]
) -> None:
    success, every = how
    keys = [TaskKey(CLIENT, seq) for seq in range(len(ends))]
    condition = after(*keys, all=every, success=success, failure=not success)
    good, bad = ends.count(success), ends.count(not success)
    known = {key: (end, 0) for key, end in zip(keys, ends, strict=True)}
    told = {key: end for key, end in known.items() if end[0] is not None}
    verdict = judge(condition, len(ends), good, bad)
    assert (verdict is Verdict.HOLDS) == holds(condition, told)  # type: ignore[arg-type]
    assert (verdict is not Verdict.IMPOSSIBLE) == can_hold(condition, told)  # type: ignore[arg-type]


class Node(NamedTuple):
    """One task of a graph: what it waits for, by number, and whether it will raise."""

    after: list[int]
    follow: list[int]
    how: tuple[bool, bool, bool]
    good: bool


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    nodes = []
    hows = st.sampled_from(
        [(every, *ends) for every in (True, False) for ends in ((1, 0), (0, 1), (1, 1))]
    )
    for number in range(draw(st.integers(1, 25))):
        earlier = st.lists(
            st.integers(0, max(0, number - 1)), max_size=3 if number else 0
        )
        after = draw(earlier)
        follow = draw(earlier) if draw(st.integers(0, 4)) == 0 else []
        how = draw(hows)
        nodes.append(
            Node(after, follow, tuple(map(bool, how)), draw(st.integers(0, 3)) > 0)
        )
    return nodes


def condition_of(numbers: list[int], node: Node) -> Condition | None:
    ids = [msg_id(TaskKey(CLIENT, number)) for number in numbers]
    return Condition(ids, *node.how) if ids else None


@given(nodes=graphs(), engines=st.integers(1, 3), data=st.data())
@settings(max_examples=200)
def test_of_any_graph_just_those_run_that_a_plain_model_lets_run(
    nodes: list[Node], engines: int, data: st.DataObject
) -> None:
    world = World()
    for _ in range(engines):
        world.join()
    submitted = 0
    while submitted < len(nodes) or world.machine.tasks:
        able = [e for e in world.engines if e.running or e.can_start]
        if submitted < len(nodes) and (not able or data.draw(st.booleans())):
            node = nodes[submitted]
            terms = {
                "after": condition_of(node.after, node),
                "follow": condition_of(node.follow, node),
            }
            assert world.submit(**terms).seq == submitted
            submitted += 1
            continue
        assert able, "nobody runs, and nothing ends"
        engine = data.draw(st.sampled_from(able))
        if engine.can_start:
            world.start(engine)
        running = engine.running
        assert running is not None
        good = nodes[running.task.key.seq].good
        engine.finish(1e-3, Status.OK if good else Status.ERROR)
        world.hear_result(engine)
    check_by_a_plain_model(nodes, world)
    world.check_empty()


def check_by_a_plain_model(nodes: list[Node], world: World) -> None:
    """Work out from all ends who can have run, as each only waits for earlier ones."""
    for number, node in enumerate(nodes):
        key = TaskKey(CLIENT, number)
        conditions = [condition_of(node.after, node), condition_of(node.follow, node)]
        # At the end each condition either holds or never can; and that which holds
        # with any one task holds, and has been followed, from when it first did so.
        # `World` judges where.
        runs = all(c is None or holds(c, world.ends) for c in conditions)
        if runs and (follow := conditions[1]) is not None:
            runs = bool(follows(follow, world.ends))
        if runs:
            assert world.ends[key][0] == node.good
        else:
            assert world.statuses[key] is Status.IMPOSSIBLE
        assert (key in world.sent_at) == (key in world.outcomes)


def test_an_id_that_nobody_knows_is_refused_at_once() -> None:
    world = World()
    for name in ("nonsense", "f" * 32 + "_x", msg_id(TaskKey(CLIENT, 99))):
        for word in ("after", "follow"):
            key = world.submit(**{word: Condition([name])})
            assert world.statuses[key] is Status.INVALID
            assert f"it depends on {name!r}, of which nothing" in world.failures[key]


def test_a_task_cannot_wait_for_itself() -> None:
    world = World()
    key = world.submit(after=after(TaskKey(CLIENT, 0)))
    assert world.statuses[key] is Status.INVALID


def test_direct_tasks_can_be_waited_for() -> None:
    world = World()
    engine = world.join()
    first = world.submit(engine.engine_id)
    second = world.submit(after=after(first))
    assert second not in world.sent_at
    world.drain()
    assert set(world.outcomes) == {first, second}


def test_what_goes_after_another_goes_where_that_ran_if_all_have_nothing_to_do() -> (
    None
):
    world = World()
    engines = [world.join() for _ in range(3)]
    keys = [world.submit(engines[1].engine_id)]
    keys += [world.submit(after=after(keys[0]))]
    keys += [world.submit(after=after(keys[1]))]
    world.drain()
    assert [world.outcomes[key] for key in keys] == [engines[1].engine_id] * 3


def test_what_goes_after_another_goes_elsewhere_if_that_engine_is_busy() -> None:
    world = World()
    first, second = world.join(), world.join()
    key = world.submit(first.engine_id)
    world.submit(first.engine_id)
    later = world.submit(after=after(key))
    world.drain(stuck=[])
    assert world.outcomes[later] == second.engine_id


def test_what_follows_goes_where_the_others_ran() -> None:
    world = World()
    engines = [world.join() for _ in range(3)]
    key = world.submit(engines[1].engine_id)
    world.work_off(engines[1], 1e-3)
    follower = world.submit(follow=after(key))
    world.drain()
    assert world.outcomes[follower] == engines[1].engine_id


def test_nobody_can_follow_tasks_apart() -> None:
    world = World()
    keys = [world.submit(world.join().engine_id) for _ in range(2)]
    key = world.submit(follow=after(*keys))
    either = world.submit(follow=after(*keys, all=False))
    world.drain()
    assert world.statuses[key] is Status.IMPOSSIBLE
    assert "ran on different engines, [0, 1]" in world.failures[key]
    assert either in world.outcomes


def test_nobody_can_follow_a_task_that_ran_nowhere() -> None:
    world = World()
    never = world.submit(targets=[])
    key = world.submit(follow=after(never, failure=True))
    assert world.failures[key] == "it is to follow tasks that never ran on any engine"


def test_who_follows_any_waits_for_one_that_ran() -> None:
    world = World()
    engine = world.join()
    never, key = world.submit(targets=[]), world.submit()
    follower = world.submit(follow=after(never, key, all=False, failure=True))
    assert follower not in world.ended
    world.work_off(engine, 1e-3)
    assert world.outcomes[follower] == 0


def test_who_follows_to_an_engine_that_is_gone_is_told() -> None:
    world = World()
    engine = world.join()
    key = world.submit(engine.engine_id)
    world.work_off(engine, 1e-3)
    blocker = world.submit(engine.engine_id)
    follower = world.submit(follow=after(key))
    world.die(engine)
    late = world.submit(follow=after(key))
    assert blocker in world.failures
    for each in (follower, late):
        assert world.statuses[each] is Status.IMPOSSIBLE
        assert "engine 0 is gone: killed" in world.failures[each]


def test_why_it_can_never_be_is_told_by_the_first_three() -> None:
    world = World()
    bad = [world.submit(targets=[]) for _ in range(5)]
    key = world.submit(after=after(*bad))
    names = ", ".join(map(msg_id, bad[:3]))
    assert world.failures[key] == (
        f"its `after` can never hold: {names} and 2 more failed"
    )


@pytest.mark.parametrize(
    ("cancelled", "others", "how"),
    [
        (1, 0, "was cancelled"),
        (2, 0, "were cancelled"),
        (1, 1, "failed or were cancelled"),
    ],
)
def test_that_a_task_was_cancelled_is_told_whether_one_waited_or_came_later(
    cancelled: int, others: int, how: str
) -> None:
    world = World()
    keys = [world.submit() for _ in range(cancelled)]
    waiting = world.submit(after=after(*keys))
    for key in keys:
        world.abort(key)
    keys += [world.submit(targets=[]) for _ in range(others)]
    late = world.submit(after=after(*keys))
    first = msg_id(keys[0])
    assert world.failures[late].endswith(how)
    assert f"{first} was cancelled" in world.failures[waiting]


# Many at once


def plain_machine(engines: int = 0) -> Scheduler:
    machine = Scheduler()
    for number in range(engines):
        machine.handle(EngineJoined(b"engine %d" % number, number), 0.0)
    return machine


def submit(machine: Scheduler, seq: int, *others: int) -> list[object]:
    terms = Terms(after=after(*(TaskKey(CLIENT, other) for other in others)))
    return list(
        machine.handle(TaskSubmitted(TaskKey(CLIENT, seq), None, None, terms), 0.0)
    )


def run_all(machine: Scheduler, sent: list[object]) -> Iterator[int]:
    """Let engines end all they are sent, one by one; yield the numbers in order."""
    line = [action for action in sent if isinstance(action, SendTask)]
    for action in line:
        yield action.task.key.seq
        event = TaskFinished(action.uuid, action.ordinal, 1e-5, None)
        more = machine.handle(event, 0.0)
        line += [each for each in more if isinstance(each, SendTask)]


def test_a_chain_of_thousands_falls_at_once() -> None:
    machine = plain_machine()
    for seq in range(N):
        submit(machine, seq, *([seq - 1] if seq else []))
    assert machine._ledger.waiting == N - 1
    actions = machine.handle(TasksAborted(CLIENT, [0]), 0.0)
    assert [a.task.key.seq for a in actions if isinstance(a, FailTask)] == [*range(N)]
    assert actions[0].status is Status.ABORTED
    assert {action.status for action in actions[1:]} == {Status.IMPOSSIBLE}
    assert not machine.tasks
    machine.check()


def test_a_chain_of_thousands_runs_in_order() -> None:
    machine = plain_machine(3)
    sent: list[object] = []
    for seq in range(N):
        sent += submit(machine, seq, *([seq - 1] if seq else []))
    assert [*run_all(machine, sent)] == [*range(N)]
    machine.check()


def test_a_tree_of_thousands_runs_from_its_root() -> None:
    machine = plain_machine(3)
    sent: list[object] = []
    for seq in range(N):
        sent += submit(machine, seq, *([(seq - 1) // 2] if seq else []))
    order = [*run_all(machine, sent)]
    place = {seq: at for at, seq in enumerate(order)}
    assert sorted(order) == [*range(N)]
    assert all(place[(seq - 1) // 2] < place[seq] for seq in range(1, N))


def test_one_may_wait_for_thousands_and_thousands_for_one() -> None:
    machine = plain_machine(3)
    sent: list[object] = []
    for seq in range(N):
        sent += submit(machine, seq)
    sent += submit(machine, N, *range(N))
    for seq in range(N + 1, 2 * N):
        sent += submit(machine, seq, N)
    order = [*run_all(machine, sent)]
    assert order.index(N) == N
    assert sorted(order) == [*range(2 * N)]
    assert not machine._ledger._dependencies._watches


def test_an_end_is_told_before_what_it_decides() -> None:
    machine = plain_machine(1)
    (sent,) = submit(machine, 0)
    submit(machine, 1, 0)
    submit(machine, 2, 1)
    assert isinstance(sent, SendTask)
    event = TaskFinished(sent.uuid, sent.ordinal, 1e-5, None, Status.ERROR)
    actions = machine.handle(event, 0.0)
    assert [type(action) for action in actions] == [DeliverOutcome, FailTask, FailTask]


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**63))
def test_an_id_names_its_task(client: bytes, seq: int) -> None:
    key = TaskKey(client, seq)
    assert task_key(msg_id(key)) == key


@given(st.text(max_size=40))
def test_any_text_is_no_id_or_names_one(text: str) -> None:
    key = task_key(text)
    assert key is None or isinstance(key.seq, int)
