"""Flags are checked when they are set, and make terms that are None for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.client.flags import (
    Flag,
    Flagged,
    amounts,
    count,
    dependency,
    duration,
    labelled,
    number,
    seconds,
    switch,
    terms_of,
    text,
    words,
)
from parallel.protocol.terms import USUAL, Condition, Terms


class Small(Flagged):
    block = Flag(switch, False)
    label = Flag(text)
    timeout = Flag(seconds)
    told = 0

    def __init__(self) -> None:
        super().__init__()

    def _flags_changed(self) -> None:
        self.told += 1
        if self.label == "refused":
            raise IndexError("refused")


class Larger(Small):
    retries = Flag(count, 0)


def test_a_class_has_the_flags_of_its_bases() -> None:
    assert list(Small.flags) == ["block", "label", "timeout"]
    assert list(Larger.flags) == ["block", "label", "timeout", "retries"]


def test_each_view_has_its_own() -> None:
    one, other = Small(), Small()
    one.label = "a"
    assert (one.label, other.label, Small.label.name) == ("a", None, "label")


def test_flags_are_set_together_or_not_at_all() -> None:
    view = Larger()
    with pytest.raises(KeyError, match="no flag 'colour'"):
        view._change_flags({"label": "a", "colour": "red"})
    with pytest.raises(TypeError, match=r"retries is a whole number, not 1\.5"):
        view._change_flags({"label": "a", "retries": 1.5})
    with pytest.raises(ValueError, match="at least 0"):
        view.timeout = -1
    assert (view.label, view.retries, view.timeout) == (None, 0, None)
    assert view.told == 0


def test_what_their_view_refuses_is_not_kept() -> None:
    view = Small()
    with pytest.raises(IndexError):
        view.label = "refused"
    assert view.label is None


@pytest.mark.parametrize(
    ("check", "value", "kept"),
    [
        (switch, 1, True), (switch, None, False),
        (text, None, None), (text, "a", "a"),
        (seconds, None, None), (seconds, 0, 0.0), (seconds, 2, 2.0),
        (duration, 0.5, 0.5), (duration, None, None),
        (count, 0, 0), (count, 7, 7),
        (number, -3, -3.0),
        (amounts, {"gpu": 1}, {"gpu": 1.0}), (amounts, None, {}),
        (words, ["a", "b"], ("a", "b")), (words, None, ()),
        (dependency, None, None), (dependency, "a_1", "a_1"),
    ],
)  # fmt: skip
def test_what_is_kept(check: Any, value: Any, kept: Any) -> None:
    assert check("flag", value) == kept


@pytest.mark.parametrize(
    ("check", "value", "error"),
    [
        (switch, "yes", TypeError), (text, 5, TypeError),
        (seconds, "1", TypeError), (seconds, True, TypeError),
        (seconds, -1, ValueError),
        (seconds, float("nan"), ValueError), (duration, 0, ValueError),
        (count, -1, ValueError), (count, True, TypeError), (count, 1.0, TypeError),
        (number, "high", TypeError),
        (amounts, {"gpu": -1}, ValueError), (amounts, {1: 1}, TypeError),
        (amounts, ["gpu"], TypeError), (amounts, {"gpu": "one"}, TypeError),
        (words, "gpu", TypeError), (words, [1], TypeError), (words, 5, TypeError),
        (dependency, 5, ValueError), (dependency, ["a", 5], ValueError),
    ],
)  # fmt: skip
def test_what_is_refused(check: Any, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^flag"):
        check("flag", value)


def test_flags_that_ask_for_nothing_make_no_terms() -> None:
    assert terms_of({"label": None}) is None
    assert terms_of({"label": "", "retries": 0, "resources": {}, "labels": ()}) is None
    assert terms_of({"label": None, "timeout": 0.0}) is None
    assert labelled(None, None) is None


def test_flags_become_terms() -> None:
    flags = {
        "label": "a", "after": "x_1", "follow": ["x_2"], "timeout": 1.0,
        "time_limit": 2.0, "retries": 3, "engine_retries": 0, "priority": -1.0,
        "resources": {"gpu": 1.0}, "labels": ("big",),
    }  # fmt: skip
    assert terms_of(flags, [2]) == Terms(
        label="a", targets=[2], after=Condition(["x_1"]), follow=Condition(["x_2"]),
        timeout=1.0, time_limit=2.0, retries=3, engine_retries=0, priority=-1.0,
        resources={"gpu": 1.0}, labels=["big"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("retries", "engine_retries", "deaths"),
    [(0, 2, 2), (1, 2, 2), (5, 2, 5), (5, 7, 7), (5, 0, 0)],
)
def test_retries_are_for_deaths_too_but_where_these_have_none(
    retries: int, engine_retries: int, deaths: int
) -> None:
    terms = terms_of(
        {"label": None, "retries": retries, "engine_retries": engine_retries}
    )
    assert (terms or USUAL).engine_retries == deaths


def test_a_call_has_a_label_of_its_own() -> None:
    assert labelled(None, "b") == Terms(label="b")
    assert labelled(Terms(label="a", retries=1), "b") == Terms(label="b", retries=1)
