"""Whole clusters in a real Slurm and a real Grid Engine: they work, scale, and end."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from parallel import Cluster
from parallel.cluster.letgo import jobs_of, owners
from parallel.errors import EngineError, TimeoutError
from tests.commands import run, security
from tests.system.versions import make_other_version
from tests.testbeds import variables_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(300)]

#: What a cluster is started by, the variable of a job, what tells of all jobs, and
#: options that can never be met, with a part of what the system says of it then.
SYSTEMS: dict[str, dict[str, Any]] = {
    "slurm": {
        "testbed": "slurm",
        "job": "SLURM_JOB_ID",
        "jobs": ["squeue", "--noheader", "--format=%A %j"],
        "never": {"nodes": 50, "engines_per_node": 1},
        "why": "PartitionConfig",
    },
    "sge": {
        "testbed": "gridengine",
        "job": "JOB_ID",
        "jobs": ["qstat"],
        "never": {"nodes": 1, "engines_per_node": 500},
        "why": "cannot run in PE",
    },
}
PATIENCE = 90


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the commands of one find it."""
    name: str = request.param
    for variable, value in variables_of(SYSTEMS[name]["testbed"]).items():
        monkeypatch.setenv(variable, value)
    return name


def is_in_queue(job: str, system: str) -> bool:
    said = subprocess.check_output(SYSTEMS[system]["jobs"], text=True)
    return job in [line.split()[0] for line in said.splitlines() if line.strip()]


def test_a_whole_cluster_works_scales_up_and_down_and_leaves_no_job(
    system: str,
) -> None:
    cluster = Cluster(engines=system, controller=system, n=1, walltime="0:10:00")
    name = SYSTEMS[system]["job"]
    seen = set()
    with cluster as rc:
        (first,) = rc[:].apply_sync(os.getenv, name)
        seen.add(first)
        assert float(rc[0].apply_sync(os.getenv, "IPP_UNTIL")) > 0
        cluster.scale_sync(3)
        rc.wait_for_engines(3, timeout=PATIENCE)
        seen.update(rc[:].apply_sync(os.getenv, name))
        assert len(seen) == 2
        ar = rc.load_balanced_view().map_async(abs, range(-30, 0), chunksize=1)
        cluster.scale_sync(1)
        assert ar.get() == list(range(30, 0, -1))
        wait_until(lambda: len(rc.ids) == 1, PATIENCE, "one engine")
        assert rc[:].apply_sync(os.getpid)
    assert [job for job in seen if is_in_queue(job, system)] == []
    assert security() == []


def test_engines_name_the_jobs_that_have_them(system: str) -> None:
    cluster = Cluster(engines=system, n=1)
    with cluster as rc:
        cluster.start_engines_sync(2, "array", array=True)
        rc.wait_for_engines(3, timeout=PATIENCE)
        for set_id, launcher in cluster.engines.items():
            names = [job.name for job in launcher.jobs()]
            assert sorted(owners(rc, set_id).values()) == sorted(names)
        cluster.scale_sync(2)

        def is_told() -> bool:
            return all(
                Counter(owners(rc, set_id).values())
                == {job.name: job.n for job in jobs_of(launcher) if job.n}
                for set_id, launcher in cluster.engines.items()
            )

        wait_until(is_told, PATIENCE, "the news of those that were let go")
    assert security() == []


def test_who_waits_for_engines_whose_job_waits_for_ever_is_told_why(
    system: str,
) -> None:
    never, why = SYSTEMS[system]["never"], SYSTEMS[system]["why"]
    n = never["engines_per_node"] * never["nodes"]
    cluster = Cluster(engines=system, n=n, **never)
    cluster.start_cluster_sync()
    try:
        (launcher,) = cluster.engines.values()
        wait_until(lambda: why in launcher.jobs()[0].reason, PATIENCE, "its reason")
        with (
            cluster.connect_client_sync() as rc,
            pytest.raises(TimeoutError, match=rf"submitted \(.*{why}"),
        ):
            rc.wait_for_engines(timeout=1)
        assert why in run("ipcluster status")[0]
    finally:
        cluster.stop_cluster_sync()
    assert security() == []


def test_engines_of_another_version_are_told_and_end(
    system: str, tmp_path: Path
) -> None:
    other = make_other_version(tmp_path / "other")
    cluster = Cluster(
        engines=system,
        n=1,
        prologue=[f"export PYTHONPATH={other}"],
        work_dir=str(tmp_path),
    )
    with pytest.raises(EngineError, match="0 of 1 engines registered") as raised:
        cluster.start_and_connect_sync()
    assert "exit status 255" in str(raised.value)
    assert "install the same release on both sides" in str(raised.value)
    assert security() == []


def test_a_job_runs_this_package_where_there_is_somebodys_own(
    system: str, tmp_path: Path
) -> None:
    (tmp_path / "parallel.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "mine.py").write_text("value = 42\n")
    place = {"engines": system, "controller": system, "work_dir": str(tmp_path)}
    with Cluster(n=1, **place) as rc:
        rc.wait_for_engines(1, timeout=PATIENCE)
        assert rc[0]["__import__('mine').value"] == 42
    assert security() == []
