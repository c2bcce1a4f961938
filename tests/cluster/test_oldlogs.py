"""Logs of clusters that have ended do not pile up."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from parallel.cluster import oldlogs
from parallel.cluster.cluster import Cluster
from parallel.cluster.elsewhere import new_record
from parallel.cluster.oldlogs import sweep_logs
from parallel.cluster.records import LaunchRecord
from parallel.transport.locations import cluster_file, log_file


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a profile's folder in which two logs are enough."""
    monkeypatch.setattr(oldlogs, "KEPT", 2)
    for name in ("log", "security"):
        (tmp_path / name).mkdir()
    return tmp_path


def write(profile: Path, name: str, cluster_id: str, age: int) -> Path:
    path = log_file(profile, name, cluster_id)
    path.touch()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def left(profile: Path) -> set[str]:
    sweep_logs(profile)
    return {path.name for path in (profile / "log").iterdir()}


def test_the_newest_stay(profile: Path) -> None:
    for age in range(5):
        write(profile, "ipengine-0", f"id-{age}", age)
    assert left(profile) == {"ipengine-0-id-0.log", "ipengine-0-id-1.log"}


def test_few_all_stay(profile: Path) -> None:
    logs = {write(profile, "ipagent", f"id-{age}", age).name for age in range(2)}
    assert left(profile) == logs


def test_those_of_a_cluster_that_runs_stay(profile: Path) -> None:
    ours = write(profile, "ipcontroller", "ours", 100).name
    cluster_file(profile, "ours").touch()
    for age in range(5):
        write(profile, "ipcontroller", f"id-{age}", age)
    assert ours in left(profile)


def test_scripts_and_output_of_jobs_go_as_well(profile: Path) -> None:
    names = ("ipengines-set-c-2.slurm", "ipengines-set-c-2.sh", "ipengines-set-7.1.log")
    for age, name in enumerate(names, 1):
        (profile / "log" / name).touch()
        os.utime(profile / "log" / name, (1e9 - age, 1e9 - age))
    ours = {write(profile, "ipagent", f"id-{age}", -age).name for age in range(2)}
    assert left(profile) == ours


def test_scripts_and_output_of_jobs_that_run_stay(profile: Path) -> None:
    theirs = {"ipengines-set-ours-2.slurm", "ipengines-set-ours-17.0.log"}
    theirs |= {write(profile, "ipagent-node1-set", "ours", 100).name}
    unnamed = {"ipengines-here-2.slurm", "ipengines-here-17.1.log"}
    for name in theirs | unnamed:
        (profile / "log" / name).touch()
        os.utime(profile / "log" / name, (1e8, 1e8))
    cluster_file(profile, "ours").touch()
    record = new_record(Cluster(profile_dir=str(profile), cluster_id=""))
    assert msgspec.structs.replace(record, sets={"here": LaunchRecord(n=2)}).claim()
    for age in range(5):
        write(profile, "ipcontroller", f"id-{age}", age)
    assert theirs | unnamed < left(profile)


def test_those_that_all_clusters_share_and_others_stay(profile: Path) -> None:
    ours = {write(profile, "ipengine-1", "", 100).name, "notes.log"}
    (profile / "log" / "notes.log").touch()
    for age in range(5):
        write(profile, "ipengine-0", f"id-{age}", age)
    assert ours < left(profile)
