"""The MPI launcher, with a script in the place of mpiexec."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from parallel.cluster.allocation import Allocation
from parallel.cluster.launchers import mcafiles, mpi
from parallel.cluster.launchers.job import RUNNING, Job
from parallel.cluster.launchers.mpi import MPILauncher
from parallel.cluster.launchers.program import CONTROLLER, Program
from parallel.errors import LauncherError
from tests.cluster.launchers.conftest import Script
from tests.waiting import wait_until


@pytest.fixture
def mpiexec(tmp_path: Path) -> Path:
    """Return a command that says that it is Open MPI's, and then what it was asked."""
    return written(tmp_path / "mpiexec", "printf '%s ' \"$@\"; exit 9")


@pytest.fixture(autouse=True)
def no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no batch system's job around, nor settings of this host for Open MPI."""
    monkeypatch.setattr(mpi, "allocation", lambda: None)
    monkeypatch.setattr(mcafiles, "SYSTEM", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OMPI_MCA_btl", raising=False)


def written(path: Path, then: str) -> Path:
    version = 'echo "mpiexec (Open MPI) 5.0"; exit'
    path.write_text(f'#!/bin/sh\n[ "$1" != --version ] || {{ {version}; }}\n{then}\n')
    path.chmod(0o755)
    return path


def ended(launcher: MPILauncher) -> Job:
    wait_until(lambda: not launcher.running, 30, "its end")
    return launcher.jobs()[0]


def test_each_rank_is_an_engine_that_knows_how_many_there_are(
    script: Script, mpiexec: Path
) -> None:
    launcher = MPILauncher(
        script, mpi_cmd=[str(mpiexec)], mpi_args=["--tag-output"], python="/else/python"
    )
    words = " ".join(launcher.command(3))
    assert words.startswith(f"{mpiexec} -n 3 -x IPP_CLUSTER_ID -x IPP_PROFILE_DIR ")
    assert "--tag-output /else/python -c import sys; " in words
    assert "from parallel.cli.engine import main; " in words
    assert " main() --mpi --mpi-size=3 " in words
    assert "--cluster-id=c --engine-set=first" in words


def test_a_controller_is_one_rank_without_mpi(script: Script, mpiexec: Path) -> None:
    program = Program(role=CONTROLLER, profile_dir=script.profile_dir, cluster_id="c")
    words = MPILauncher(program, mpi_cmd=[str(mpiexec)]).command(None)
    assert words[:3] == [str(mpiexec), "-n", "1"]
    assert "from parallel.cli.controller import main; " in " ".join(words)
    assert "--mpi" not in words


def test_a_failure_is_told_with_the_status_of_mpiexec(
    script: Script, tmp_path: Path
) -> None:
    line = "-" * 74
    frame = f'echo {line}; echo "rank 1 did not like it"; echo {line}'
    command = written(tmp_path / "mpiexec", f"echo of a rank; {frame}; exit 9")
    launcher = MPILauncher(script, mpi_cmd=[str(command)])
    launcher.start(2)
    job = ended(launcher)
    assert job.exit_code == 9
    assert job.reason.startswith(f"{command} exited with status 9 (pid {job.name} on ")
    assert job.reason.endswith(": rank 1 did not like it")
    assert job.last_lines.splitlines()[1:] == ["  of a rank"]


def test_a_start_that_fails_is_told_with_what_it_mostly_comes_from(
    script: Script, tmp_path: Path
) -> None:
    failed = "echo 'Abort(16): Fatal error in internal_Init_thread: Internal'; exit 16"
    command = written(tmp_path / "mpiexec", failed)
    launcher = MPILauncher(script, mpi_cmd=[str(command)])
    launcher.start(2)
    assert f"another MPI library than this {command}'s own" in ended(launcher).reason


def test_root_may_start_ranks_as_it_may_start_all_else(
    script: Script, mpiexec: Path
) -> None:
    launcher = MPILauncher(script, mpi_cmd=[str(mpiexec)])
    allowed = "OMPI_ALLOW_RUN_AS_ROOT" in launcher.surroundings()
    assert allowed == (os.geteuid() == 0)


def test_more_ranks_than_cores_may_be_asked_for_outside_of_jobs_only(
    script: Script, mpiexec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = MPILauncher(script, mpi_cmd=[str(mpiexec)])
    crowded = "PRTE_MCA_rmaps_default_mapping_policy"
    assert crowded in launcher.surroundings()
    job = Allocation("Slurm", total=4, here=2)
    monkeypatch.setattr(mpi, "allocation", lambda: job)
    assert crowded not in launcher.surroundings()
    assert launcher.command(4)
    with pytest.raises(LauncherError, match=r"5 engines .* this Slurm job has 4 slots"):
        launcher.command(5)
    willing = MPILauncher(
        script, mpi_cmd=[str(mpiexec)], mpi_args=["--map-by", ":oversubscribe"]
    )
    assert willing.command(5)


def test_ranks_on_this_host_alone_do_not_wait_for_ways_to_others(
    script: Script, mpiexec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def setting(**options: Any) -> str | None:
        launcher = MPILauncher(script, mpi_cmd=[str(mpiexec)], **options)
        return launcher.surroundings().get("OMPI_MCA_btl")

    assert "ofi" in (setting() or "")
    assert setting(mpi_args=["--host", "n1,n2"]) is None
    assert setting(prologue=["module load openmpi"]) is None
    monkeypatch.setattr(mpi, "allocation", lambda: Allocation("PBS", total=4, here=2))
    assert setting() is None


def test_what_others_have_set_for_open_mpi_holds(
    script: Script, mpiexec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = MPILauncher(script, mpi_cmd=[str(mpiexec)])
    monkeypatch.setenv("OMPI_MCA_btl", "self,tcp")
    assert launcher.surroundings()["OMPI_MCA_btl"] == "self,tcp"
    monkeypatch.delenv("OMPI_MCA_btl")
    assert "OMPI_MCA_btl" in launcher.surroundings()
    (tmp_path / ".openmpi").mkdir()
    (tmp_path / ".openmpi/mca-params.conf").write_text("# mine\n btl = self,sm\n")
    assert "OMPI_MCA_btl" not in launcher.surroundings()


def test_a_missing_mpiexec_is_told_with_what_to_install(script: Script) -> None:
    launcher = MPILauncher(script, mpi_cmd=["mpiexec-of-nobody"])
    with pytest.raises(
        LauncherError, match=r"cannot find mpiexec-of-nobody, .*\[mpi\]"
    ):
        launcher.start(2)
    assert launcher.jobs() == []


def test_a_prologue_may_be_what_brings_mpiexec(script: Script, mpiexec: Path) -> None:
    brought = [f"PATH={mpiexec.parent}:$PATH"]
    launcher = MPILauncher(script, mpi_cmd=["mpiexec"], prologue=brought)
    launcher.start(2)
    assert "-n 2" in ended(launcher).last_lines
    with pytest.raises(LauncherError, match=r"after the prologue, exited with .*127"):
        MPILauncher(script, mpi_cmd=["nothing"], prologue=brought).start(2)


def test_the_mpiexec_beside_the_interpreter_is_the_first_choice(
    script: Script, mpiexec: Path
) -> None:
    beside = MPILauncher(script, python=str(mpiexec.parent / "python"))
    assert beside.mpi_cmd == [str(mpiexec)]
    assert MPILauncher(script, python="/nowhere/python").mpi_cmd == ["mpiexec"]


def test_what_says_nothing_to_mpiexec_is_refused(script: Script) -> None:
    with pytest.raises(LauncherError, match="'mpi' has no use for queue"):
        MPILauncher(script, queue="long")
    with pytest.raises(LauncherError, match="mpi_cmd is empty"):
        MPILauncher(script, mpi_cmd=[]).start(1)


def test_it_runs_until_it_is_stopped(script: Script, tmp_path: Path) -> None:
    command = written(tmp_path / "mpiexec", "exec sleep 60")
    launcher = MPILauncher(script, mpi_cmd=[str(command)])
    launcher.start(2)
    assert [(job.n, job.state) for job in launcher.jobs()] == [(2, RUNNING)]
    launcher.stop()
    assert launcher.state == "after"
