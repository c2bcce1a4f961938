"""Ranks are engines: their ids, and what they do together."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.commands import running
from tests.mpi.conftest import PATIENCE, World, beds
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def add_up(value: float) -> Any:
    """Return the sum of what all ranks have."""
    from mpi4py import MPI

    return MPI.COMM_WORLD.allreduce(value)


def test_ranks_are_engines_that_talk_with_one_another(world: World) -> None:
    world.launch(4)
    rc = world.engines(4)
    view = rc[:]
    view.block = True
    assert rc.ids == view["mpi_rank"] == [0, 1, 2, 3]
    assert view["mpi_size"] == [4] * 4
    # by functions,
    assert view.apply(add_up, 1.5) == [6.0] * 4
    assert view.map(add_up, range(4)) == [6] * 4
    # by code,
    view.execute("ranks = MPI.COMM_WORLD.gather(mpi_rank, root=2)")
    assert view["ranks"] == [None, None, [0, 1, 2, 3], None]
    # by some of them, while another has work of its own
    alone = rc[3].apply_async(sum, [1, 2])
    code = "part = MPI.COMM_WORLD.Split(mpi_rank // 3, mpi_rank).allreduce(mpi_rank)"
    view.execute(code)
    assert view["part"] == [3, 3, 3, 3]
    assert alone.get(PATIENCE) == 3
    # and what is there from the beginning is there after all was forgotten
    view.clear()
    assert view["mpi_rank"] == [0, 1, 2, 3]
    assert view.apply(add_up, 1) == [4] * 4


def test_each_rank_of_a_host_has_its_share_of_what_is_shared_out(world: World) -> None:
    world.launch(2, environment={"DEVICE": "[a,b]", "SHAPE": "round"})
    view = world.engines(2)[:]
    view.execute("import os; found = os.environ['DEVICE'], os.environ['SHAPE']").get()
    assert view["found"] == [("a", "round"), ("b", "round")]


def test_a_second_world_has_its_own_ids_and_its_own_ranks(world: World) -> None:
    world.launch(2)
    world.engines(2)
    world.launch(2)
    rc = world.engines(4)
    assert rc[:]["mpi_rank"] == [0, 1, 0, 1]
    assert rc[2:].apply_sync(add_up, 1) == rc[:2].apply_sync(add_up, 1) == [2, 2]


def test_stopping_ends_all_ranks_in_good_order(world: World) -> None:
    launcher = world.launch(3)
    rc = world.engines(3)
    rc.shutdown(block=True)
    wait_until(lambda: not launcher.running, PATIENCE, "the end of mpiexec")
    (job,) = launcher.jobs()
    assert not job.failed, job


def wait_in_vain(begun: Path) -> None:
    """Wait for what no rank sends, in C code that heeds no signal."""
    from mpi4py import MPI

    begun.touch()
    MPI.COMM_WORLD.recv()


def test_the_launcher_stops_ranks_that_wait_for_one_another(
    world: World, tmp_path: Path
) -> None:
    launcher = world.launch(2)
    rc = world.engines(2)
    begun = tmp_path / "begun"
    waits = rc[0].apply_async(wait_in_vain, begun)
    wait_until(begun.exists, PATIENCE, "the task has begun")
    launcher.stop()
    assert not launcher.running
    assert type(waits.exception(PATIENCE)).__name__ == "EngineError"
    wait_until(lambda: not rc.ids, PATIENCE, "no engine is left")


def test_ipengine_can_be_started_by_hand(world: World) -> None:
    with running("ipengine --mpi") as alone:  # here is no mpi4py: it says what to do
        assert "pip install 'parallel[mpi]'" in alone.wait(1)
    launcher = world.launch(1)  # knows what mpiexec needs
    words = [*launcher.mpi_cmd, "-n", "2", str(world.commands / "python")]
    command = [*words, "-m", "parallel.engine", "--mpi"]
    world.engines(1)
    with subprocess.Popen(command, env=launcher.surroundings()) as mpiexec:
        rc = world.engines(3)
        assert rc[1:].apply_sync(add_up, 1) == [2, 2]
        rc.shutdown(targets=[1, 2], block=True)
        assert mpiexec.wait(PATIENCE) == 0


def test_the_wrong_mpiexec_is_told(world: World) -> None:
    (other,) = {Path(each) / "bin" for each in beds().values()} - {world.commands}
    launcher = world.launch(2, mpi_cmd=[str(other / "mpiexec")])
    wait_until(lambda: not launcher.running, PATIENCE, "the end of mpiexec")
    (job,) = launcher.jobs()
    told = job.reason + job.last_lines
    assert job.failed
    by_rank, by_launcher = "each is a world of its own", "loaded another MPI library"
    assert by_rank in told or by_launcher in job.reason
    assert not world.client.ids


def test_as_many_ranks_as_were_asked_for_have_to_come(
    world: World, tmp_path: Path
) -> None:
    less = tmp_path / "mpiexec"
    real = world.commands / "mpiexec"
    version = f'[ "$1" != --version ] || exec {real} --version'
    less.write_text(f'#!/bin/sh\n{version}\nshift 2; exec {real} -n 2 "$@"\n')
    less.chmod(0o755)
    launcher = world.launch(3, mpi_cmd=[str(less)])
    wait_until(lambda: not launcher.running, PATIENCE, "the end of mpiexec")
    (job,) = launcher.jobs()
    assert "3 ranks were asked for, but rank" in job.reason + job.last_lines
    assert "its world has 2" in job.reason + job.last_lines


def test_ranks_run_this_package_where_there_is_somebodys_own(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "parallel.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "mine.py").write_text("value = 42\n")
    world.launch(2, work_dir=str(tmp_path))
    view = world.engines(2)[:]
    view.execute("import os; os.chdir('/')", block=True)
    assert view["__import__('mine').value"] == [42, 42]


def test_what_the_extra_brings_is_what_this_is_tested_with() -> None:
    pages = (ROOT / "pyproject.toml").read_text()
    (words,) = re.findall(r"(?m)^mpi = \[(.*?)\]", pages)
    wanted = re.findall('"(.*?)"', words)
    python = Path(beds()["MPICH"]) / "bin" / "python"
    tried = [str(python), "-m", "pip", "install", "--dry-run", "--no-index", *wanted]
    said = subprocess.run(tried, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("already satisfied") >= len(wanted)
    assert "Would install" not in said.stdout
