"""The controller is killed: another one takes its place, and the cluster goes on.

That no process and no file is left, the sandbox of each test sees to.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster, LauncherError, ParallelError, TransportError
from parallel.cluster.keeper import MOST_DEATHS
from tests.integration.processes import (
    agent_of,
    controller_of,
    engines_of,
    wait_until_gone,
)
from tests.integration.tasks import add
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def connection_file(client: Client) -> str:
    """Return what is needed to connect to a client's cluster."""
    cluster = client.cluster
    name = f"security/ipcontroller-{cluster.cluster_id}-client.json"
    return (Path(cluster.profile_dir) / name).read_text()


@contextlib.contextmanager
def another(client: Client) -> Iterator[Client]:
    """Give a new client of a cluster, as soon as its controller is there."""

    def connect() -> Client | None:
        try:
            return client.cluster.connect_client_sync(timeout=2)
        except (ParallelError, OSError):
            return None

    with wait_until(connect, what="a controller that answers") as found:
        found.wait_for_engines(2, timeout=20)
        yield found


def kill_controller(client: Client) -> int:
    """Kill a cluster's controller, and return its pid once it is gone."""
    pid = controller_of(client)
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
    return pid


def next_controller(client: Client, after: int) -> int:
    """Return a controller's pid once there is another one than that; 0 before."""
    pid = controller_of(client)
    return pid if pid != after else 0


@pytest.mark.parametrize(
    "options", [{}, {"ip": "127.0.0.1"}, {"start_method": "spawn"}], ids=str
)
def test_a_killed_controller_is_started_again_at_the_same_address(
    options: dict[str, str],
) -> None:
    with Cluster(n=2, **options) as rc, contextlib.ExitStack() as clients:
        file = connection_file(rc)
        for _ in range(2):
            kill_controller(rc)
            rc = clients.enter_context(another(rc))
            assert connection_file(rc) == file
            assert rc[:].apply_sync(add, 1) == [2, 2]
            assert rc.load_balanced_view().map_sync(abs, [-1, 2]) == [1, 2]


def test_owner_and_clients_are_told_what_happened(
    rc: Client, caplog: pytest.LogCaptureFixture
) -> None:
    pid = kill_controller(rc)
    with another(rc):
        news = rc.cluster.wait_for_news()
        wait_until(lambda: "epoch 2" in caplog.text, what="the news at a client")
    for text in (caplog.text, news[0]):
        assert "the controller was killed by SIGKILL (by hand, or by the" in text
        assert f"(pid {pid} on" in text
        assert "Another one has taken its place" in text


def test_a_controller_that_is_killed_again_and_again_comes_back(rc: Client) -> None:
    agent = agent_of(rc)
    children = Path(f"/proc/{agent}/task/{agent}/children")
    with contextlib.ExitStack() as clients:
        for _ in range(5):
            engines = set(engines_of(rc))
            for _ in range(3):  # at whatever moment of its start it is by then
                for pid in set(map(int, children.read_text().split())) - engines:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            rc = clients.enter_context(another(rc))
            assert rc[:].apply_sync(add, 1) == [2, 2]


@pytest.mark.parametrize("options", [{}, {"ip": "127.0.0.1"}], ids=str)
def test_why_a_controller_is_not_started_again_any_more_is_told_to_who_waits(
    options: dict[str, str],
) -> None:
    with Cluster(n=1, **options) as rc:
        agent, pid = agent_of(rc), 0
        for _ in range(MOST_DEATHS):
            pid = wait_until(lambda last=pid: next_controller(rc, after=last))
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(TransportError, match=f"last of {MOST_DEATHS} deaths"):
            rc.cluster.connect_client_sync(timeout=30)
        wait_until_gone(agent)


def test_a_controller_that_was_told_to_end_is_not_started_again(rc: Client) -> None:
    agent, engines = agent_of(rc), engines_of(rc)
    os.kill(controller_of(rc), signal.SIGTERM)
    wait_until_gone(agent, *engines)
    with pytest.raises(LauncherError, match="as by a SIGTERM: so the cluster ends"):
        rc.cluster.wait_for_news()


@pytest.mark.parametrize("moment", range(4))
def test_a_cluster_is_stopped_while_its_controller_is_started_again(
    rc: Client, moment: int
) -> None:
    agent, pid = agent_of(rc), controller_of(rc)
    os.kill(pid, signal.SIGKILL)
    log = Path(rc.cluster.profile_dir) / f"log/ipcontroller-{rc.cluster.cluster_id}.log"
    if moment:
        wait_until_gone(pid)
    if moment > 1:
        wait_until(lambda: log.read_text().count("connection files") == 2)
    if moment > 2:
        wait_until(lambda: log.read_text().count("epoch 2") == 1)
    rc.cluster.stop_cluster_sync()
    wait_until_gone(agent)
    assert list((Path(rc.cluster.profile_dir) / "security").iterdir()) == []
