"""What the page on magics shows is what a session shows."""

from __future__ import annotations

import re

import pytest

from tests import ROOT
from tests.interactive.conftest import Session

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "reference" / "magics.md"
CELL = re.compile(r"```ipython\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def lines(shown: str) -> list[str]:
    """Return the lines of an output, without what differs each time, sorted.

    Engines say what they print in the order in which they come to it.
    """
    text = re.sub(r"<ipython-input-(\d+)-[^>]*>", r"<ipython-input-\1-…>", shown)
    marks = re.compile(r"\s*[~^]+")  # they depend on Python's version
    kept = [line for line in text.splitlines() if not marks.fullmatch(line)]
    return sorted(line for line in kept if line)


def test_each_cell_shows_what_the_page_says(session: Session) -> None:
    cells = CELL.findall(PAGE.read_text(encoding="utf-8"))
    assert len(cells) > 5
    for cell, expected in cells:
        code = cell.removesuffix("\n")
        shown = session.run(code)
        if "--noblock" in code:
            assert "AsyncResult" in shown
        else:
            assert lines(shown) == lines(expected), code
