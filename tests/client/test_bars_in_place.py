"""A bar that a task draws goes on in its place, though others show something since."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel.client import canvas as canvas_module
from parallel.client.bars import split_bar
from parallel.client.canvas import Canvas
from parallel.client.printed import overwritten
from tests import picture
from tests.fakes.terminal import show_in

LINES, COLUMNS = 60, 40


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What stands there."""
        drawn = picture.drawn(self.getvalue().replace("\n", "\r\n"), COLUMNS)
        return drawn.rstrip("\n").split("\n")


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    """Undo what `in_terminal` has set, once all tests are over."""
    with pytest.MonkeyPatch.context() as made:
        yield made


@pytest.fixture
def terminal(patch: pytest.MonkeyPatch) -> Terminal:
    """Let this session be in a terminal."""
    return in_terminal(patch)


def in_terminal(patch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    show_in(made, patch, LINES, COLUMNS)
    return made


class Notebook:
    """The displays of a cell, and the texts between them, as a notebook shows them."""

    def __init__(self) -> None:
        self.cell: list[list[str]] = []

    def put(self, text: str, stream: str) -> None:
        self.cell.append(["", text])

    def publish(self, output: dict, engine: int | None) -> None:  # type: ignore[type-arg]
        name, text = output["transient"]["display_id"], output["data"]["text/plain"]
        if not output["update"]:
            self.cell.append([name, text])
        for each in self.cell:
            if each[0] == name:
                each[1] = text

    @property
    def lines(self) -> list[str]:
        """What stands there."""
        return [line for _, text in self.cell for line in text.splitlines()]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """Let this session be in a notebook."""
    from parallel.client import bars, blocks

    made = Notebook()
    for name in ("in_notebook", "in_terminal", "in_qt_console"):
        monkeypatch.setattr(canvas_module, name, lambda name=name: "note" in name)
    monkeypatch.setattr(canvas_module, "put", made.put)
    monkeypatch.setattr(canvas_module, "clear_cell", made.cell.clear)
    for module in (bars, blocks):
        monkeypatch.setattr(module, "put", made.put)
        monkeypatch.setattr(module, "publish", made.publish)
    return made


@pytest.fixture(params=["terminal", "notebook"])
def screen(request: pytest.FixtureRequest) -> Terminal | Notebook:
    """Let this session be in one after the other."""
    found: Terminal | Notebook = request.getfixturevalue(request.param)
    return found


def tell(
    canvas: Canvas, owner: int, text: str, stream: str = "stderr", *, anew: bool = False
) -> None:
    with canvas.part_of(owner, str(owner), anew=anew) as part:
        part.write(**{stream: text})


def test_bars_of_several_go_on_in_turns(screen: Terminal | Notebook) -> None:
    canvas = Canvas()
    tell(canvas, 0, "begun\n\r  0%", "stderr")
    tell(canvas, 1, "\r  0%")
    tell(canvas, 0, "\r 50%")
    tell(canvas, 1, "\r 70%")
    assert screen.lines == ["[stderr:0] begun", "[stderr:0]  50%", "[stderr:1]  70%"]
    tell(canvas, 0, "at it\n", "stdout")
    tell(canvas, 1, "\r 80%")
    tell(canvas, 0, "\r100%\nmore\n")
    tell(canvas, 1, "\r 90%")
    assert screen.lines == [
        "[stderr:0] begun",
        "[stderr:0] 100%",
        "[stderr:1]  90%",
        "[stdout:0] at it",
        "[stderr:0] more",
    ]
    tell(canvas, 1, "\r    \r")  # as one does that is not to be left
    tell(canvas, 0, "\r 10%")
    canvas.end()
    assert screen.lines == [
        "[stderr:0] begun",
        "[stderr:0] 100%",
        "[stdout:0] at it",
        "[stderr:0] more",
        "[stderr:0]  10%",
    ]


class QtConsole(Terminal):
    """What is written to a Qt console, which changes no displays, but the last lines.

    What erases all beneath the cursor would erase all that stands there.
    """

    def put(self, text: str, stream: str) -> None:
        assert "J" not in text
        self.write(text)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> QtConsole:
    """Let this session be in a Qt console."""
    from parallel.client import bars, blocks

    made = QtConsole()
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setattr(canvas_module, "in_qt_console", lambda: True)
    monkeypatch.setattr(canvas_module, "in_terminal", lambda: False)
    for module in (canvas_module, bars, blocks):
        monkeypatch.setattr(module, "put", made.put)
    return made


def test_where_displays_do_not_change_the_last_lines_do(console: QtConsole) -> None:
    canvas = Canvas()
    for percent in range(0, 100, 10):
        for owner in (1, 0):
            tell(canvas, owner, f"\r{percent}%")
    assert console.lines == ["[stderr:0] 90%", "[stderr:1] 90%"]
    tell(canvas, 0, "said\n", "stdout")
    tell(canvas, 1, "\r91%")
    tell(canvas, 0, "\r92%")
    tell(canvas, 1, "\r" + "9" * 2 * COLUMNS)
    tell(canvas, 1, "\r" + "8" * 2 * COLUMNS)
    canvas.end()
    assert console.lines == [
        "[stderr:0] 90%", "[stderr:1] 90%", "[stdout:0] said",
        "[stderr:0] 92%", ("[stderr:1] " + "8" * COLUMNS)[: COLUMNS - 1],
    ]  # fmt: skip


def test_there_lines_that_are_wiped_out_are_empty(console: QtConsole) -> None:
    canvas = Canvas()
    tell(canvas, 0, "\r 10%")
    tell(canvas, 1, "\r 10%")
    tell(canvas, 0, "\r    \r")
    tell(canvas, 1, "\r 20%\n")
    tell(canvas, 1, "end\n")
    assert console.lines == ["[stderr:1]  20%", "", "[stderr:1] end"]


def test_there_what_was_cleared_stays(console: QtConsole) -> None:
    canvas = Canvas()
    tell(canvas, 0, "one\n")
    tell(canvas, 1, "two\n")
    tell(canvas, 0, "three\n", anew=True)
    assert console.lines == ["[stderr:0] one", "[stderr:1] two", "[stderr:0] three"]


def test_a_bar_of_one_that_cleared_what_it_showed(screen: Terminal | Notebook) -> None:
    canvas = Canvas()
    tell(canvas, 0, "\r 10%")
    tell(canvas, 1, "\r 20%")
    tell(canvas, 0, "\r 30%", anew=True)
    tell(canvas, 1, "\r 40%")
    tell(canvas, 0, "\r 50%")
    assert screen.lines == ["[stderr:0]  50%", "[stderr:1]  40%"]
    tell(canvas, 0, "", anew=True)
    tell(canvas, 1, "\r 60%")
    assert screen.lines == ["[stderr:1]  60%"]


def test_they_stand_in_the_order_of_engines(screen: Terminal | Notebook) -> None:
    canvas = Canvas()
    for percent in (10, 20):
        for owner in (2, 0, 1):
            tell(canvas, owner, f"\r{percent}%")
    assert screen.lines == [f"[stderr:{owner}] 20%" for owner in range(3)]
    tell(canvas, 1, "said\n", "stdout")
    tell(canvas, 3, "\r30%")
    tell(canvas, 1, "\r40%")
    assert screen.lines == [
        "[stderr:0] 20%", "[stderr:1] 40%", "[stderr:2] 20%",
        "[stdout:1] said", "[stderr:3] 30%",
    ]  # fmt: skip


def test_more_than_a_screen_has_lines_stay_in_their_place(terminal: Terminal) -> None:
    canvas = Canvas()
    for percent in (10, 20):
        for owner in range(2 * LINES):
            tell(canvas, owner, f"\r{percent}%")
    half = [f"[stderr:{owner}] 20%" for owner in range(LINES // 2)]
    assert terminal.lines == [*half, f"[... {LINES * 3 // 2} more lines of bars ...]"]
    tell(canvas, 0, "said\n", "stdout")
    canvas.end()
    bars = [f"[stderr:{owner}] 20%" for owner in range(2 * LINES)]
    assert [line for line in terminal.lines if "%" in line] == bars


def test_of_those_that_had_no_room_none_is_told_as_it_was(terminal: Terminal) -> None:
    canvas = Canvas()
    for owner in range(LINES):
        tell(canvas, owner, "\r10%")
    for i in range(LINES):
        tell(canvas, LINES, f"{i}\n")
    for owner in range(LINES):
        tell(canvas, owner, "\r20%")
    canvas.end()
    later = terminal.lines[terminal.lines.index(f"[stderr:{LINES}] {LINES - 1}") + 1 :]
    shown = [line for line in later if "%" in line]
    assert shown == [f"[stderr:{owner}] 20%" for owner in range(LINES)]


def test_one_that_has_left_the_screen_begins_another_line(terminal: Terminal) -> None:
    canvas = Canvas()
    tell(canvas, 0, "\r 10%")
    for i in range(LINES):
        tell(canvas, 1, f"{i}\n")
    tell(canvas, 0, "\r 20%")
    tell(canvas, 0, "\r 30%")
    assert terminal.lines[0] == "[stderr:0]  10%"
    assert terminal.lines[-2:] == [f"[stderr:1] {LINES - 1}", "[stderr:0]  30%"]


def test_what_moves_otherwise_is_passed_on_as_it_comes(terminal: Terminal) -> None:
    canvas = Canvas()
    tell(canvas, 0, "\r 10%")
    tell(canvas, 0, "\b\b9%")
    assert terminal.getvalue().endswith("\n[stderr:0] \b\b9%")


def test_bars_beneath_bars_of_several(screen: Terminal | Notebook) -> None:
    canvas = Canvas()
    for step in range(2):
        for owner in range(2):
            tell(canvas, owner, f"\router {step}")
        for owner in range(2):  # each as tqdm writes it, which flushes in between
            tell(canvas, owner, "\n")
            tell(canvas, owner, f"\rinner {step}\x1b[A")
    assert screen.lines == [
        "[stderr:0] outer 1", "[stderr:0] inner 1",
        "[stderr:1] outer 1", "[stderr:1] inner 1",
    ]  # fmt: skip
    tell(canvas, 0, "\n\r       \r\x1b[A")
    tell(canvas, 0, "\router 2")
    tell(canvas, 0, "\n")
    tell(canvas, 0, "end\n")
    assert screen.lines == [
        "[stderr:0] outer 2", "[stderr:1] outer 1", "[stderr:1] inner 1",
        "[stderr:0] end",
    ]  # fmt: skip


def test_what_is_printed_stands_below_a_bar_that_has_just_gone_on(
    terminal: Terminal,
) -> None:
    canvas = Canvas()
    tell(canvas, 0, "\router 0\n")  # as tqdm goes to the line of an inner loop
    with canvas.part_of(0, "0", anew=False) as part:
        part.write(stdout="end\n", stderr="\rinner 1\x1b[A\router 1\n\r\n")
    tell(canvas, 0, "\rnext")
    assert terminal.lines == [
        "[stderr:0] outer 1", "[stderr:0] inner 1", "[stdout:0] end",
        "[stderr:0] next",
    ]  # fmt: skip


written = st.lists(st.sampled_from(["\raa", "\rbb", "\n", "\x1b[A", "\x1b[2A"]))


@given(written)
def test_a_bar_stands_as_it_would_without_others(
    patch: pytest.MonkeyPatch, texts: list[str]
) -> None:
    terminal = in_terminal(patch)
    canvas = Canvas()
    for text in ["\raa", *texts]:
        tell(canvas, 0, text)
        tell(canvas, 1, "\rcc")
    rows = picture.drawn("\raa" + "".join(texts)).split("\n")
    assert [line[-2:] for line in terminal.lines] == [*filter(None, rows), "cc"]


def test_no_bar_is_longer_than_a_screen(terminal: Terminal) -> None:
    canvas = Canvas()
    tell(canvas, 0, "".join(f"\r{i}%\n" for i in range(30)))
    for i in range(30, 50):
        tell(canvas, 0, f"\r{i}%\n")
    texts = [line.rpartition(" ")[2] for line in terminal.lines]
    assert [text for text in texts if "%" in text] == [f"{i}%" for i in range(50)]


def test_of_a_flood_the_end_alone_is_a_bar() -> None:
    text = "".join(f"\r{i}%\n" for i in range(200_000))
    before, bar = split_bar(text)
    assert before + bar == text.replace("\r", "", before.count("\n"))
    assert bar.count("\n") < LINES


pieces = st.sampled_from(
    ["\r10%", "\r20%\r", "\rfar", "\r  \r", "\r" + "y" * 50, "\r\x1b[31mred\x1b[0m",
     "\r100%\n", "line\n", "another\n\r30%", "z" * 90 + "\n"]
)  # fmt: skip
steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["stdout", "stderr"]), pieces),
    max_size=12,
)


@given(steps)
def test_each_line_stands_there_once_as_it_was_drawn_last(
    patch: pytest.MonkeyPatch, told: list[tuple[int, str, str]]
) -> None:
    terminal = in_terminal(patch)
    canvas = Canvas()
    texts: defaultdict[tuple[int, str], str] = defaultdict(str)
    for owner, stream, text in told:
        tell(canvas, owner, text, stream)
        texts[owner, stream] += text
    canvas.end()
    whole = "".join(
        row if len(row) == COLUMNS else f"{row}\n" for row in terminal.lines
    )
    shown = re.sub(r"\[\w+:\d\] ?", "", whole).split("\n")
    wanted = re.sub(r"\x1b\[\d+m", "", "\n".join(map(overwritten, texts.values())))
    assert sorted(filter(None, shown)) == sorted(wanted.replace("\r", "").split())
