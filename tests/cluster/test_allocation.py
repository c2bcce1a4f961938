"""How many engines there is room for: by the job, else by the host."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from parallel.cluster import allocation as module
from parallel.cluster.allocation import Allocation, allocation, usable_cores

HERE = socket.gethostname()
#: What Slurm gives the script of a job of four tasks on two nodes.
SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURMD_NODENAME": "s1",
    "SLURM_NODEID": "0",
    "SLURM_NTASKS": "4",
    "SLURM_TASKS_PER_NODE": "3,1",
    "SLURM_CPUS_ON_NODE": "3",
}
#: What it gives in a step of that job, with one task a node, and on the second.
STEP = {
    **SLURM,
    "SLURM_STEP_ID": "0",
    "SLURM_NODEID": "1",
    "SLURM_NTASKS": "2",
    "SLURM_TASKS_PER_NODE": "1(x2)",
    "SLURM_CPUS_ON_NODE": "1",
}


@pytest.mark.parametrize(
    ("changes", "total", "here"),
    [
        ({}, 4, 3),
        ({"SLURM_NODEID": "1"}, 4, 1),
        ({"SLURM_TASKS_PER_NODE": "4(x3),2", "SLURM_NODEID": "3"}, 14, 2),
        ({"SLURM_STEP_ID": "4294967290"}, 4, 3),  # the shell of `salloc`
    ],
)
def test_a_slurm_script_has_the_tasks_of_its_node(
    changes: dict[str, str], total: int, here: int
) -> None:
    assert allocation({**SLURM, **changes}) == Allocation("Slurm", total, here)


def test_in_a_shell_of_salloc_on_the_login_host_slurm_gives_nothing_here() -> None:
    found = {**SLURM}
    del found["SLURMD_NODENAME"]
    assert allocation(found) == Allocation("Slurm", 4, None)


@pytest.mark.parametrize(
    ("changes", "here"),
    [
        ({module.TASKS_PER_NODE: "3,1"}, 1),
        ({module.TASKS_PER_NODE: "3,1", "SLURM_NODEID": "0"}, 3),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "2"}, 4),
        ({"SLURM_TASKS_PER_NODE": "2(x2)", "SLURM_CPUS_ON_NODE": "8"}, 1),
    ],
    ids=["told", "told first", "the only task here", "one of two tasks here"],
)
def test_a_task_of_a_slurm_step_has_its_share(
    changes: dict[str, str], here: int
) -> None:
    found = allocation({**STEP, **changes})
    assert found is not None
    assert found.here == here


def test_pbs_gives_a_line_a_slot(tmp_path: Path) -> None:
    file = tmp_path / "nodes"
    file.write_text(f"{HERE}.example.org\nelsewhere\n{HERE}.example.org\n")
    found = allocation({"PBS_JOBID": "7.server", "PBS_NODEFILE": str(file)})
    assert found == Allocation("PBS", 3, 2)


def test_grid_engine_gives_the_slots_of_each_host(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(
        f"{HERE} 2 all.q@x <NULL>\nelsewhere 4 all.q@y <NULL>\n{HERE} 1 b.q@x <NULL>\n"
    )
    job = {"JOB_ID": "7", "NSLOTS": "7"}
    found = allocation({**job, "PE_HOSTFILE": str(file)})
    assert found == Allocation("Grid Engine", 7, 3)
    assert allocation(job) == Allocation("Grid Engine", 7, 7)


@pytest.mark.parametrize(
    "said",
    [
        {"LSB_MCPU_HOSTS": f"{HERE} 2 elsewhere 1"},
        {"LSB_HOSTS": f"{HERE} {HERE} elsewhere"},
    ],
)
def test_lsf_gives_the_slots_of_each_host(said: dict[str, str]) -> None:
    assert allocation({"LSB_JOBID": "7", **said}) == Allocation("LSF", 3, 2)


def test_htcondor_gives_the_cores_of_its_slot(tmp_path: Path) -> None:
    file = tmp_path / "machine.ad"
    file.write_text('Arch = "X86_64"\nTotalCpus = 64\nCpus = 3\n')
    found = allocation({"_CONDOR_MACHINE_AD": str(file)})
    assert found == Allocation("HTCondor", 3, 3)


def test_one_host_under_another_name_is_this_one(tmp_path: Path) -> None:
    file = tmp_path / "nodes"
    file.write_text("node17-ib\n" * 2)
    found = allocation({"PBS_JOBID": "7", "PBS_NODEFILE": str(file)})
    assert found == Allocation("PBS", 2, 2)


def test_a_file_of_hosts_that_is_not_on_this_one_says_nothing(tmp_path: Path) -> None:
    job = {"PBS_JOBID": "7", "PBS_NODEFILE": str(tmp_path / "none")}
    assert allocation(job) is None


def test_outside_of_jobs_the_affinity_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert allocation({}) is None
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5})
    assert usable_cores() == 3


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/a/b\n", {"a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"}),
        (
            "4:cpu,cpuacct:/a\n",
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
        ),
    ],
    ids=["second version", "first version"],
)
def test_a_cgroup_that_gives_less_than_the_affinity_counts(
    own: str,
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(module, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(module, "CGROUPS", tmp_path)
    assert usable_cores() == 2


def test_in_a_job_its_slots_count_and_not_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert usable_cores() == 3
    assert module.usable_slots() == 4


def test_more_engines_than_a_job_has_slots_are_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    module.warn_of_a_crowd(3)
    assert caplog.text == ""
    module.warn_of_a_crowd(4)
    assert "4 engines are to share 3 slots, which is what this Slurm job" in caplog.text
