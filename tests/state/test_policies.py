"""Each scheme chooses by its own rule, and only among engines that have room."""

from __future__ import annotations

from collections import Counter
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.state.events import EngineJoined, EngineLost, TaskSubmitted
from parallel.state.naming import TaskKey
from parallel.state.policies import SCHEMES, LeastLoad, LeastRecentlyUsed, Policy
from parallel.state.scheduler import Scheduler


def test_nobody_to_choose() -> None:
    assert LeastLoad().choose() is None


def test_the_least_load_wins() -> None:
    policy = LeastLoad()
    policy.place(b"a", 2)
    policy.place(b"b", 1)
    policy.place(b"c", 3)
    assert policy.choose() == b"b"


def test_among_equals_who_came_first_wins() -> None:
    policy = LeastLoad()
    for engine in (b"a", b"b"):
        policy.place(engine, 0)
    policy.place(b"a", 1)
    policy.place(b"a", 0)
    assert policy.choose() == b"b"


def test_among_equals_the_one_near_wins() -> None:
    policy = LeastLoad()
    for load, engine in enumerate((b"a", b"b", b"c")):
        policy.place(engine, load // 2)
    assert policy.choose(near=b"b") == b"b"
    assert policy.choose(near=b"c") == b"a"
    assert policy.choose(near=b"gone") == b"a"


def test_placing_anew_without_a_change_keeps_the_turn() -> None:
    policy = LeastLoad()
    for engine in (b"a", b"b", b"a"):
        policy.place(engine, 0)
    assert policy.choose() == b"a"


def test_a_stranger_may_be_removed() -> None:
    LeastLoad().remove(b"a")


changes = st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(-1, 5))


def tell(policy: Policy, loads: dict[bytes, int], engine: bytes, load: int) -> None:
    """Tell a policy, and a plain table, of an engine's load; below 0, of its end."""
    if load < 0:
        policy.remove(engine)
        loads.pop(engine, None)
    else:
        policy.place(engine, load)
        loads[engine] = load


@given(st.lists(changes))
def test_it_is_as_a_plain_table_says(history: list[tuple[bytes, int]]) -> None:
    policy = LeastLoad()
    loads: dict[bytes, int] = {}
    for engine, load in history:
        tell(policy, loads, engine, load)
    assert policy.loads == loads
    assert policy.idle() == list(loads.values()).count(0)
    chosen = policy.choose()
    assert loads.get(chosen) == (min(loads.values()) if loads else None)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(st.lists(changes))
def test_each_scheme_knows_who_has_room(
    scheme: str, history: list[tuple[bytes, int]]
) -> None:
    policy = SCHEMES[scheme](Random(1))
    loads: dict[bytes, int] = {}
    for engine, load in history:
        tell(policy, loads, engine, load)
        assert policy.loads == loads
        assert policy.idle() == list(loads.values()).count(0)
        chosen = policy.choose()
        assert chosen in loads if loads else chosen is None


def placed(scheme: str, *loads: int) -> Policy:
    """Return a policy with engines of such loads."""
    policy = SCHEMES[scheme](Random(0))
    for number, load in enumerate(loads):
        policy.place(b"%d" % number, load)
    return policy


def chosen(policy: Policy, times: int = 2000) -> Counter[bytes | None]:
    return Counter(policy.choose() for _ in range(times))


@pytest.mark.parametrize("scheme", ["lru", "pure"])
def test_in_turn_means_whatever_they_have_to_do(scheme: str) -> None:
    policy = placed(scheme, 5, 0, 2)
    first = [policy.choose() for _ in range(3)]
    assert sorted(first) == [b"0", b"1", b"2"]
    policy.place(b"1", 7)
    assert [policy.choose() for _ in range(6)] == first * 2


def test_who_was_full_for_a_while_is_next_in_turn() -> None:
    policy = placed("lru", 0, 0, 0)
    policy.remove(b"0")
    assert [policy.choose() for _ in range(4)] == [b"1", b"2", b"1", b"2"]
    policy.place(b"0", 3)
    assert policy.choose() == b"0"


def test_nothing_is_kept_of_who_is_gone() -> None:
    policy = LeastRecentlyUsed()
    machine = Scheduler(policy=policy)
    machine.handle(EngineJoined(b"engine", 0), 0.0)
    machine.handle(TaskSubmitted(TaskKey(b"client", 0), b""), 0.0)
    assert policy._turns
    machine.handle(EngineLost(b"engine", "killed"), 0.0)
    assert not policy.loads
    assert not policy._turns


def test_only_in_turn_is_without_end() -> None:
    assert [name for name in SCHEMES if placed(name).greedy] == ["pure"]


def test_by_lot_each_has_the_same_chance() -> None:
    counts = chosen(placed("plainrandom", 0, 5, 100))
    assert all(550 < counts[b"%d" % i] < 800 for i in range(3))


def test_of_two_drawn_the_lesser_loaded_wins() -> None:
    counts = chosen(placed("twobin", 1, 2, 3))
    # It is drawn twice (1/9), or with one that has less to do.
    expected = {b"0": 5 / 9, b"1": 3 / 9, b"2": 1 / 9}
    assert all(abs(counts[k] / 2000 - share) < 0.05 for k, share in expected.items())


def test_weighted_draws_the_less_loaded_more_often() -> None:
    counts = chosen(placed("weighted", 0, 1, 3))
    # Drawn with chances of 4/7, 2/7 and 1/7, and then the lesser of two.
    assert abs(counts[b"0"] / 2000 - (1 - (3 / 7) ** 2)) < 0.05
    assert abs(counts[b"2"] / 2000 - (1 / 7) ** 2) < 0.05


@pytest.mark.parametrize("scheme", ["plainrandom", "twobin", "weighted"])
def test_the_same_chance_gives_the_same_choices(scheme: str) -> None:
    loads = 0, 1, 2, 3
    one, other = placed(scheme, *loads), placed(scheme, *loads)
    assert [one.choose() for _ in range(50)] == [other.choose() for _ in range(50)]
