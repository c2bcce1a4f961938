"""The programs in `docs/examples` run, end well, and print what they found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from parallel import Cluster
from tests import ROOT

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "docs" / "examples"

#: What the last line of each says.
SAID = {
    "crawler": r"364 pages and 20 dead links: as a serial crawl finds",
    "custom_results": r"40 results, 1249 steps in all",
    "interactive_session": r"24 lines typed: as expected in Python's console.*",
    "options_pricer": r"60 options, at most \d\.\d standard errors from .*",
    "parameter_sweep": r"15 runs: 9 as predicted, 6 unstable",
    "pi_digits": r"10000 digits and 9999 pairs: as counted serially",
    "task_graph": r"each ran after its predecessors and where it should: 200 tasks",
    "task_profiler": r"1450 tasks, each came back once and whole",
    "wave_equation": r"equal to the serial run, bit by bit",
    "word_count": r"\d{6,} words in \d{3} files: as counted serially",
}


def run_example(name: str, folder: Path, *arguments: str) -> list[str]:
    """Run a program as its readers do, from a folder of its own; return its lines."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    words = f"{name} exited with {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, words
    assert not done.stderr, words
    assert not list(folder.iterdir()), f"{name} left files behind"
    return done.stdout.splitlines()


def test_each_is_run_and_in_the_table() -> None:
    there = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    table = (EXAMPLES / "README.md").read_text()
    assert there == sorted(SAID)
    assert there == sorted(re.findall(r"^\| \[(\w+)\.py\]", table, re.MULTILINE))


@pytest.mark.parametrize("name", SAID)
def test_it_finds_what_it_should(name: str, tmp_path: Path) -> None:
    if "Needs numpy" in (EXAMPLES / f"{name}.py").read_text():
        pytest.importorskip("numpy")
    lines = run_example(name, tmp_path)
    assert re.fullmatch(SAID[name], lines[-1]), lines[-1]


@pytest.mark.parametrize("name", ["interactive_session", "wave_equation"])
def test_a_cluster_that_is_running_can_be_used(name: str, tmp_path: Path) -> None:
    with Cluster(n=2, profile="examples", cluster_id="a-b") as rc:
        asked = ["--profile=examples", "--cluster-id=a-b"]
        lines = run_example(name, tmp_path, *asked)
        assert re.fullmatch(SAID[name], lines[-1]), lines[-1]
        assert rc[:].apply_sync(abs, -1) == [1, 1]  # it goes on
