"""Tasks run where there is what they need, and never on more than there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from tests.integration.tasks import begin_and_wait_for, notes
from tests.waiting import wait_until


@pytest.fixture
def mixed() -> Iterator[Client]:
    """Start three engines, one of which has a gpu."""
    with Cluster(n=3, resources=[{"gpu": 2}, {}, {}], labels=["large"]) as client:
        yield client


def test_a_resource_decides_where_a_task_runs(mixed: Client) -> None:
    lview = mixed.load_balanced_view()
    with lview.temp_flags(resources={"gpu": 1}):
        results = [lview.apply_async(os.getpid) for _ in range(20)]
    # A list tells what each engine has, by its id.
    where = mixed[0].apply_sync(os.getpid)
    assert {result.get(timeout=10) for result in results} == {where}


def test_what_is_taken_is_not_given_twice(
    mixed: Client, gate: Path, begun: Path
) -> None:
    lview = mixed.load_balanced_view()
    with lview.temp_flags(resources={"gpu": 2}):
        first = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
        second = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    assert lview.apply_sync(len, "others go on") == 12
    assert len(notes(begun)) == 1
    gate.touch()
    assert first.get(timeout=10) == second.get(timeout=10)


def test_what_nobody_has_is_waited_for(mixed: Client) -> None:
    lview = mixed.load_balanced_view()
    with lview.temp_flags(resources={"tpu": 1}, timeout=0.1):
        result = lview.apply_async(os.getpid)
    with pytest.raises(Exception, match=r"timeout of 0\.1 s"):
        result.get(timeout=10)


def test_labels_mark_engines(mixed: Client) -> None:
    lview = mixed.load_balanced_view()
    with lview.temp_flags(labels=["large"]):
        assert lview.apply_sync(len, "abc") == 3
    with lview.temp_flags(labels=["small"], timeout=0.1):
        result = lview.apply_async(os.getpid)
    with pytest.raises(Exception, match="no engine was free"):
        result.get(timeout=10)


def test_higher_priorities_go_first(rc: Client, gate: Path, tmp_path: Path) -> None:
    lview, order = rc.load_balanced_view(targets=[0]), tmp_path / "order"
    busy = lview.apply_async(begin_and_wait_for, str(tmp_path / "b"), str(gate))
    wait_until(lambda: notes(tmp_path / "b"), what="a task that runs")

    def note(text: str, file: str) -> None:
        with Path(file).open("a") as lines:
            lines.write(f"{text}\n")

    results = []
    for priority in (0, 5, -1, 5):
        with lview.temp_flags(priority=priority):
            results.append(lview.apply_async(note, str(priority), str(order)))
    wait_until(lambda: rc.queue_status()["unassigned"] == 4, what="all in the queue")
    gate.touch()
    busy.get(timeout=10)
    for result in results:
        result.get(timeout=10)
    assert notes(order) == ["5", "5", "0", "-1"]
