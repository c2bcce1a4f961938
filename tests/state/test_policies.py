"""The choice falls on the engine with the least to do, in turn among equals."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from parallel.state.policies import LeastLoad


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


def test_placing_anew_without_a_change_keeps_the_turn() -> None:
    policy = LeastLoad()
    for engine in (b"a", b"b", b"a"):
        policy.place(engine, 0)
    assert policy.choose() == b"a"


def test_a_stranger_may_be_removed() -> None:
    LeastLoad().remove(b"a")


changes = st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(-1, 5))


@given(st.lists(changes))
def test_it_is_as_a_plain_table_says(history: list[tuple[bytes, int]]) -> None:
    policy = LeastLoad()
    loads: dict[bytes, int] = {}
    for engine, load in history:
        if load < 0:
            policy.remove(engine)
            loads.pop(engine, None)
        else:
            policy.place(engine, load)
            loads[engine] = load
    assert len(policy) == len(loads)
    assert policy.idle() == list(loads.values()).count(0)
    chosen = policy.choose()
    assert loads.get(chosen) == (min(loads.values()) if loads else None)
