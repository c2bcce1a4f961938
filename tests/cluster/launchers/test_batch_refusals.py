"""What launchers of batch systems refuse, and one of which only commands are known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from parallel.cluster.launchers.batch import BatchLauncher
from parallel.cluster.launchers.job import ENDED, RUNNING
from parallel.cluster.launchers.program import CONTROLLER, ENGINES, Program
from parallel.cluster.launchers.schedulers import (
    PBSLauncher,
    SGELauncher,
    SlurmLauncher,
)
from parallel.errors import LauncherError
from tests.cluster.launchers.conftest import Script
from tests.waiting import wait_until

ENGINE = Program(role=ENGINES, profile_dir="/p", cluster_id="c", set_id="s")


def commands(folder: Path, **bodies: str) -> str:
    """Write commands, and return the PATH that has them before all others."""
    for name, body in bodies.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_command_that_is_missing_is_told_with_the_path(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    launcher = SlurmLauncher(script)
    with pytest.raises(LauncherError, match="no command sbatch on this host"):
        launcher.start(1)
    assert launcher.jobs() == []


def test_an_answer_without_an_id_is_told(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", commands(tmp_path, sbatch="echo Welcome to the cluster"))
    with pytest.raises(LauncherError, match=r"has no job.s id by the.*Welcome to the"):
        SlurmLauncher(script).start(1)


def test_of_two_submissions_the_first_is_cancelled_if_the_second_is_refused(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = f"test ! -e {tmp_path}/one && touch {tmp_path}/one && echo 7 || exit 1"
    deleted = f"echo $@ >{tmp_path}/deleted"
    monkeypatch.setenv("PATH", commands(tmp_path, qsub=once, qdel=deleted))
    launcher = SGELauncher(script, engines_per_node=2)
    with pytest.raises(LauncherError, match="does not take the job"):
        launcher.start(3)
    assert (tmp_path / "deleted").read_text() == "7\n"
    assert launcher.jobs() == []


@pytest.mark.parametrize(
    ("options", "n", "said"),
    [
        ({}, None, "Slurm has to know how many engines: give n, or nodes and"),
        ({"batch_template": "#!/bin/sh\n{nn}"}, 1, "wrong in line 2.*no field 'nn'"),
        ({"batch_template_file": "none.sh"}, 1, "none.sh' cannot be read: .*No such"),
        ({"walltime": "tomorrow"}, 1, "walltime='tomorrow' is no time"),
        ({"memory": "a lot"}, 1, "memory='a lot' is no amount"),
        ({"work_dir": "/nonexistent"}, 1, "cannot be run in /nonexistent: there is no"),
    ],
)
def test_options_that_make_no_sense_are_told_before_anything_is_submitted(
    script: Script, options: dict[str, Any], n: int | None, said: str
) -> None:
    launcher = SlurmLauncher(script, **options)
    with pytest.raises(LauncherError, match=said):
        launcher.start(n)


def test_a_system_that_starts_no_engines_on_other_hosts_cannot_have_one_job() -> None:
    launcher = PBSLauncher(ENGINE, array=False)
    with pytest.raises(LauncherError, match="array=False: the job script for PBS"):
        launcher.script(4)


def test_the_number_of_engines_may_follow_from_nodes() -> None:
    script = SlurmLauncher(ENGINE, nodes=2, engines_per_node=4).script()
    assert "#SBATCH --ntasks=8\n" in script
    assert "#SBATCH --nodes=2\n" in script


def test_a_controller_is_one_task_that_starts_itself() -> None:
    program = replace(ENGINE, role=CONTROLLER)
    script = SlurmLauncher(program, queue="main", python="python3").script()
    assert "#SBATCH --ntasks=1\n" in script
    assert "exec  python3 -c 'import sys; " in script
    assert "from parallel.cli.controller import main; " in script
    assert " main()' --profile-dir=/p" in script
    assert "srun" not in script


def test_an_own_script_is_for_one_engine_a_time_and_its_namespace_has_fields() -> None:
    launcher = PBSLauncher(
        ENGINE,
        batch_template="#PBS -t 1-{n}\n#PBS -q {queue}\n#PBS -W {extra}\n"
        "{program_and_args}\n",
        namespace={"extra": "group_list=x"},
    )
    script = launcher.script(6)
    assert script.startswith("#PBS -t 1-6\n#PBS -W group_list=x\n")
    assert "--n=1" in script


@pytest.mark.slow
def test_commands_are_enough_for_a_system_that_nobody_knows(
    script: Script, tmp_path: Path
) -> None:
    home = tmp_path / "system"
    home.mkdir()
    path = commands(
        home,
        enqueue=f'setsid sh "$1" >{home}/log 2>&1 & echo "queued as <q$!>"',
        dequeue='kill -- "-${1#q}"',
        alive='kill -0 "${1#q}" 2>/dev/null',
    ).partition(os.pathsep)[0]
    launcher = BatchLauncher(
        script,
        submit_command=[f"{path}/enqueue"],
        delete_command=[f"{path}/dequeue"],
        status_command=[f"{path}/alive"],
        job_id_regexp="<(q[0-9]+)>",
        batch_template="#!/bin/sh\nexec {program_and_args}\n",
    )
    launcher.start(1)
    (job,) = launcher.jobs()
    assert (job.state, job.name[0]) == (RUNNING, "q")
    launcher.stop()
    wait_until(lambda: all(job.state == ENDED for job in launcher.jobs()))


def test_one_of_which_nothing_is_known_says_what_it_needs(script: Script) -> None:
    with pytest.raises(LauncherError, match=r"needs a job script: batch_template="):
        BatchLauncher(script).start(1)
    with pytest.raises(LauncherError, match="needs a submit_command"):
        BatchLauncher(script, batch_template="#!/bin/sh\n").start(1)


def test_a_pbs_server_without_history_can_be_asked(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "qstat: PBS is not configured to maintain job history"
    body = f"""
    case "$*" in *-x*) echo '{text}' >&2; exit 1 ;; esac
    printf 'Job Id: 7.server\\n    job_state = R\\n'"""
    path = commands(tmp_path, qsub="echo 7.server", qstat=body, qdel="exit 0")
    monkeypatch.setenv("PATH", path)
    launcher = PBSLauncher(script)
    launcher.start(1)
    (job,) = wait_until(lambda: launcher.jobs() if launcher.running else [])
    assert (job.state, job.reason) == (RUNNING, "")
