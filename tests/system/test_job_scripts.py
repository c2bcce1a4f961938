"""The scripts in `scripts/jobs`: a cluster inside of a batch job, with its slots."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from parallel.cluster.launchers.job import ENDED
from parallel.cluster.launchers.polling import Status
from parallel.cluster.launchers.questions import poll_of
from parallel.cluster.launchers.systems.gridengine import SGE
from parallel.cluster.launchers.systems.slurm import SLURM
from tests import ROOT
from tests.commands import security
from tests.testbeds import variables_of
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("batch"),
]

PROGRAM = """
import os, sys, time
from parallel import Client
rc = Client(profile="local")
print("engines:", len(rc), "jobs:", len(set(rc[:].apply_sync(os.getenv, "{job}"))))
sys.stdout.flush()
time.sleep({seconds})
raise SystemExit(5)
"""
#: A batch system's testbed, its variable for a job, and how the script is submitted.
SYSTEMS = {
    "slurm": (SLURM, "SLURM_JOB_ID", "--nodes=1 --ntasks=3 --output={log}"),
    "gridengine": (SGE, "JOB_ID", "-pe smp 3 -j y -o {log}"),
}
SCRIPTS = {"slurm": "slurm.sh", "gridengine": "sge.sh", "pbs": "pbs.sh"}


@pytest.fixture(autouse=True)
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scripts find the commands, and engines that need no MPI."""
    commands = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PROFILE", "local")
    monkeypatch.chdir(tmp_path)


def submit(name: str, log: Path, monkeypatch: pytest.MonkeyPatch, seconds: int) -> str:
    """Submit a script with a program of so many seconds; return the job's id."""
    for variable, value in variables_of(name).items():
        monkeypatch.setenv(variable, value)
    system, variable, options = SYSTEMS[name]
    Path("work.py").write_text(PROGRAM.format(job=variable, seconds=seconds))
    script = ROOT / "scripts" / "jobs" / SCRIPTS[name]
    words = [*system.submit, *options.format(log=log).split(), str(script), "work.py"]
    said = subprocess.check_output(words, text=True)
    found = re.search(system.job_id, said)
    assert found is not None
    return found[1]


def wait_for_end(name: str, job: str) -> Status:
    """Return how a job ended."""
    poll = poll_of(SYSTEMS[name][0], ())
    poll.watch(job)
    wait_until(lambda: poll.statuses(job)[0].state == ENDED, 120, "end of the job")
    return poll.statuses(job)[0]


def wait_for_engines(log: Path) -> None:
    wait_until(
        lambda: log.exists() and "engines: 3 jobs: 1" in log.read_text(), 120, "engines"
    )


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_job_has_an_engine_for_each_slot_and_ends_as_its_program(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    job = submit(name, log, monkeypatch, 0)
    assert wait_for_end(name, job).exit_code == 5, log.read_text()
    wait_for_engines(log)
    assert security("local") == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_job_that_is_cancelled_takes_its_cluster_with_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    job = submit(name, log, monkeypatch, 600)
    wait_for_engines(log)
    subprocess.run([SYSTEMS[name][0].cancel[0], job], check=True)
    wait_for_end(name, job)


def test_a_job_of_pbs_has_an_engine_for_each_line_of_its_file_of_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work.py").write_text(PROGRAM.format(job="PBS_JOBID", seconds=0))
    nodes = tmp_path / "nodes"
    nodes.write_text(f"{socket.gethostname()}\n" * 3)
    monkeypatch.chdir("/")  # PBS begins in the home folder
    job = {
        "PBS_JOBID": "7.server",
        "PBS_NODEFILE": str(nodes),
        "PBS_O_WORKDIR": str(tmp_path),
        "SCRIPT": "work.py",
    }
    done = subprocess.run(
        ["/bin/bash", str(ROOT / "scripts" / "jobs" / SCRIPTS["pbs"])],
        env={**os.environ, **job},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 5, done.stderr
    assert "engines: 3 jobs: 1" in done.stdout
    assert security("local") == []
