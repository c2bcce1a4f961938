"""Options of `%%px` in a real kernel, with two engines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interactive.notebook import Notebook, plain
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def numbered(notebook: Notebook) -> Iterator[None]:
    """Let engines know their places, and cells wait as they do by default."""
    notebook.run("rc[:].scatter('rank', [0, 1], flatten=True).get()")
    yield
    notebook.run("%pxconfig --block --stream")


#: What a cell prints that waits, sorted.
WORDS = ("after", "before")


def waiting_cell(options: str, folder: Path) -> str:
    """Return a cell that prints, waits for the file `go`, and prints again."""
    return (
        f"%%px {options}\nimport pathlib, time\nprint('be' + 'fore')\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        "(folder / f'begun{rank}').touch()\n"
        "while not (folder / 'go').exists(): time.sleep(0.01)\nprint('after')"
    )


def begun(folder: Path) -> bool:
    """Tell whether both engines run the cell."""
    return all((folder / f"begun{rank}").exists() for rank in (0, 1))


@pytest.mark.parametrize("options", ["", "--stream", "-b --stream", "--block"])
def test_what_is_printed_is_shown_as_it_comes(
    notebook: Notebook, tmp_path: Path, options: str
) -> None:
    notebook.start(waiting_cell(options, tmp_path))
    for rank in (0, 1):
        notebook.wait_for(f"[stdout:{rank}] before")
    (tmp_path / "go").touch()
    lines = sorted(notebook.end().splitlines())
    each = [f"[stdout:{rank}] {word}" for rank in (0, 1) for word in WORDS]
    assert lines == each


def test_what_is_not_to_be_streamed_is_shown_at_the_end(
    notebook: Notebook, tmp_path: Path
) -> None:
    notebook.start(waiting_cell("--no-stream", tmp_path))
    wait_until(lambda: begun(tmp_path), what="both engines to begin")
    assert not notebook.text
    (tmp_path / "go").touch()
    assert notebook.end().splitlines() == [
        "[stdout:0]", "before", "after", "[stdout:1]", "before", "after",
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["-a", "--noblock", "--noblock --stream"])
def test_who_does_not_wait_has_the_prompt_at_once(
    notebook: Notebook, tmp_path: Path, option: str
) -> None:
    shown = notebook.run(waiting_cell(f"{option} --out mine", tmp_path))
    assert shown.startswith("<AsyncResult(%px): pending")
    assert notebook.run("mine.ready()") == "False\n"
    (tmp_path / "go").touch()
    assert notebook.run("%pxresult").splitlines()[:2] == ["[stdout:0]", "before"]


def test_what_is_the_default_may_be_said_otherwise_for_a_cell(
    notebook: Notebook,
) -> None:
    notebook.run("%pxconfig --noblock --no-stream")
    for option in ("-b", "--block", "--block --stream"):
        shown = notebook.run(f"%%px {option}\nprint('mine')\n6 * 7")
        assert sorted(shown.splitlines()[:2]) == ["[stdout:0] mine", "[stdout:1] mine"]
        assert plain(shown).count(": 42\n") == 2
    assert "<AsyncResult(%px)" in notebook.run("%%px\n6 * 7")
    assert plain(notebook.run("%pxresult")).count(": 42\n") == 2


CELL = (
    "print(f'p{rank}')\ndisplay(f'{rank}A')\nprint(f'q{rank}')\ndisplay(f'{rank}B')\n"
)
TYPE = "p0 q0 p1 q1 0A 0B 1A 1B"
ENGINE = "p0 q0 0A 0B p1 q1 1A 1B"
ORDER = "p0 q0 p1 q1 0A 1A 0B 1B"


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("", f"{TYPE} Out0 Out1"),
        ("--group-outputs=type", f"{TYPE} Out0 Out1"),
        ("--group-outputs=engine", "p0 q0 0A 0B Out0 p1 q1 1A 1B Out1"),
        ("-e", "p0 q0 0A 0B Out0 p1 q1 1A 1B Out1"),
        ("--group-outputs=order", f"{ORDER} Out0 Out1"),
        ("-r", f"{ORDER} Out0 Out1"),
    ],
)
def test_what_is_not_streamed_is_grouped(
    notebook: Notebook, option: str, shown: str
) -> None:
    told = notebook.run(f"%%px --no-stream {option}\n{CELL}rank")
    assert order_of(told) == shown
    notebook.run(f"%%px --noblock\n{CELL}rank")
    assert order_of(notebook.run(f"%pxresult {option}")) == shown


@pytest.mark.parametrize(
    ("option", "shown"),
    [("type", TYPE), ("engine", ENGINE), ("order", ORDER)],
)
def test_before_an_error_all_is_shown(
    notebook: Notebook, option: str, shown: str
) -> None:
    told = notebook.run(f"%%px --no-stream --group-outputs={option}\n{CELL}1 / 0")
    before, _, errors = told.partition("[0:execute]")
    assert order_of(before) == shown
    assert errors.count("ZeroDivisionError") == 2
    assert "[1:execute]" in errors


def order_of(told: str) -> str:
    """Return what a cell has shown, in short."""
    found = re.findall(r"\b[pq]\d\b|\b\d[AB]\b|Out\[\d", plain(told))
    return " ".join(found).replace("[", "")
