"""A task that ends its engine is told of, the engine replaced, and the work goes on."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parallel import Client, Cluster, CompositeError, EngineError, RemoteError
from tests.integration.soon import SOON, said_soon
from tests.integration.tasks import add
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def works_on(cluster: Client) -> Iterator[None]:
    """See after each test that all engines are there, and work."""
    yield
    cluster.wait_for_engines(4, timeout=SOON)
    assert cluster[:].apply_sync(add, 1) == [2, 2, 2, 2]
    assert cluster.load_balanced_view().map_sync(add, range(9)) == [*range(1, 10)]


def interrupt() -> None:
    raise KeyboardInterrupt("enough")


def test_a_task_that_exits(cluster: Client) -> None:
    pids = cluster[:].apply_sync(os.getpid)
    with said_soon(RemoteError, r"SystemExit: 3"):
        cluster.load_balanced_view().apply_sync(sys.exit, 3)
    with said_soon(RemoteError, "KeyboardInterrupt: enough"):
        cluster.load_balanced_view().apply_sync(interrupt)
    assert cluster[:].apply_sync(os.getpid) == pids


#: A way to die, and what is told of it.
DEATHS: dict[str, tuple[Callable[[], Any], str]] = {
    "exit": (lambda: os._exit(7), "exited with status 7"),
    "segfault": (
        lambda: ctypes.string_at(0),
        "killed by SIGSEGV (.|\n)*last lines of .*\n.*Segmentation fault",
    ),
    "abort": (os.abort, "killed by SIGABRT"),
    "kill": (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_task_that_kills_its_engine(cluster: Client, death: str) -> None:
    die, words = DEATHS[death]
    first, *others = cluster.ids
    with said_soon(EngineError, f"engine {first} died while it ran the task", words):
        cluster[first].apply_sync(die)
    cluster.wait_for_engines(4, timeout=SOON)
    assert cluster.ids == [*others, others[-1] + 1]
    with said_soon(IndexError, f"no engine {first} any more", r"engines are \[", words):
        cluster[first]


def test_a_task_that_kills_every_engine_is_given_up(cluster: Client) -> None:
    before = set(cluster.ids)
    with said_soon(EngineError, "killed 3 engines and is not tried again", "status 9"):
        cluster.load_balanced_view().apply_sync(os._exit, 9)
    cluster.wait_for_engines(4, timeout=SOON)
    assert len(set(cluster.ids) - before) == 3


def test_an_engine_that_is_broken_is_replaced(cluster: Client) -> None:
    broken = cluster[-1]
    broken.execute("import parallel.engine.execution as it; it.Execution.run = None")
    with said_soon(EngineError, "exited with status 1", "last lines of", "NoneType"):
        broken.apply_sync(add, 1)


def test_recursion_without_end(cluster: Client) -> None:
    def f() -> Any:
        return f()

    with said_soon(RecursionError, "maximum recursion depth"):
        cluster[-1].apply_sync(f)


def test_a_deadly_setup_does_not_kill_without_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Cluster(n=1) as rc:
        with pytest.raises(CompositeError, match="EngineError"):
            rc[:].setup(os._exit, 3).get()
        wait_until(lambda: "killed 3 engines" in caplog.text, what="a warning")
        assert "the setup '_exit' killed 3 engines one after the other" in caplog.text
        rc.wait_for_engines(1, timeout=SOON)
        assert rc.load_balanced_view().apply_sync(add, 1) == 2


def test_a_block_of_flags_ends_in_order_though_its_engine_died(cluster: Client) -> None:
    view = cluster.load_balanced_view(cluster.ids[:1])
    told = said_soon(EngineError, "killed by SIGKILL")
    with told, view.temp_flags(engine_retries=0):
        view.apply_sync(DEATHS["kill"][0])
    assert view.engine_retries == 2
