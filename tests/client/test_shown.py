"""What a task showed is told as it stands in the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from parallel.client.displayed import MOST_NBYTES
from parallel.client.printed import overwritten
from parallel.client.shown import News, Piece, Shown, Told
from parallel.protocol.messages import Outcome, Status


@pytest.mark.parametrize(
    ("printed", "stays"),
    [
        ("", ""),
        ("plain\ntext", "plain\ntext"),
        ("a\rb\n", "b\n"),
        ("\r10%\r20%\r30%", "30%"),
        ("first\n\r10%\r20%\nlast\n", "first\n20%\nlast\n"),
        ("10%\r", "10%\r"),
        ("10%\r20%\r", "20%\r"),
        ("of Windows\r\ntwo\r\r\n", "of Windows\r\ntwo\r\r\n"),
        ("\r", "\r"),
    ],
)
def test_a_line_that_was_begun_anew_is_told_once(printed: str, stays: str) -> None:
    assert overwritten(printed) == stays


def test_a_bar_of_a_long_line_takes_no_longer_than_it_has_to() -> None:
    drawn = "".join(f"\r{i}" + "x" * 1_000 for i in range(2_000))
    assert overwritten("y" * 1_000_000 + "\n" + drawn)[1_000_001:][:4] == "1999"


def test_data_is_updated_name_by_name() -> None:
    shown = Shown()
    shown.take("data", {"a": 1, "b": 2})
    shown.take("data", {"a": 3})
    assert shown.data == {"a": 3, "b": 2}


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind: 'sound'"):
        Shown().take("sound", {})


def display(text: str, name: str = "", *, update: bool = False) -> dict[str, Any]:
    value: dict[str, Any] = {"data": {"text/plain": text}, "metadata": {}}
    if name:
        value["transient"] = {"display_id": name}
    return {**value, "update": True} if update else value


def texts(displays: Iterable[dict[str, Any]]) -> list[str]:
    return [each["data"]["text/plain"] for each in displays]


def displays(news: News) -> list[dict[str, Any]]:
    return [display for piece in news.pieces for display in piece.displays]


def stdout(news: News) -> str:
    return "".join(piece.stdout for piece in news.pieces)


def test_an_update_takes_the_place_of_what_it_updates() -> None:
    shown = Shown()
    shown.take("display", display("one", "a"))
    shown.take("display", display("two"))
    shown.take("display", display("three", "a", update=True))
    assert texts(shown.outputs) == ["three", "two"]
    assert not any(each.get("update") for each in shown.outputs)


def test_an_update_of_what_another_task_displayed_stays_one() -> None:
    shown = Shown()
    shown.take("display", display("new", "a", update=True))
    assert shown.outputs == [display("new", "a", update=True)]


def test_who_reads_along_hears_of_updates() -> None:
    shown = Shown()
    shown.take("display", display("one", "a"))
    shown.take("display", display("two"))
    news = shown.since(Told())
    assert texts(displays(news)) == ["one", "two"]
    shown.take("display", display("three", "a", update=True))
    news = shown.since(news.told)
    assert displays(news) == [display("three", "a", update=True)]
    assert not shown.since(news.told).pieces


def test_who_reads_along_hears_of_what_comes_after_a_clear() -> None:
    shown = Shown()
    shown.take("display", display("one"))
    news = shown.since(Told())
    shown.take("clear", {"wait": True})
    shown.take("display", display("two"))
    assert texts(displays(shown.since(news.told))) == ["two"]
    assert texts(shown.outputs) == ["two"]


def test_of_too_many_displays_the_first_and_the_last_are_kept() -> None:
    shown = Shown()
    for i in range(200):
        shown.take("display", display(str(i)), 1 << 20)
    each = MOST_NBYTES >> 20
    first, last = map(str, range(each)), map(str, range(200 - each, 200))
    cut = f"[... {200 - 2 * each} displays cut here ...]"
    assert texts(shown.outputs) == [*first, cut, *last]


def test_what_was_printed_before_a_clear_is_not_told_after_it() -> None:
    shown = Shown()
    shown.stdout.add("one\n")
    first = shown.since(Told())
    shown.take("clear", {"wait": True, "reach": (4, 0)})
    assert not shown.since(first.told).cleared  # nothing has come since
    shown.stdout.add("two\n")
    news = shown.since(first.told)
    assert (news.cleared, stdout(news)) == (True, "two\n")
    assert not shown.since(news.told).cleared
    assert shown.stdout.text == "one\ntwo\n"


def test_what_comes_later_than_a_clear_behind_it_is_not_told() -> None:
    shown = Shown()
    shown.take("clear", {"wait": False, "reach": (4, 0)})
    news = shown.since(Told())
    assert news.cleared
    shown.stdout.add("one\n")
    late = shown.since(news.told)
    assert (late.cleared, stdout(late)) == (False, "")
    shown.stdout.add("two\n")
    assert stdout(shown.since(late.told)) == "two\n"


def test_a_display_stands_behind_what_was_printed_before_it() -> None:
    shown = Shown()
    shown.take("display", {**display("picture"), "reach": (4, 2)})
    shown.take("display", {**display("another"), "reach": (4, 2)})
    shown.stdout.add("on")
    begin = shown.since(Told())
    assert begin.pieces == [Piece("on")]
    assert not shown.since(begin.told).pieces
    shown.stdout.add("e\nand more\n")
    shown.stderr.add("!\n")
    there = [display("picture"), display("another")]
    assert shown.outputs == there
    news = shown.since(begin.told)
    assert news.pieces == [Piece("e\n", "!\n", there), Piece("and more\n")]
    assert not shown.since(news.told).pieces
    assert shown.since(Told()).pieces[0] == Piece("one\n", "!\n", there)


def test_a_display_waits_for_no_text_behind_its_tasks_end() -> None:
    shown = Shown()
    shown.stdout.add("one\n")
    shown.take("display", {**display("picture"), "reach": (400, 0)})
    assert shown.since(Told()).pieces == [Piece("one\n")]
    shown.end(Outcome(0, Status.LOST, b"", 0, 0, 0.0, 0.0, "one\n"))
    assert shown.since(Told()).pieces == [Piece("one\n", "", [display("picture")])]
