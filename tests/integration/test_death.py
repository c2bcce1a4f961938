"""An engine is killed: who waits is told, and no work is lost or done twice in vain."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections import Counter, deque
from functools import partial
from pathlib import Path

import pytest

from parallel import AsyncResult, Client, Cluster, EngineError
from tests.integration.soon import SOON, said_soon
from tests.integration.tasks import add, begin_and_wait_for, note, notes
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("short", [False, True])
def test_what_a_killed_engine_had_not_started_is_run_elsewhere_once(
    rc: Client, gate: Path, begun: Path, tmp_path: Path, short: bool
) -> None:
    lview, file = rc.load_balanced_view(), str(tmp_path / "notes")
    if short:  # short tasks let many be in hand
        rc.wait([lview.apply_async(add, i) for i in range(200)])
    long = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(2)
    ]
    waiting = [lview.apply_async(note, file, i) for i in range(100)]
    wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
    os.kill(int(notes(begun)[0]), signal.SIGKILL)
    # The one that ran is run again, on the engine that takes the dead one's place.
    wait_until(lambda: len(notes(begun)) == 3, what="a second run")
    gate.touch()
    assert [ar.get(timeout=SOON) for ar in waiting] == list(range(100))
    assert rc.wait(long, timeout=SOON)
    assert Counter(notes(file)) == Counter(map(str, range(100)))
    assert len(notes(begun)) == 3
    rc.wait_for_engines(2, timeout=SOON)


def is_replaced(client: Client, engine_id: int) -> bool:
    """Tell whether an engine is gone, and another one there for it."""
    return engine_id not in client.ids and len(client) == 2


def test_no_task_is_lost_while_engines_die(rc: Client, tmp_path: Path) -> None:
    def note_with_pid(path: str, i: int) -> int:
        note(path, f"{i} {os.getpid()}")
        return i

    lview, file = rc.load_balanced_view(), str(tmp_path / "notes")
    ars: list[AsyncResult] = []
    killed: set[str] = set()
    for death in range(1, 6):
        numbers = range(len(ars), 400 * death)
        ars += [lview.apply_async(note_with_pid, file, i) for i in numbers]
        victim = rc.ids[death % 2]
        pid = rc[victim].apply_sync(os.getpid)
        killed.add(str(pid))
        os.kill(pid, signal.SIGKILL)
        replaced = partial(is_replaced, rc, victim)
        wait_until(replaced, SOON, "engine in the place of the dead one")
    assert [ar.get(timeout=SOON) for ar in ars] == list(range(2000))
    runs: dict[str, list[str]] = {}
    for line in notes(file):
        number, who = line.split()
        runs.setdefault(number, []).append(who)
    assert len(runs) == 2000
    # A task was started again only if the engine that had started it was killed.
    assert all(set(pids[:-1]) <= killed for pids in runs.values())


def test_a_killed_engines_direct_tasks_fail(rc: Client, begun: Path) -> None:
    view = rc[0]
    running = view.apply_async(begin_and_wait_for, str(begun), "/nowhere")
    waiting = [view.apply_async(add, 1), view.execute("a = 1")]
    wait_until(lambda: notes(begun), what="begin of the task")
    os.kill(int(notes(begun)[0]), signal.SIGKILL)
    with said_soon(EngineError, "engine 0 died while it ran the task: was killed by"):
        running.get()
    for ar in waiting:
        with said_soon(EngineError, "engine 0 died before it started the task"):
            ar.get()
    rc.wait_for_engines(2, timeout=SOON)
    assert rc.ids == [1, 2]


def test_a_stopped_engine_gives_its_work_back(
    rc: Client, gate: Path, begun: Path
) -> None:
    lview = rc.load_balanced_view()
    ars = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(2)
    ]
    direct = rc[1].apply_async(add, 1)
    wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
    stays = rc[0].apply_async(os.getpid)
    rc.shutdown(targets=1)
    with said_soon(EngineError, "engine 1 died before it started .*: was stopped"):
        direct.get()
    gate.touch()
    assert {ar.get(timeout=SOON) for ar in ars} == {stays.get()}
    assert rc.ids == [0]


def test_an_engine_held_by_c_code_is_stopped_with_the_cluster(begun: Path) -> None:
    def hold(path: str) -> None:
        note(path, "from now on, C code holds the lock of the interpreter")
        deque(itertools.repeat(None), maxlen=0)

    with Cluster(n=1) as rc:
        rc[0].apply_async(hold, str(begun))
        wait_until(lambda: notes(begun), what="begin of the task")
        begin = time.monotonic()
    assert time.monotonic() - begin < 10


def break_side_thread() -> None:
    """Take from the thread that hears the controller what it cannot do without."""
    (side,) = [t for t in threading.enumerate() if t.name == "parallel-engine-side"]
    side._main = None  # type: ignore[attr-defined]


def test_an_engine_that_hears_no_more_ends_in_words_and_is_replaced(
    rc: Client,
) -> None:
    view = rc[0]
    view.apply_sync(break_side_thread)
    wait_until(lambda: is_replaced(rc, 0), SOON, "another engine")
    with said_soon(IndexError, "the thread that hears the controller failed"):
        view.apply_sync(int)
