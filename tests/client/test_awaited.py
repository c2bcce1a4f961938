"""Waiting says what it waited for, and its bar and its times are what was asked for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from parallel.client import awaited
from parallel.client.mapresults import AsyncMapResult
from parallel.client.progress import Bar, new_bar
from tests.fakes.connection import FakeConnection


def unsent() -> AsyncMapResult:
    """Return the result of a map whose end is not known."""
    connection: Any = FakeConnection()
    return AsyncMapResult(connection, "f", total=None)


def test_what_is_not_sent_in_time_is_told() -> None:
    with pytest.raises(TimeoutError, match="not all was sent within 0 s"):
        unsent().wait_for_send(0)


@pytest.mark.parametrize("widget", [True, False, None])
def test_whether_the_bar_is_a_notebooks_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, widget: bool | None
) -> None:
    asked: list[Any] = []

    def bar(total: float | None, what: str, **options: Any) -> Bar:
        asked.append(options.get("widget"))
        return new_bar(total, what, widget=False)

    monkeypatch.setattr(awaited, "new_bar", bar)
    assert unsent().wait_interactive(0, timeout=0, widget=widget) is False
    assert asked == [widget]


def test_times_pass_from_the_first_start_to_the_last_end() -> None:
    begin = datetime(2024, 1, 1, tzinfo=timezone.utc)
    times = [begin + timedelta(seconds=seconds) for seconds in (2, 0, 1)]
    ar = unsent()
    assert ar.timedelta(times, times) == 2
    assert ar.timedelta(times, times, start_key=max) == 0
    assert ar.timedelta(times, times, end_key=min) == 0
