"""Several processes start, scale and stop the engines of one cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Cluster
from parallel.cluster.launchers.launcher import Launcher
from parallel.cluster.records import read_record
from parallel.errors import LauncherError
from tests.commands import run, security
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def owner() -> Iterator[Cluster]:
    cluster = Cluster(cluster_id="shared", n=1, engine_timeout=120).start_cluster_sync()
    yield cluster
    cluster.stop_cluster_sync()


def found() -> Cluster:
    """Return the cluster as another process finds it."""
    return Cluster.from_file(cluster_id="shared")


def told(cluster: Cluster) -> dict[str, int | None]:
    """Return what its file says of its sets."""
    record = read_record(Path(cluster.cluster_file))
    assert record is not None
    assert record.n == sum(each.n or 0 for each in record.sets.values())
    return {set_id: each.n for set_id, each in record.sets.items()}


def test_nobody_overwrites_what_another_has_told(owner: Cluster) -> None:
    (first,) = owner.engines
    other = found()
    other.start_engines_sync(2, "theirs")
    owner.start_engines_sync(1, "mine")
    assert told(owner) == {first: 1, "theirs": 2, "mine": 1}
    other.stop_engines_sync("theirs")
    assert told(owner) == {first: 1, "mine": 1}


def test_who_stops_a_cluster_ends_what_others_have_started(owner: Cluster) -> None:
    other = found()
    other.start_engines_sync(1, "theirs", prologue=["sleep 300"])
    theirs = other.engines["theirs"]
    assert theirs.running
    owner.stop_cluster_sync()
    assert not theirs.running
    assert security() == []


def test_engines_for_a_cluster_that_was_stopped_meanwhile_are_stopped(
    owner: Cluster,
) -> None:
    other = found()
    launchers: list[Launcher] = []
    write_down = other._write_down

    def look_first(*changed: str) -> None:
        launchers.append(other.engines["late"])
        owner.stop_cluster_sync()
        write_down(*changed)

    other._write_down = look_first  # type: ignore[method-assign]
    with pytest.raises(LauncherError, match="'shared' was stopped meanwhile"):
        other.start_engines_sync(1, "late", prologue=["sleep 300"])
    assert "late" not in other.engines
    assert [each.running for each in launchers] == [False]
    assert security() == []


def test_a_set_of_which_nothing_is_up_becomes_smaller(
    owner: Cluster, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    wait = f"until [ -e {go} ]; do sleep 0.1; done"
    owner.start_engines_sync(3, "late", prologue=[wait])
    with owner.connect_client_sync() as client:
        client.wait_for_engines(1, timeout=90)
        owner.scale_sync(2)
        assert owner.asked()["late"] == told(owner)["late"] == 1
        go.touch()
        client.wait_for_engines(2, timeout=90)
        assert len(client.ids) == 2


def test_those_that_are_on_their_way_are_waited_for_before_some_go(
    owner: Cluster,
) -> None:
    owner.start_engines_sync(3, "late")
    with owner.connect_client_sync() as client:
        wait_until(lambda: len(client.ids) > 1, 90, "one of them is up")
        owner.scale_sync(1)
        wait_until(lambda: len(client.ids) == 1, 90, "one is left")
    assert sum(n or 0 for n in told(owner).values()) == 1


def test_engines_are_added_from_the_command_line(owner: Cluster) -> None:
    line = "ipcluster engines -n 1 --cluster-id=shared"
    said = run(f"{line} --daemonize --engine-set=stays")[1]
    assert "1 engines are on their way, as the set 'stays'" in said
    with owner.connect_client_sync() as client:
        client.wait_for_engines(2, timeout=90)
    assert set(told(owner)) == {*owner.engines, "stays"}
    said = run("ipcluster engines --daemonize --cluster-id=no", status=12)[1]
    assert "no running cluster has the file " in said
    assert "those of an ipcontroller stay in the foreground" in said
