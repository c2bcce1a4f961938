"""Engines are asked for when tasks wait, and let go when long not needed."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.state.scaling import DOWN_AFTER, HORIZON, UP_AFTER, Adaptation, Load

BUSY = Load(queued=100, busy=2, idle=0)
QUIET = Load(queued=0, busy=0, idle=2)


def after(adaptation: Adaptation, load: Load, asked: int, seconds: float) -> int:
    """Return what is wanted when a load has lasted for so long."""
    assert adaptation.wanted(load, asked, 0.0) == asked
    return adaptation.wanted(load, asked, seconds)


def test_more_are_wanted_when_tasks_have_waited_for_a_while() -> None:
    assert after(Adaptation(1, 8), BUSY, 2, UP_AFTER / 2) == 2
    assert after(Adaptation(1, 8), BUSY, 2, UP_AFTER) == 8


def test_no_more_than_there_are_tasks_for() -> None:
    few = Load(queued=3, busy=2, idle=0)
    assert after(Adaptation(1, 8), few, 2, UP_AFTER) == 5


def test_short_tasks_do_not_ask_for_as_many_engines() -> None:
    short = Load(queued=100, busy=2, idle=0, mean=HORIZON / 50)
    assert after(Adaptation(1, 80), short, 2, UP_AFTER) == 4
    blink = Load(queued=100, busy=2, idle=0, mean=1e-5)
    assert after(Adaptation(1, 80), blink, 2, UP_AFTER) == 3


def test_those_on_their_way_are_not_asked_for_again() -> None:
    adaptation = Adaptation(1, 80)
    few = Load(queued=3, busy=2, idle=0)
    assert after(adaptation, few, 5, UP_AFTER) == 5


def test_nobody_is_called_while_one_is_idle() -> None:
    lazy = Load(queued=5, busy=1, idle=1)
    assert after(Adaptation(1, 8), lazy, 2, 10 * UP_AFTER) == 2


def test_fewer_are_wanted_when_engines_have_been_idle_for_long() -> None:
    assert after(Adaptation(1, 8), QUIET, 2, DOWN_AFTER / 2) == 2
    assert after(Adaptation(1, 8), QUIET, 2, DOWN_AFTER) == 1
    assert after(Adaptation(0, 8), QUIET, 2, DOWN_AFTER) == 0


def test_as_many_stay_as_were_busy_at_once_in_that_time() -> None:
    adaptation = Adaptation(0, 8)
    assert adaptation.wanted(Load(0, 1, 7), 8, 0.0) == 8
    assert adaptation.wanted(Load(0, 5, 3), 8, DOWN_AFTER / 2) == 8
    assert adaptation.wanted(Load(0, 0, 8), 8, DOWN_AFTER) == 5


def test_a_pause_between_two_bursts_lets_nobody_go() -> None:
    adaptation = Adaptation(1, 8)
    now = 0.0
    for _ in range(20):
        for load in (QUIET, Load(queued=1, busy=2, idle=0)):
            now += DOWN_AFTER * 0.9
            assert adaptation.wanted(load, 2, now) == 2


def test_who_was_asked_for_and_never_came_is_let_go_too() -> None:
    assert after(Adaptation(0, 8), Load(queued=0, busy=0, idle=0), 4, DOWN_AFTER) == 0


def test_the_bounds_hold_at_once() -> None:
    assert Adaptation(3, 8).wanted(QUIET, 2, 0.0) == 3
    assert Adaptation(1, 8).wanted(BUSY, 9, 0.0) == 8


@pytest.mark.parametrize(("minimum", "maximum"), [(-1, 2), (3, 2), (0, 0)])
def test_bounds_that_make_no_sense_are_refused(minimum: int, maximum: int) -> None:
    with pytest.raises(ValueError, match=f"minimum={minimum}, maximum={maximum}"):
        Adaptation(minimum, maximum)


loads = st.builds(
    Load,
    queued=st.integers(0, 50),
    busy=st.integers(0, 10),
    idle=st.integers(0, 10),
    mean=st.none() | st.floats(0, 100),
)


@given(
    steps=st.lists(st.tuples(loads, st.floats(0, 40)), max_size=30),
    minimum=st.integers(0, 4),
    more=st.integers(1, 8),
)
def test_whatever_happens_it_stays_within_bounds_and_lets_no_busy_engine_go(
    steps: list[tuple[Load, float]], minimum: int, more: int
) -> None:
    adaptation = Adaptation(minimum, minimum + more)
    asked, now = minimum, 0.0
    for load, seconds in steps:
        now += seconds
        wanted = adaptation.wanted(load, asked, now)
        assert adaptation.minimum <= wanted <= adaptation.maximum
        if wanted < asked:
            assert not load.queued
            assert wanted >= min(load.busy, asked)
        asked = wanted
