"""What grows is told from what only goes up and down."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.soak.run import given_back
from tests.soak.samples import Curve
from tests.soak.trend import trend_of

HOUR = 3600


def curve(value: Callable[[float], float]) -> Curve:
    found = Curve()
    for second in range(0, HOUR, 5):
        found.add(second, value(second))
    return found


def test_what_is_level_does_not_grow() -> None:
    assert trend_of(curve(lambda _: 40.0)).growth == 0


def test_what_grows_all_the_time_does() -> None:
    trend = trend_of(curve(lambda second: 40 + 8 * second / HOUR))
    assert trend.rate == pytest.approx(8, rel=0.05)
    assert trend.growth == pytest.approx(6, rel=0.05), "since the warm-up"


def test_a_warm_up_is_no_growth() -> None:
    trend = trend_of(curve(lambda second: 40 if second > 0.2 * HOUR else 10))
    assert (trend.begin, trend.warm, trend.growth) == (10, 40, 0)


def test_what_is_held_for_a_moment_is_no_growth() -> None:
    chance = Random(1)
    trend = trend_of(curve(lambda _: 40 + 30 * (chance.random() > 0.7)))
    assert abs(trend.growth) < 0.1
    assert trend.most == 70


def test_what_grows_under_what_is_held_for_a_moment_does() -> None:
    chance = Random(2)
    trend = trend_of(
        curve(lambda second: 40 + 8 * second / HOUR + 100 * (chance.random() > 0.8))
    )
    assert trend.growth == pytest.approx(6, rel=0.2)


def test_a_single_value_is_level() -> None:
    found = Curve()
    found.add(0.1, 7)
    assert trend_of(found).growth == 0


def test_what_goes_a_little_later_is_given_back() -> None:
    opened = iter([27.0, 27.0, 26.0, 25.0])
    assert given_back(lambda: next(opened), 25)


def test_what_stays_is_not() -> None:
    assert not given_back(lambda: 28.0, 27, patience=0.05)
