"""Results that no client has any more, and a controller that had not written them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, EngineError
from tests.integration.processes import controller_of, wait_until_gone
from tests.integration.scripts import first_line, started_script
from tests.integration.tasks import begin_and_wait_for, notes
from tests.integration.threads import held
from tests.relay import Relay
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 60

LEAVER = """
    import signal, sys
    from parallel import Client, EngineError
    from tests.integration.tasks import begin_and_wait_for

    profile_dir, cluster_id, begun, gate = sys.argv[1:]
    rc = Client(profile_dir=profile_dir, cluster_id=cluster_id)
    lview = rc.load_balanced_view(targets=[0])
    lview.label = "left"
    ar = lview.apply_async(begin_and_wait_for, begun, gate)
    rc.queue_status()  # behind the submission
    print("submitted", flush=True)
    ar.wait()
"""

TAKER = (
    LEAVER
    + """
    ar.get()
    for _ in range(3):  # these confirm it, and tell the engine what it may forget
        rc[0].apply_sync(abs, 1)
    print("taken", flush=True)
    signal.pause()
"""
)


FAILER = LEAVER.replace("begin_and_wait_for", "fail_the_first_time").replace(
    "targets=[0]", "retries=1"
)


@contextmanager
def writing_nothing(client: Client) -> Iterator[None]:
    """Keep the record's writer from writing until the controller is killed here."""
    pid = controller_of(client)
    try:
        with held(pid):
            yield
            os.kill(pid, signal.SIGKILL)
    except PermissionError as error:
        pytest.skip(f"threads cannot be held here: {error}")
    wait_until_gone(pid)
    wait_until(lambda: controller_of(client) not in (0, pid), PATIENCE, "another one")


def log_of(client: Client) -> str:
    """Return what the controller has logged."""
    folder = Path(client.cluster.profile_dir, "log")
    return "".join(file.read_text() for file in folder.glob("ipcontroller*"))


@contextmanager
def running_for(
    rc: Client, text: str, folder: Path, begun: Path, gate: Path
) -> Iterator[Any]:
    """Give a client's script, once its task runs and the record knows of it."""
    where = (rc.cluster.profile_dir, rc.cluster.cluster_id, begun, gate)
    with started_script(folder, text, *where) as script:
        assert first_line(script).strip() == "submitted"
        wait_until(lambda: notes(begun), PATIENCE, "a task that runs")
        for _ in range(3):  # before each answer, the record writes what has aged
            assert len(rc.db_query({"label": "left"}, keys="msg_id")) == 1
        yield script


def test_what_ends_without_its_client_just_before_a_kill_is_not_started_again(
    rc: Client, tmp_path: Path, begun: Path, gate: Path
) -> None:
    where = (tmp_path, begun, gate)
    with running_for(rc, LEAVER, *where) as script:
        script.kill()
        script.communicate()
    wait_until(lambda: "does not return" in log_of(rc), PATIENCE, "a client to be gone")
    with writing_nothing(rc):
        gate.touch()
        for _ in range(3):  # these tell the engine what it may forget
            rc[0].apply_sync(os.getpid)
    pid = rc[0].apply_async(os.getpid).get(timeout=PATIENCE)
    assert rc.get_result(label="left").get(timeout=PATIENCE) == [pid]
    assert notes(begun) == [str(pid)]


def test_what_its_client_had_before_both_were_killed_is_not_started_again(
    rc: Client, tmp_path: Path, begun: Path, gate: Path
) -> None:
    where = (tmp_path, begun, gate)
    with running_for(rc, TAKER, *where) as script:
        with writing_nothing(rc):
            gate.touch()
            assert first_line(script).strip() == "taken"
            script.kill()
        script.communicate()
    pid = rc[0].apply_async(os.getpid).get(timeout=PATIENCE)
    assert rc.get_result(label="left").get(timeout=PATIENCE) == [pid]
    assert notes(begun) == [str(pid)]


def test_what_a_gone_client_has_left_is_tried_again_after_a_kill(
    rc: Client, tmp_path: Path, begun: Path, gate: Path
) -> None:
    with running_for(rc, FAILER, tmp_path, begun, gate) as script:
        script.kill()
        script.communicate()
    before = controller_of(rc)
    os.kill(before, signal.SIGKILL)
    wait_until_gone(before)
    gate.touch()
    (pid,) = rc.get_result(label="left").get(timeout=PATIENCE)
    first, second = notes(begun)
    assert first != second == str(pid)


def folder_of(client: Client) -> Path:
    """Return where a cluster has its socket, its roster and its record."""
    (url,) = client._connection._info.urls
    return Path(url.removeprefix("ipc://")).parent


def relies(client: Client) -> bool:
    """Tell whether the next controller will hear that only the record has something."""
    roster = json.loads((folder_of(client) / "roster.json").read_text())
    return bool(roster["relies"])


@pytest.fixture
def away(rc: Client, tmp_path: Path) -> Iterator[tuple[Client, Relay]]:
    """Return another client, and the way to the controller that it has to itself."""
    info = rc._connection._info
    relay = Relay(info.urls[0])
    folder = Path(rc.cluster.profile_dir, "security")
    file = next(folder.glob("*-client.json"))
    try:
        with Client(relay.lead_over(file, tmp_path / "client.json")) as client:
            yield client, relay
    finally:
        relay.close()


@pytest.mark.parametrize("is_recorded", [True, False])
def test_what_ends_while_its_client_is_away_is_started_once_without_the_record(
    rc: Client, away: tuple[Client, Relay], begun: Path, gate: Path, is_recorded: bool
) -> None:
    client, relay = away
    lview = client.load_balanced_view(targets=[0], engine_retries=0)
    ar = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), PATIENCE, "a task that runs")
    relay.cut("closed")
    gate.touch()
    wait_until(lambda: relies(rc), PATIENCE, "its client to be given up")
    for _ in range(3):  # these tell the engine what it may forget
        pid = rc[0].apply_sync(os.getpid)
    if not is_recorded:
        for file in folder_of(rc).glob("tasks.db*"):
            file.unlink()
    before = controller_of(rc)
    os.kill(before, signal.SIGKILL)
    wait_until_gone(before)
    relay.heal()
    if is_recorded:
        assert ar.get(timeout=PATIENCE) == pid
    else:
        with pytest.raises(EngineError, match="the record of tasks was lost"):
            ar.get(timeout=PATIENCE)
    assert notes(begun) == [str(pid)]
