"""Who is stopped or cut off is noticed in time, and told; who is only busy is not."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster, EngineError
from parallel.transport.locations import connection_file
from tests.commands import Running, running
from tests.integration.processes import engines_of, wait_until_gone
from tests.integration.tasks import add, begin_and_wait_for, note, notes
from tests.relay import Relay
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

#: Seconds that an engine is waited for; a third of them breaks its connection.
PATIENCE = 6.0


@pytest.fixture
def rc(caplog: pytest.LogCaptureFixture) -> Iterator[Client]:
    """Start two engines, with little patience; note what their client is told."""
    caplog.set_level(logging.WARNING, "parallel.client")
    with Cluster(n=2, engine_patience=PATIENCE) as client:
        yield client


def hold_the_lock(begun: str, seconds: int) -> int:
    """Call C code that sleeps, and does not let go of the interpreter's lock."""
    note(begun, os.getpid())
    ctypes.PyDLL(None).sleep(seconds)
    return os.getpid()


def test_an_engine_whose_c_code_holds_the_lock_is_left_alone(
    rc: Client, begun: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids, pids = rc.ids, engines_of(rc)
    result = rc[0].apply_async(hold_the_lock, str(begun), int(1.5 * PATIENCE))
    assert result.get(timeout=60) == pids[0]
    assert (rc.ids, engines_of(rc)) == (ids, pids)
    assert not caplog.records


def test_an_engine_that_was_stopped_for_a_while_goes_on(
    rc: Client, gate: Path, begun: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pid = engines_of(rc)[0]
    result = rc[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="work on the engine")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: "cannot be reached" in caplog.text, what="words of it")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "is there again after" in caplog.text, what="its return")
    gate.touch()
    assert result.get(timeout=30) == pid
    assert notes(begun) == [str(pid)]
    assert rc.ids == [0, 1]


def test_a_stopped_engine_is_told_of_and_replaced_and_its_work_is_done_elsewhere(
    rc: Client, gate: Path, begun: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pid = engines_of(rc)[0]
    (other,) = set(rc.ids) - {0}
    lview = rc.load_balanced_view()
    running = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(2)
    ]
    direct = rc[0].apply_async(add, 1)
    wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: "cannot be reached" in caplog.text, what="words of it")
    assert f"engine 0 (pid {pid} on " in caplog.text
    assert "its process is stopped (SIGSTOP)" in caplog.text
    wait_until(lambda: len(notes(begun)) == 3, what="a start elsewhere")
    wait_until_gone(pid)
    with pytest.raises(EngineError, match=r"could not be reached for . s, and was kil"):
        direct.get(timeout=10)
    gate.touch()
    assert pid not in [ar.get(timeout=30) for ar in running]
    rc.wait_for_engines(2, timeout=30)
    assert rc[other].apply_sync(add, 1) == 2


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[tuple[Client, Relay, Running]]:
    """Start a cluster, and an engine that joins it over a relay, as engine 1."""
    with Cluster(n=1, transport="tcp", engine_patience=PATIENCE) as client:
        cluster = client.cluster
        file = connection_file(Path(cluster.profile_dir), cluster.cluster_id, "engine")
        relay = Relay(cluster.record.urls[0])
        mine = relay.lead_over(file, tmp_path / "engine.json")
        with running(f"ipengine --file={mine}") as engine:
            client.wait_for_engines(2, timeout=30)
            yield client, relay, engine
        relay.close()


@pytest.mark.parametrize("how", ["silent", "half", "closed"])
def test_an_engine_that_was_cut_off_for_a_while_goes_on(
    guest: tuple[Client, Relay, Running],
    gate: Path,
    begun: Path,
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "parallel.client")
    client, relay, engine = guest
    result = client[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    behind = client[1].apply_async(add, 1)
    wait_until(lambda: notes(begun), what="work on the engine")
    relay.cut(how)
    wait_until(lambda: "cannot be reached" in caplog.text, what="words of it")
    relay.heal()
    wait_until(lambda: "is there again after" in caplog.text, what="its return")
    gate.touch()
    assert result.get(timeout=30) == engine.process.pid
    assert behind.get(timeout=30) == 2
    assert notes(begun) == [str(engine.process.pid)]
    assert client.ids == [0, 1]


@pytest.mark.parametrize("how", ["silent", "half", "closed"])
def test_an_engine_that_is_cut_off_is_told_of_and_given_up(
    guest: tuple[Client, Relay, Running],
    gate: Path,
    begun: Path,
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "parallel.client")
    client, relay, engine = guest
    result = client[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="work on the engine")
    relay.cut(how)
    with pytest.raises(EngineError, match=r"engine 1 is lost: .*still be running"):
        result.get(timeout=60)
    pid = engine.process.pid
    assert f"engine 1 (pid {pid} on " in caplog.text
    assert "cannot be reached: its connection broke, though its process" in caplog.text
    assert client.ids == [0]
    gate.touch()
    relay.heal()
    engine.wait(255)
