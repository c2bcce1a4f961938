"""Engines are the same whether they are forked from one process or spawned afresh."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parallel import Client, Cluster, EngineError
from tests.integration.processes import (
    agent_of,
    controller_of,
    engines_of,
    wait_until_gone,
)
from tests.integration.soon import SOON, said_soon
from tests.integration.tasks import add, fsquare, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["fork", "spawn"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Client]:
    environment = {"PLANET": "Mars", "N": 4}
    with Cluster(
        n=2, start_method=request.param, environment=environment, work_dir="/"
    ) as client:
        yield client


def test_the_work_is_the_same(cluster: Client) -> None:
    assert cluster[:].apply_sync(add, 1) == [2, 2]
    lview = cluster.load_balanced_view()
    assert lview.map_sync(fsquare, range(500)) == [x**2 for x in range(500)]
    ar = cluster[:].execute("print('said')", block=True)
    assert ar.stdout == ["said\n"] * 2


def test_each_leads_a_group_of_its_own(cluster: Client) -> None:
    pids = engines_of(cluster)
    everyone = [*pids, agent_of(cluster), controller_of(cluster)]
    assert len(set(everyone)) == 4
    assert cluster[:].apply_sync(os.getsid, 0) == pids


def test_environment_and_folder(cluster: Client) -> None:
    assert cluster[:].apply_sync(os.getcwd) == ["/"] * 2
    assert cluster[:].apply_sync(os.getenv, "PLANET") == ["Mars"] * 2
    assert cluster[:].apply_sync(os.getenv, "N") == ["4"] * 2
    assert cluster[:].pull("__import__('sys').argv", block=True) == [[""]] * 2


def test_modules_are_found_where_the_client_finds_them(cluster: Client) -> None:
    here = [str(Path(folder or ".").absolute()) for folder in sys.path]
    for there in cluster[:].pull("__import__('sys').path", block=True):
        assert set(here) <= set(there)


def test_a_fresh_main(cluster: Client) -> None:
    cluster[-2].execute("mine = 1", block=True)
    for names in cluster[:].pull("sorted(globals())", block=True):
        assert {"__builtins__", "__name__"} <= set(names)
        assert "Agent" not in names
    assert cluster[:]["__name__"] == ["__main__"] * 2
    with pytest.raises(NameError):
        cluster[-1].pull("mine", block=True)


def test_random_numbers_differ(cluster: Client) -> None:
    numbers: list[float] = []
    for _ in range(2):
        numbers += cluster[:].apply_sync(lambda: random.random())
        numbers += cluster[:].apply_sync(lambda: float(np.random.random()))
    assert len(set(numbers)) == 8


def test_a_secret_stands_in_no_command_line(cluster: Client) -> None:
    for pid in (*engines_of(cluster), agent_of(cluster), controller_of(cluster)):
        words = Path(f"/proc/{pid}/cmdline").read_text()
        assert "secret" not in words
        assert len(words) < 300


def test_no_descriptor_of_another_is_kept(cluster: Client) -> None:
    def descriptors() -> set[str]:
        found = set()
        for path in Path("/proc/self/fd").iterdir():
            try:
                found.add(str(path.readlink()))
            except OSError:  # the listing's own
                continue
        return {
            each for each in found if not each.startswith(("/dev", "/memfd", "anon"))
        }

    first, second = cluster[:].apply_sync(descriptors)
    shared = {each for each in first & second if each.startswith("socket:")}
    assert not shared
    # The end of one pipe tells them all that their owner is gone.
    assert len([each for each in first & second if each.startswith("pipe:")]) <= 1


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV])
def test_a_dead_engine_is_told_and_replaced(
    cluster: Client, signum: signal.Signals
) -> None:
    victim = cluster.ids[0]
    pid = cluster[victim].apply_sync(os.getpid)
    with said_soon(EngineError, f"killed by {signum.name}"):
        cluster[victim].apply_sync(os.kill, pid, signum)
    cluster.wait_for_engines(2, timeout=SOON)
    assert victim not in cluster.ids
    assert cluster[:].apply_sync(add, 1) == [2, 2]


def test_children_of_a_task_end_with_their_engine(cluster: Client) -> None:
    def leave_a_child() -> int:
        return subprocess.Popen(["sleep", "60"]).pid

    child = cluster[-1].apply_sync(leave_a_child)
    with said_soon(EngineError):
        cluster[-1].apply_sync(os._exit, 1)
    wait_until_gone(child)
    cluster.wait_for_engines(2, timeout=SOON)


def test_an_interrupt_ends_a_task_but_no_engine(
    cluster: Client, tmp_path: Path
) -> None:
    pid = cluster[-1].apply_sync(os.getpid)
    os.kill(pid, signal.SIGINT)  # idle: it is ignored
    assert cluster[-1].apply_sync(os.getpid) == pid
    begun = tmp_path / "begun"

    def begin(path: str) -> None:
        Path(path).touch()
        wait_for("/nowhere")

    ar = cluster[-1].apply_async(begin, str(begun))
    wait_for(str(begun))
    os.kill(pid, signal.SIGINT)
    with pytest.raises(Exception, match="KeyboardInterrupt"):
        ar.get(timeout=SOON)
    assert cluster[-1].apply_sync(os.getpid) == pid
