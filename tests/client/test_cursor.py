"""A bar beneath a line that was begun leaves that as it is, and the line goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel.client.cursor import Cursor
from tests import picture

COLUMNS = 20
BAR = "%px:  50%|#####     "

pieces = st.lists(
    st.text(alphabet="ab\t\r\n", max_size=30)
    | st.sampled_from(["\x1b[31mred\x1b[0m", "z" * 45, "\x1b[1m"]),
    max_size=6,
)


@pytest.fixture(autouse=True, scope="module")
def _columns() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(COLUMNS))
        patch.setenv("LINES", "50")
        yield


def drawn(text: str) -> str:
    """Return what a terminal shows, whose driver begins lines at the left."""
    return picture.drawn(text.replace("\n", "\r\n"), COLUMNS)


def with_bar(written: list[str]) -> str:
    """Return what a terminal gets of texts, with a bar beneath all the time."""
    cursor, told = Cursor(), ""
    for text in written:
        told += cursor.go_below() + f"\r{BAR}"
        told += f"\r{' ' * (COLUMNS - 1)}\r" + cursor.go_back(text, bars=True)
        cursor.follow(text)
    return told + cursor.go_below() + f"\r{BAR}"


@given(pieces)
def test_texts_stand_as_they_do_without_a_bar(written: list[str]) -> None:
    text = "".join(written)
    above = drawn(text).rstrip("\n")
    shown = drawn(with_bar(written))
    assert shown.rstrip().endswith(BAR.rstrip())
    assert shown[: shown.rindex("%px:")].rstrip("\n") == above


def test_what_has_nothing_in_its_line_gets_no_line_of_its_own() -> None:
    assert drawn(with_bar(["done\n"])).split("\n") == ["done", BAR.rstrip()]


def test_behind_a_bar_that_was_closed_the_line_has_ended() -> None:
    cursor = Cursor()
    cursor.follow("begun")
    assert cursor.go_below() == "\n"
    assert cursor.go_back("\n", bars=False) == ""
    cursor.follow("\n")
    assert cursor.go_below() == ""


def test_what_was_erased_is_not_begun_any_more() -> None:
    cursor = Cursor()
    cursor.follow("begun")
    cursor.follow("\r\x1b[2A\x1b[J")
    assert cursor.go_below() == ""
