"""The newest entries are remembered, and all are counted."""

from __future__ import annotations

from parallel.state.newest import Newest


def newest(most: int, count: int) -> Newest[int, str]:
    found: Newest[int, str] = Newest(most)
    for i in range(count):
        found[i] = str(i)
    return found


def test_the_oldest_goes_when_there_are_too_many() -> None:
    assert newest(3, 5) == {2: "2", 3: "3", 4: "4"}


def test_all_are_counted() -> None:
    assert newest(3, 5).total == 5


def test_what_replaces_another_is_not_counted() -> None:
    found = newest(3, 3)
    found[1] = "again"
    assert found.total == 3
    assert found == {0: "0", 1: "again", 2: "2"}


def test_what_came_since_can_be_told() -> None:
    found = newest(10, 5)
    assert found.since(3) == [(3, "3"), (4, "4")]
    assert found.since(5) == []


def test_what_came_since_and_went_is_not_told() -> None:
    assert newest(2, 5).since(0) == [(3, "3"), (4, "4")]
