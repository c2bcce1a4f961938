"""A balanced view gives each task to one engine, and keeps all of them busy."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from parallel import (
    AsyncResult,
    Client,
    LoadBalancedView,
    NoEnginesRegistered,
    RemoteError,
)
from tests.integration.processes import engines_of
from tests.integration.tasks import (
    add,
    begin_and_wait_for,
    divide,
    fsquare,
    notes,
    wait_for,
)
from tests.waiting import wait_until


def test_a_call_is_made_once(cluster: Client, tmp_path: Path) -> None:
    lview, file = cluster.load_balanced_view(), tmp_path / "notes"
    note = lview.apply_sync(begin_and_wait_for, str(file), os.devnull)
    assert notes(file) == [str(note)]


def test_results_are_bare_values(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    assert lview.apply_sync(add, 1, y=2) == 3
    assert isinstance(lview.apply(add, 1), AsyncResult)
    lview.block = True
    assert lview.apply(add, 1) == 2


def test_all_engines_work_at_the_same_time(cluster: Client, tmp_path: Path) -> None:
    # Each waits until all four have begun: it ends only if they run together.
    lview, gate, begun = cluster.load_balanced_view(), tmp_path / "gate", tmp_path / "b"
    ars = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(4)
    ]
    wait_until(lambda: len(notes(begun)) == 4, what="work on four engines")
    gate.touch()
    assert {ar.get() for ar in ars} == set(engines_of(cluster))


def test_nothing_waits_behind_a_long_task(cluster: Client, tmp_path: Path) -> None:
    lview, gate = cluster.load_balanced_view(), tmp_path / "gate"
    short = [lview.apply_async(fsquare, i) for i in range(400)]
    long = lview.apply_async(wait_for, str(gate))
    short += [lview.apply_async(fsquare, i) for i in range(400)]
    assert [ar.get(timeout=10) for ar in short] == [i**2 for i in range(400)] * 2
    assert not long.ready()
    gate.touch()
    assert long.get(timeout=10) in engines_of(cluster)


def test_what_finds_no_free_engine_waits_for_one(
    cluster: Client, tmp_path: Path
) -> None:
    lview, begun = cluster.load_balanced_view(), tmp_path / "begun"
    gates = [tmp_path / f"gate{i}" for i in range(4)]
    long = [lview.apply_async(begin_and_wait_for, str(begun), str(g)) for g in gates]
    wait_until(lambda: len(notes(begun)) == 4, what="work on four engines")
    waiting = [lview.apply_async(os.getpid) for _ in range(40)]

    def known() -> int:
        status = cluster.queue_status()
        engines: int = sum(status[i]["tasks"] for i in cluster.ids)
        return engines + int(status["unassigned"])

    wait_until(lambda: known() == 44, what="44 tasks at the controller")
    assert not any(ar.ready() for ar in waiting)
    # One engine becomes free, and does it all: also what waits at the others.
    gates[2].touch()
    assert {ar.get(timeout=10) for ar in waiting} == {long[2].get()}
    assert [ar.ready() for ar in long] == [False, False, True, False]
    for gate in gates:
        gate.touch()
    assert cluster.wait(long, timeout=10)


def test_short_tasks_are_spread_over_the_engines(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    ars = [lview.apply_async(os.getpid) for _ in range(2000)]
    assert {ar.get() for ar in ars} == set(engines_of(cluster))


def test_a_submitter_that_runs_ahead_gets_all_its_results(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    ars = [lview.apply_async(add, i) for i in range(10_000)]
    assert [ar.get() for ar in ars] == list(range(1, 10_001))


def test_one_failure_harms_no_other_task(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    ars = [lview.apply_async(divide, 1, x) for x in (1, 0, 2)]
    assert cluster.wait(ars, timeout=10)
    assert [ar.successful() for ar in ars] == [True, False, True]
    with pytest.raises(ZeroDivisionError) as told:
        ars[1].get()
    assert isinstance(told.value, RemoteError)
    assert told.value.evalue == "division by zero"
    assert "x / y" in told.value.traceback


@pytest.mark.parametrize("nbytes", [0, 1, 8 << 10, 80_000, 1 << 20, 8 << 20])
def test_arguments_and_results_of_any_size(cluster: Client, nbytes: int) -> None:
    data = np.frombuffer(os.urandom(nbytes), np.uint8)
    back = cluster.load_balanced_view().apply_sync(lambda x: x[::-1].copy(), data)
    np.testing.assert_array_equal(back[::-1], data)
    assert cluster.load_balanced_view().apply_sync(bytes, data) == data.tobytes()


def test_wait_for_all_that_is_outstanding(cluster: Client, tmp_path: Path) -> None:
    lview, gate = cluster.load_balanced_view(), tmp_path / "gate"
    ar = lview.apply_async(wait_for, str(gate))
    assert not cluster.wait(timeout=0.05)
    assert not lview.wait([ar], timeout=0)
    gate.touch()
    assert lview.wait(timeout=10)
    assert ar.ready()


@pytest.mark.parametrize("whose", ["client", "view"])
def test_who_waits_for_all_waits_for_what_a_map_has_not_submitted(
    cluster: Client, whose: str
) -> None:
    lview, more = cluster.load_balanced_view(), threading.Event()

    def numbers() -> Iterator[int]:
        yield 1
        more.wait(60)
        yield 2

    ar = lview.map_async(fsquare, numbers())
    wait_until(lambda: ar.progress == 1, what="the first result")
    assert not cluster.outstanding
    waiter = cluster if whose == "client" else lview
    assert not waiter.wait(timeout=0)
    assert cluster[:].wait(timeout=0)  # another view's
    more.set()
    assert waiter.wait(timeout=10)
    assert ar.ready()
    assert ar.get() == [1, 4]


@pytest.mark.parametrize(
    "ask",
    [
        lambda view: view.apply_async(abs, -1),
        lambda view: view.map_async(abs, [-1]),
        lambda view: next(view.imap(abs, [-1])),
        lambda view: view.parallel()(len)([1]),
        lambda view: view.executor.submit(abs, -1),
    ],
)
def test_a_view_of_no_engines_says_so(
    cluster: Client, ask: Callable[[LoadBalancedView], object]
) -> None:
    nobody = cluster.load_balanced_view([])
    assert len(nobody) == 0
    said = r"<LoadBalancedView \[\]> has no engines"
    with pytest.raises(NoEnginesRegistered, match=said):
        ask(nobody)
    nobody.targets = [0]
    assert nobody.apply_sync(abs, -1) == 1
