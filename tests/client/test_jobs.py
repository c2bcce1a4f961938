"""Jobs are results, futures, ids, places in a history, or several of these."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from parallel.client.jobs import futures_and_ids, ids_of

HISTORY = ["s_0", "s_1", "s_2"]


def test_futures_are_told_from_ids() -> None:
    future: Future[Any] = Future()
    assert futures_and_ids([future, "s_0", -1, [1]], HISTORY) == (
        [future],
        ["s_0", "s_2", "s_1"],
    )
    assert futures_and_ids(future, HISTORY) == ([future], [])


def test_all_of_them_have_ids() -> None:
    result = SimpleNamespace(msg_ids=["s_0", "s_1"])
    assert ids_of([result, 2], HISTORY) == HISTORY
    assert ids_of(slice(1, None), HISTORY) == HISTORY[1:]
    assert ids_of("x_9", HISTORY) == ["x_9"]


@pytest.mark.parametrize("wrong", [1.5, True, None, b"a", [None]])
def test_other_things_are_no_jobs(wrong: object) -> None:
    with pytest.raises(TypeError, match="a job is"):
        ids_of(wrong, HISTORY)


def test_a_strange_future_has_no_ids() -> None:
    with pytest.raises(TypeError, match="no message ids"):
        ids_of(Future(), HISTORY)


def test_a_place_must_be_there() -> None:
    with pytest.raises(IndexError):
        futures_and_ids(5, HISTORY)
