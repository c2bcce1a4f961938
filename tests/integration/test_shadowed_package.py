"""What is started in a folder with somebody's own `parallel.py` runs this package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster
from parallel.cluster.launchers.program import CONTROLLER, ENGINES, Program
from parallel.cluster.surroundings import program_of
from tests import ROOT
from tests.commands import run, security
from tests.integration.launchers import HouseLauncher
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with such a file, and a module that tasks may import."""
    (tmp_path / "parallel.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "mine.py").write_text("value = 42\n")
    return tmp_path


def environment() -> dict[str, str]:
    """Return one in which the package is found."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def commands() -> dict[str, list[str]]:
    """Return what launchers start, whatever they start it by."""
    engines = Program(role=ENGINES, profile_dir="", cluster_id="")
    controller = Program(role=CONTROLLER, profile_dir="", cluster_id="")
    return {
        "engines": engines.words(1),
        "controller": controller.words(),
        "rank": engines.rank_words(1),
    }


@pytest.mark.parametrize("name", commands())
def test_each_command_is_found_there(name: str, folder: Path) -> None:
    done = subprocess.run(
        [*commands()[name], "--help"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--cluster-id" in done.stdout


LAUNCHERS: dict[str, dict[str, Any]] = {
    "forked": {},
    "spawned": {"start_method": "spawn"},
    "launched": {"controller": HouseLauncher, "engines": HouseLauncher},
}


@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_cluster_starts_there_and_its_tasks_find_modules(
    how: str, folder: Path
) -> None:
    with Cluster(n=1, work_dir=str(folder), **LAUNCHERS[how]) as rc:
        rc.wait_for_engines(1, timeout=60)
        rc[:].execute("import mine", block=True)
        assert rc[0]["mine.value"] == 42


def test_one_that_adapts_by_itself_does_so_there(folder: Path) -> None:
    started = ["start", "-n", "1", "--cluster-id=there", "--adapt=2:2", "--daemonize"]
    said = subprocess.run(
        [sys.executable, "-c", program_of("parallel.cli.cluster"), *started],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment(),
    ).stdout
    try:
        log = Path(said.partition("its log is ")[2].splitlines()[0])
        with Client(cluster_id="there") as rc:
            rc.wait_for_engines(2, timeout=60)
    finally:
        run("ipcluster stop there")
    wait_until(lambda: "ended" in log.read_text(), 30, "the end of who adapts it")
    assert security() == []
