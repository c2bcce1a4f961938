"""The diagrams of the pages are those of the tables that the machines obey."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from parallel.state.tasks import TRANSITIONS
from tests import ROOT

PAGE = ROOT / "docs/architecture/scheduling.md"


def diagrams(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run scripts/diagrams."""
    return subprocess.run(
        [sys.executable, ROOT / "scripts/diagrams", *map(str, arguments)],
        env={"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_diagrams_are_up_to_date() -> None:
    done = diagrams("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_each_transition_is_drawn_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("```mermaid\n")[2]
    drawn = {line.strip() for line in text.partition("```")[0].splitlines()[1:]}
    expected = {
        f"{before.value} --> {after.value}"
        for before, following in TRANSITIONS.items()
        for after in following
    }
    ends = {
        f"{state.value} --> [*]" for state, after in TRANSITIONS.items() if not after
    }
    assert drawn == expected | ends | {"[*] --> waiting"}


def test_what_is_out_of_date_is_told_and_drawn_anew(tmp_path: Path) -> None:
    right = PAGE.read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(right.replace("    queued --> failed\n", ""), encoding="utf-8")
    done = diagrams("--check", page)
    assert done.returncode == 1
    assert done.stderr == f"{page} is out of date: run scripts/diagrams\n"
    assert diagrams(page).returncode == 0
    assert page.read_text(encoding="utf-8") == right


def test_a_mark_alone_gets_its_diagram(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- scripts/diagrams: parallel/state/tasks.py -->\n\nmore\n")
    assert diagrams(page).returncode == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!-- scripts/diagrams: parallel/state/tasks.py -->\n```mer")
    assert text.endswith("```\n\nmore\n")
