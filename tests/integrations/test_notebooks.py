"""The notebooks of the documentation run in a real kernel, and show what they tell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests import ROOT
from tests.notebooks import VARIES, told

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

#: What says on which machine a notebook was run last.
PLACES = re.compile(r"/(tmp|home|root|work|Users)/|0x[0-9a-f]{6}")

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def run(path: Path, folder: Path) -> Any:
    """Return a notebook that was run in a folder, by a process that ends then."""
    places = {
        "PYTHONPATH": str(ROOT),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
    }
    command = [sys.executable, "-m", "tests.notebooks", "--into", folder, path]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | places, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    return nbformat.read(folder / path.name, as_version=4)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_notebook_shows_what_it_tells(path: Path, tmp_path: Path) -> None:
    stored, fresh = nbformat.read(path, as_version=4), run(path, tmp_path)
    for before, after in zip(stored.cells, fresh.cells, strict=True):
        if VARIES not in before.metadata.get("tags", []):
            assert told(after) == told(before), before.source


def test_a_notebook_names_no_machine(path: Path) -> None:
    assert not PLACES.search(path.read_text())


def test_each_cell_of_a_notebook_was_run(path: Path) -> None:
    cells = [
        cell for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]  # fmt: skip
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
