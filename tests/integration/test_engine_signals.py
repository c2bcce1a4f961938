"""Signals and interrupts meet the task that they are for."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from parallel import Client
from parallel.errors import RemoteError
from tests.commands import running
from tests.integration.processes import engines_of, wait_until_gone
from tests.integration.tasks import begin_and_wait_for, notes
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("signum", ["SIGINT", signal.SIGINT, 2])
def test_a_signal_interrupts_the_running_task(
    cluster: Client, begun: Path, gate: Path, signum: int | str
) -> None:
    pids = engines_of(cluster)
    result = cluster[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="beginning")
    cluster.send_signal(signum, targets=0)
    with pytest.raises(RemoteError, match="KeyboardInterrupt"):
        result.get(10)
    assert engines_of(cluster) == pids


def touch_at_signal(path: str) -> None:
    signal.signal(signal.SIGUSR1, lambda *_: Path(path).touch())


def test_while_idle_it_does_no_harm(cluster: Client, gate: Path) -> None:
    pids = engines_of(cluster)
    cluster[0].apply_sync(touch_at_signal, str(gate))
    for signum in ("SIGINT", 1000, "SIGUSR1"):
        cluster.send_signal(signum, targets=0)
    wait_until(gate.exists, what="last of the signals")  # none meets a task any more
    assert engines_of(cluster) == pids


def test_a_signal_that_there_is_not_is_not_sent(cluster: Client) -> None:
    with pytest.raises(ValueError, match="no signal 'SIGNONSENSE'"):
        cluster.send_signal("SIGNONSENSE")


def test_a_signal_of_ones_own_is_handled(cluster: Client, gate: Path) -> None:
    cluster[2].apply_sync(touch_at_signal, str(gate))
    cluster.send_signal("SIGUSR1", targets=2)
    wait_until(gate.exists, what="handling")


def test_a_running_task_is_cancelled_and_the_next_is_not(
    cluster: Client, begun: Path, gate: Path
) -> None:
    pids = engines_of(cluster)
    first = cluster[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    then = [cluster[0].apply_async(os.getpid) for _ in range(5)]
    wait_until(lambda: notes(begun), what="beginning")
    first.cancel()
    assert [result.get(10) for result in then] == [pids[0]] * 5
    assert not first.successful()
    assert engines_of(cluster) == pids


def test_cancelled_as_they_end_none_takes_another_along(cluster: Client) -> None:
    view, pids = cluster.load_balanced_view(), engines_of(cluster)
    for _ in range(30):
        doomed = [view.apply_async(sum, range(20_000)) for _ in range(4)]
        spared = [view.apply_async(sum, range(2_000)) for _ in range(8)]
        for result in doomed:
            result.cancel()
        assert [result.get(10) for result in spared] == [1_999_000] * 8
    assert engines_of(cluster) == pids


# Processes by themselves


def test_an_engine_tells_that_its_controller_vanished() -> None:
    command = "ipengine --reconnect-timeout=1"
    with running("ipcontroller") as controller, running(command) as engine:
        with Client() as client:
            wait_until(lambda: client.ids, what="engine")
        controller.process.kill()
        wait_until_gone(controller.process.pid)
        said = engine.wait(status=255)
        assert "the connection to the controller broke: nobody is left at" in said
    for folder in Path(tempfile.gettempdir()).glob("parallel-*"):
        shutil.rmtree(folder)  # of the sockets of one that is killed


def test_nohup_keeps_an_engine_alive() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running("ipcontroller") as controller, running("ipengine") as engine:
            with Client() as client:
                wait_until(lambda: client.ids, what="engine")
                engine.process.send_signal(signal.SIGHUP)
                assert client[0].apply_sync(os.getpid) == engine.process.pid
                assert client[0].apply_sync(os.getpid) == engine.process.pid
            controller.end()
            engine.wait()
    finally:
        signal.signal(signal.SIGHUP, before)
