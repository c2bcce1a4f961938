"""What tasks show in a terminal is drawn anew where it stands, and the rest stays."""

from __future__ import annotations

import io
import re

import pytest

from parallel.client.canvas import Canvas
from parallel.client.cursor import rows_of
from tests.fakes.terminal import show_in

LINES, COLUMNS = 8, 20


class Screen(io.StringIO):
    """A terminal, as far as what is drawn anew needs one."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = [""]
        self.at = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for each in re.findall(r"\x1b\[\d*[A-Z]|\r|\n|[^\x1b\r\n]+", text):
            self._take(each)
        return len(text)

    def _take(self, each: str) -> None:
        if each == "\n":
            self.at += 1
            self.rows += [""] * (self.at == len(self.rows))
        elif each == "\x1b[J":
            self.rows[self.at :] = [""]
        elif each.endswith("A") and each[0] == "\x1b":
            top = max(0, len(self.rows) - LINES)
            self.at = max(top, self.at - int(each[2:-1]))
        elif each != "\r":
            line = self.rows[self.at] + each
            self.rows[self.at] = line
            while len(self.rows[self.at]) > COLUMNS:
                line = self.rows[self.at]
                self.rows[self.at], left = line[:COLUMNS], line[COLUMNS:]
                self.at += 1
                self.rows[self.at :] = [left]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Let this be a terminal of a few lines."""
    made = Screen()
    show_in(made, monkeypatch, LINES, COLUMNS)
    return made


def tell(canvas: Canvas, owner: int, text: str, *, anew: bool = False) -> None:
    with canvas.part_of(owner, str(owner), anew=anew) as part:
        part.write(stdout=text)


def test_the_part_of_one_is_drawn_anew_in_its_place(screen: Screen) -> None:
    canvas = Canvas()
    tell(canvas, 0, "one\n")
    tell(canvas, 1, "other\n")
    tell(canvas, 0, "two\n", anew=True)
    assert screen.rows == ["[stdout:0] two", "[stdout:1] other", ""]
    tell(canvas, 1, "", anew=True)
    assert screen.rows == ["[stdout:0] two", ""]
    tell(canvas, 1, "third\n")
    tell(canvas, 0, "", anew=True)
    tell(canvas, 0, "four\n")
    assert screen.rows == ["[stdout:0] four", "[stdout:1] third", ""]


def test_lines_that_were_begun_go_on_and_are_ended(screen: Screen) -> None:
    canvas = Canvas()
    tell(canvas, 0, "a")
    tell(canvas, 0, "b")
    tell(canvas, 0, "c", anew=True)
    assert screen.rows == ["[stdout:0] c"]
    tell(canvas, 1, "d\n")
    tell(canvas, 0, "e", anew=True)
    assert screen.rows == ["[stdout:0] e", "[stdout:1] d", ""]


def test_what_has_left_the_screen_stays(screen: Screen) -> None:
    canvas = Canvas()
    for i in range(LINES):
        tell(canvas, i % 2, f"{i}\n")
    tell(canvas, 0, "new\n", anew=True)
    ones = [f"[stdout:1] {i}" for i in range(1, LINES, 2)]
    assert screen.rows == ["[stdout:0] 0", "[stdout:0] new", *ones, ""]


def test_long_lines_take_several(screen: Screen) -> None:
    canvas = Canvas()
    tell(canvas, 0, "x" * 40 + "\n")
    tell(canvas, 0, "y\n", anew=True)
    assert screen.rows == ["[stdout:0] y", ""]


def test_colours_and_what_is_overwritten_take_no_room(screen: Screen) -> None:
    assert rows_of("\x1b[31mred\x1b[0m" + " " * 17 + "\n") == 1
    assert rows_of("10%" * 6 + "\r" + "20%" * 6) == 1
    assert rows_of("\u4e2d" * 11) == 2
    assert rows_of("a\n\nb") == 3


def test_elsewhere_text_stays(capsys: pytest.CaptureFixture[str]) -> None:
    canvas = Canvas()
    tell(canvas, 0, "one\n")
    tell(canvas, 0, "two", anew=True)
    tell(canvas, 0, "three\n", anew=True)
    assert capsys.readouterr().out == "[stdout:0] one\n[stdout:0] twothree\n"
