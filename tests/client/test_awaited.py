"""Waiting says what it waited for, and its bar and its times are what was asked for."""

from __future__ import annotations

from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from parallel.client import awaited, deliveries, facts
from parallel.client.mapresults import AsyncMapResult
from parallel.client.progress import Bar, new_bar
from parallel.client.results import AsyncResult
from parallel.protocol.messages import Method
from parallel.serialize.objects import pack
from tests.fakes.connection import FakeConnection, direct


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


class Answering:
    """A bar, and answers: one more of them each time that it moves."""

    def __init__(self, connection: FakeConnection, answers: dict[int, Any]) -> None:
        self.n = 0.0
        self.total: float | None = None
        self._connection = connection
        self._answers = answers

    def update(self, n: float = 1) -> None:
        self.n += n
        seq, *_ = self._answers
        self._connection.answer(seq, self._answers.pop(seq))

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("return_when", "done", "left"),
    [(FIRST_COMPLETED, 2, [2, 3]), (FIRST_EXCEPTION, 3, [3])],
)
def test_a_bar_ends_with_the_first(
    monkeypatch: pytest.MonkeyPatch, return_when: str, done: int, left: list[int]
) -> None:
    connection = FakeConnection()
    ar = direct(connection, 4)
    # One of them is given when the wait is over already.
    answers = {0: "zero", 1: ValueError("one"), 2: "two", 3: "three"}
    bar = Answering(connection, answers)
    monkeypatch.setattr(awaited, "new_bar", lambda *_, **__: bar)
    came, pending = ar.wait_interactive(0, return_when=return_when)
    assert (len(came), len(pending), list(answers)) == (done, 4 - done, left)


@pytest.mark.parametrize("return_when", [None, ALL_COMPLETED])
def test_a_bar_ends_with_the_last(
    monkeypatch: pytest.MonkeyPatch, return_when: str | None
) -> None:
    connection = FakeConnection()
    ar = direct(connection, 3)
    bar = Answering(connection, {0: 0, 1: ValueError("one"), 2: 2, 3: 3})
    connection.submit(direct(connection, 1), Method.APPLY, b"", pack("after"))
    monkeypatch.setattr(awaited, "new_bar", lambda *_, **__: bar)
    assert ar.wait_interactive(0, return_when=return_when) is True
    assert ar.ready()


def test_a_clock_that_was_set_back_shows_no_negative_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 5000.0
    for module in (deliveries, facts):
        monkeypatch.setattr(module, "timestamp", lambda: now)
    connection = FakeConnection()
    ar = direct(connection)
    now -= 3600
    assert ar.elapsed == 0
    connection.answer(0)
    connection.answer(1)
    assert (ar.elapsed, ar.wall_time) == (0, 0)
    assert ar.serial_time >= 0


def test_times_are_told_by_the_clock_here(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    for module in (deliveries, facts):
        monkeypatch.setattr(module, "timestamp", lambda: now)
    connection = FakeConnection()
    first = direct(connection)
    now = 102.0
    later = direct(connection)
    now = 103.0
    assert (first.elapsed, later.elapsed) == (3, 1)
    connection.answer(1, seconds=1000)  # by the clock of its engine
    now = 107.0
    for seq in (0, 2, 3):
        connection.answer(seq)
    now = 110.0
    joined = AsyncResult.join(later, first)
    assert (first.wall_time, later.wall_time, joined.wall_time) == (7, 5, 7)
    assert (first.elapsed, later.elapsed, joined.elapsed) == (7, 5, 7)


def test_who_asks_to_be_called_is_not_kept_waiting() -> None:
    connection = FakeConnection()
    ar = direct(connection)
    assert connection.attended == 0
    ar.add_done_callback(lambda _: None)
    assert connection.attended == 1
