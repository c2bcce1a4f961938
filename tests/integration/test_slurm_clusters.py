"""Whole clusters on a real Slurm: engines and controller as jobs, and what fails."""

from __future__ import annotations

import json
import os

import pytest

from parallel import Cluster
from parallel.cluster.members import ids_of
from parallel.errors import EngineError, LauncherError
from tests.commands import run, security
from tests.testbeds import variables_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("batch"),
]


@pytest.fixture(autouse=True)
def slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let its commands find it."""
    for name, value in variables_of("slurm").items():
        monkeypatch.setenv(name, value)


def test_one_word_moves_the_engines_to_slurm() -> None:
    cluster = Cluster(engines="slurm", n=3, queue="main", environment={"COLOUR": "red"})
    with cluster as client:
        assert client.ids == [0, 1, 2]
        (set_id,) = cluster.engines
        (job,) = cluster.engines[set_id].jobs()
        assert client[:].apply_sync(os.getenv, "SLURM_JOB_ID") == [job.name] * 3
        assert client[:].apply_sync(os.getenv, "COLOUR") == ["red"] * 3
        cluster.start_engines_sync(1, "more", queue="short")
        client.wait_for_engines(4, timeout=120)
        cluster.restart_engines_sync("more")
        client.wait_for_engines(4, timeout=120)
        assert ids_of(client, "more") == [4]
        cluster.stop_engines_sync("more")
        assert list(cluster.engines) == [set_id]
    assert security() == []


def test_the_commands_run_all_of_it_in_slurm_by_a_profile() -> None:
    start = "ipcluster start -n 2 --profile=slurm --controller=slurm --daemonize"
    run(start)
    try:
        (found,) = json.loads(run("ipcluster status --profile=slurm -o json")[0])
        (engines,) = found["sets"]
        assert found["launcher"] == engines["launcher"] == "slurm"
        assert engines["asked"] == engines["running"] == engines["registered"] == 2
        assert engines["jobs"][0]["last_lines"]
        assert "Slurm" in run("ipcluster list --profile=slurm")[0]
        assert run(start, status=10)[1]
    finally:
        run("ipcluster stop --profile=slurm")
    assert security("slurm") == []


def test_a_job_that_dies_early_is_told_with_its_status_and_last_lines() -> None:
    cluster = Cluster(
        engines="slurm", n=2, prologue=["echo no such module >&2", "exit 3"]
    )
    with pytest.raises(EngineError, match="0 of 2 engines registered") as raised:
        cluster.start_and_connect_sync()
    assert "FAILED: exit status 3" in str(raised.value)
    assert "no such module" in str(raised.value)
    assert cluster.controller is None
    assert security() == []


def test_a_queue_that_is_not_there_is_told_and_nothing_is_left() -> None:
    cluster = Cluster(engines="slurm", n=2, queue="nosuch")
    with pytest.raises(LauncherError, match="invalid partition specified: nosuch"):
        cluster.start_cluster_sync()
    assert cluster.controller is None
    assert security() == []
