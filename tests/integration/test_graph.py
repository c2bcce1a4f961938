"""Tasks that wait for others, follow them, are tried again, or choose their engines."""

from __future__ import annotations

import operator
import os
import random
import signal
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

from parallel import (
    Client,
    Cluster,
    Dependency,
    EngineError,
    ImpossibleDependency,
    InvalidDependency,
    LoadBalancedView,
    RemoteError,
    TaskTimeout,
    depend,
)
from tests.integration.tasks import add, divide, note, notes, wait_for
from tests.waiting import wait_until


@pytest.fixture
def lview(cluster: Client) -> LoadBalancedView:
    return cluster.load_balanced_view()


def test_a_task_starts_after_others_ended(
    lview: LoadBalancedView, gate: Path, tmp_path: Path
) -> None:
    file = str(tmp_path / "notes")
    first = lview.apply_async(wait_and_note, str(gate), file)
    with lview.temp_flags(after=first):
        second = lview.apply_async(note, file, "second")
    with lview.temp_flags(after=[first, second.msg_ids[0]]):
        third = lview.apply_async(note, file, "third")
    assert not second.ready()
    assert second.after == first.msg_ids
    gate.touch()
    assert third.get(timeout=20) == "third"
    assert notes(file) == ["first", "second", "third"]


def wait_and_note(path: str, file: str) -> None:
    wait_for(path)
    note(file, "first")


def test_a_task_follows_to_the_same_engine(lview: LoadBalancedView) -> None:
    for _ in range(10):
        first = lview.apply_async(os.getpid)
        with lview.temp_flags(follow=first):
            second = lview.apply_async(os.getpid)
        assert second.get(timeout=20) == first.get()
        assert second.follow == first.msg_ids


def test_nothing_can_follow_to_two_places(lview: LoadBalancedView) -> None:
    apart = []
    for target in (0, 1):
        with lview.temp_flags(targets=target):
            apart.append(lview.apply_async(os.getpid))
    with lview.temp_flags(follow=apart):
        nowhere = lview.apply_async(os.getpid)
    with pytest.raises(ImpossibleDependency, match="different engines"):
        nowhere.get(timeout=20)
    with lview.temp_flags(follow=Dependency(apart, all=False)):
        anywhere = lview.apply_async(os.getpid)
    assert anywhere.get(timeout=20) in {ar.get() for ar in apart}


def test_only_the_ends_that_count_do(lview: LoadBalancedView) -> None:
    good, bad = lview.apply_async(add, 1), lview.apply_async(divide, 1, 0)
    futures.wait([good, bad], timeout=20)
    fails: list[Any] = [bad, [good, bad], Dependency(good, success=False, failure=True)]
    runs: list[Any] = [
        good,
        Dependency([good, bad], failure=True),
        Dependency([good, bad], all=False),
        Dependency(bad, success=False, failure=True),
        Dependency([good, bad], all=False, success=False, failure=True),
        [],
    ]
    for after in fails:
        with lview.temp_flags(after=after), pytest.raises(ImpossibleDependency):
            lview.apply_sync(add, 1)
    for after in runs:
        with lview.temp_flags(after=after):
            assert lview.apply_sync(add, 1) == 2


def test_nobody_waits_for_what_nobody_knows(
    cluster: Client, lview: LoadBalancedView
) -> None:
    with lview.temp_flags(after="no_such_1"), pytest.raises(InvalidDependency):
        lview.apply_sync(add, 1)


def test_what_may_be_added_to_is_looked_at_with_each_task(
    lview: LoadBalancedView, gate: Path
) -> None:
    wanted = Dependency()
    lview.after = wanted
    assert lview.apply_sync(add, 1) == 2
    wanted.update(lview.set_flags(after=None).apply_async(wait_for, str(gate)).msg_ids)
    lview.after = wanted
    late = lview.apply_async(add, 1)
    assert not late.wait(0.1)
    gate.touch()
    assert late.get(timeout=20) == 2


def test_a_task_waits_for_all_of_a_map(lview: LoadBalancedView, tmp_path: Path) -> None:
    file = str(tmp_path / "notes")
    ar = lview.map_async(note, [file] * 200, range(200))
    with lview.temp_flags(after=ar):
        found = lview.apply_async(notes, file)
    assert len(found.get(timeout=20)) == 200


def test_what_waits_too_long_fails(lview: LoadBalancedView, gate: Path) -> None:
    first = lview.apply_async(wait_for, str(gate))
    with lview.temp_flags(after=first, timeout=0.1):
        second = lview.apply_async(add, 1)
    with pytest.raises(TaskTimeout) as told:
        second.get(timeout=20)
    assert isinstance(told.value, RemoteError)
    gate.touch()
    with lview.temp_flags(timeout=0.2):  # only waiting counts
        assert lview.apply_sync(time.sleep, 0.4) is None


def test_targets_restrict(cluster: Client, lview: LoadBalancedView) -> None:
    pids = cluster[:].apply_sync(os.getpid)
    with lview.temp_flags(targets=[1, 2]):
        assert len(lview) == 2
        assert set(lview.map_sync(lambda _: os.getpid(), range(40))) <= set(pids[1:3])
    assert cluster.load_balanced_view(-1).apply_sync(os.getpid) == pids[3]
    assert cluster.load_balanced_view(-1).targets == [3]
    assert cluster.load_balanced_view("all").targets is None
    with pytest.raises(IndexError):
        lview.targets = 99
    assert lview.targets is None


def test_what_fails_is_tried_elsewhere(
    cluster: Client, lview: LoadBalancedView, tmp_path: Path
) -> None:
    file = str(tmp_path / "notes")
    with lview.temp_flags(retries=2), pytest.raises(ZeroDivisionError):
        lview.apply_sync(note_and_fail, file)
    assert len(notes(file)) == len(set(notes(file))) == 3
    with lview.temp_flags(retries=9), pytest.raises(RemoteError):
        lview.apply_sync(note_and_fail, file)
    assert len(notes(file)) == 3 + 4  # each engine once, and no longer


def note_and_fail(file: str) -> None:
    note(file, os.getpid())
    raise ZeroDivisionError(file)


def test_a_task_runs_no_longer_than_its_limit(lview: LoadBalancedView) -> None:
    with lview.temp_flags(time_limit=0.2), pytest.raises(TaskTimeout):
        lview.apply_sync(time.sleep, 20)


def test_a_direct_task_has_a_limit_too(cluster: Client) -> None:
    view = cluster[0].set_flags(time_limit=0.2)
    with pytest.raises(TaskTimeout):
        view.apply_sync(time.sleep, 20)


def test_what_matters_more_goes_first(
    cluster: Client, lview: LoadBalancedView, gate: Path, tmp_path: Path
) -> None:
    file = str(tmp_path / "notes")
    lview.targets = [0]
    lview.apply_async(wait_for, str(gate))
    wait_until(lambda: cluster.queue_status(0)["tasks"] == 1, what="a busy engine")
    several = []
    for priority in (0, 5, -5, 1.5):
        with lview.temp_flags(priority=priority):
            several.append(lview.apply_async(note, file, priority))
    cluster.queue_status()  # all are there
    gate.touch()
    cluster.wait(several, timeout=20)
    found = notes(file)
    assert sorted(map(float, found)) == [-5, 0, 1.5, 5]
    assert found.index("5") < found.index("-5")


def test_refusals_go_elsewhere(cluster: Client, lview: LoadBalancedView) -> None:
    cluster[:].scatter("rank", range(4), flatten=True, block=True)
    picky = depend(operator.eq, 2, 2)(os.getpid)
    assert lview.apply_sync(picky) in cluster[:].apply_sync(os.getpid)


def test_deaths_can_be_forbidden(gate: Path) -> None:
    with Cluster(n=2) as rc:
        once = rc.load_balanced_view(engine_retries=0)
        with pytest.raises(EngineError):
            once.apply_sync(die_unless, str(gate))
        assert notes(gate) == ["died"]
        assert rc.load_balanced_view().apply_sync(die_unless, str(gate)) == "lives"
        gate.unlink()
        twice = rc.load_balanced_view()
        assert twice.apply_sync(die_unless, str(gate)) == "lives"


def die_unless(path: str) -> str:
    if Path(path).exists():
        return "lives"
    note(path, "died")
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


def test_many_tasks_in_a_chain_and_a_tree(lview: LoadBalancedView) -> None:
    last = lview.apply_async(add, 0)
    for i in range(500):
        with lview.temp_flags(after=last):
            last = lview.apply_async(add, i)
    assert last.get(timeout=50) == 500
    tree = [lview.apply_async(add, 0)]
    for i in range(500):
        with lview.temp_flags(after=tree[i // 2]):
            tree.append(lview.apply_async(add, i))
    assert [ar.get(timeout=50) for ar in tree] == [1, *range(1, 501)]


@pytest.mark.parametrize("seed", range(5))
def test_random_graphs_end_as_a_plain_model_says(
    lview: LoadBalancedView, seed: int
) -> None:
    chance = random.Random(seed)
    results: list[Any] = []
    expected: list[bool] = []
    for _ in range(60):
        some = chance.sample(
            range(len(results)), min(len(results), chance.randint(0, 3))
        )
        every = chance.random() < 0.6
        success, failure = chance.choice([(True, False), (False, True), (True, True)])
        fails = chance.random() < 0.3
        after = Dependency(
            [results[i] for i in some], all=every, success=success, failure=failure
        )
        counts = [success if expected[i] else failure for i in some]
        runs = not some or (all(counts) if every else any(counts))
        with lview.temp_flags(after=after):
            results.append(lview.apply_async(divide, 1, 0 if fails else 1))
        expected.append(runs and not fails)
    futures.wait(results, timeout=50)
    assert [ar.successful() for ar in results] == expected
