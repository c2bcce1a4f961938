"""An engine has as many tasks in hand as hide the way there, and no more."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.state.depth import LEAST, LONG, MESSAGE, MOST, SHORT, Depth


def learned(*durations: float) -> Depth:
    depth = Depth()
    for duration in durations:
        depth.learn(duration)
    return depth


def test_one_task_until_something_is_known() -> None:
    assert Depth().limit == 1


@pytest.mark.parametrize(
    ("duration", "limit"),
    [(LONG, 1), (SHORT, 2), (LONG - 1e-3, 2), (5e-4, 5), (1e-4, 21), (1e-9, MOST)],
)
def test_the_shorter_the_tasks_the_more_of_them(duration: float, limit: int) -> None:
    assert learned(duration).limit == limit


@pytest.mark.parametrize(
    ("durations", "row"),
    [((), 1), ((SHORT,), 1), ((MESSAGE / 2 - LEAST,), 2), ((0.0,), MESSAGE // LEAST)],
)
def test_only_short_tasks_are_worth_a_message_in_a_row(
    durations: tuple[float, ...], row: int
) -> None:
    assert learned(*durations).row == row


def test_a_long_task_after_short_ones_is_believed_at_once() -> None:
    assert learned(*[1e-5] * 100, 1.0).limit == 1


def test_short_tasks_after_a_long_one_are_believed_by_and_by() -> None:
    depth = learned(1.0)
    limits = []
    for _ in range(100):
        depth.learn(1e-5)
        limits.append(depth.limit)
    assert limits == sorted(limits)
    assert (limits[0], limits[-1]) == (1, MOST)


@given(st.lists(st.floats(0, 1e6)))
def test_the_limit_keeps_its_bounds(durations: list[float]) -> None:
    assert 1 <= learned(*durations).limit <= MOST


@pytest.mark.parametrize("duration", [-3600.0, float("nan")])
def test_a_clock_that_was_set_back_is_soon_forgotten(duration: float) -> None:
    assert learned(duration, 10 * SHORT).limit == 2
