"""`ipcontroller --reuse` and `--restore`: the next one is where the last one was."""

from __future__ import annotations

import json
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parallel import AsyncResult, Client, TransportError
from tests.commands import Running, run, running, security
from tests.integration.tasks import begin_and_wait_for, notes
from tests.integration.test_cli_parts import connection_file, speak
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

OURS = [
    "controller.json",
    "ipcontroller-client.json",
    "ipcontroller-engine.json",
    "roster.json",
]


def files() -> dict[str, str]:
    """Return the connection files, by role."""
    return {role: connection_file(role).read_text() for role in ("client", "engine")}


def folders() -> list[Path]:
    """Return the folders of sockets."""
    return list(Path(tempfile.gettempdir()).glob("parallel-*"))


def begin(options: str) -> dict[str, str]:
    """Run a controller to its end in good order; return its connection files."""
    with running(f"ipcontroller {options}") as controller:
        controller.wait_for("listening")
        found = files()
        controller.end()
    return found


@pytest.mark.parametrize("options", ["", "--ip=127.0.0.1"])
@pytest.mark.parametrize("how", ["--reuse", "--restore"])
def test_keys_and_address_stay(options: str, how: str) -> None:
    first = begin(f"{how} {options}")
    assert security() == [name for name in OURS if name != "roster.json"] or (
        security() == OURS
    )
    for name in security():
        assert stat.S_IMODE(
            connection_file("client").with_name(name).stat().st_mode
        ) == (0o600)
    for _ in range(2):
        with running(f"ipcontroller {how}") as controller, running("ipengine") as one:
            controller.wait_for("joined")
            assert files() == first
            with Client() as client:
                client.wait_for_engines(1, timeout=20)
                assert client[-1].apply_sync(speak, "here") == one.process.pid
            controller.end()
            one.wait()


def test_without_it_everything_is_new_and_nothing_stays() -> None:
    first, second = begin(""), begin("")
    assert first != second
    assert security() == []


@pytest.mark.parametrize("options", ["", "--ip=127.0.0.1"])
def test_a_killed_controller_is_followed_at_its_address(options: str) -> None:
    with running(f"ipcontroller {options}") as controller:
        controller.wait_for("listening")
        first = files()
        controller.end(signal.SIGKILL, status=-signal.SIGKILL)
    with running("ipcontroller --restore") as controller, running("ipengine") as one:
        controller.wait_for("joined")
        assert files() == first
        assert json.loads(connection_file("client").with_name("controller.json")
                          .read_text())["epoch"] == 2  # fmt: skip
        with Client() as client:
            client.wait_for_engines(1, timeout=20)
            assert client[-1].apply_sync(speak, "here") == one.process.pid
        controller.end()
        one.wait()
    assert begin("") != first
    assert security() == []


def test_restore_knows_the_engines_that_were_there() -> None:
    with running("ipcontroller --restore") as controller, running("ipengine") as engine:
        controller.wait_for("joined")
        roster = connection_file("client").with_name("roster.json")
        wait_until(lambda: '"started":' in roster.read_text(), what="its name there")
        engine.process.send_signal(signal.SIGSTOP)  # it does not end by itself
        controller.end(signal.SIGKILL, status=-signal.SIGKILL)
        engine.process.kill()
    with running("ipcontroller --restore") as controller:
        said = controller.wait_for("ended while there was no controller")
        assert "engine 0 (pid " in said
        with running("ipengine"):
            assert "engine 1 joined" in controller.wait_for("joined")
            controller.end()


def test_one_that_runs_is_not_followed() -> None:
    with running("ipcontroller") as controller:
        controller.wait_for("listening")
        for how in ("--reuse", "--restore"):
            said = run(f"ipcontroller {how}", status=10)[1]
            assert "is running, and its connection files are these" in said
        controller.end()


def test_what_a_killed_controller_left_is_swept() -> None:
    for sweeper in ("ipcluster list", "ipcontroller"):
        with running("ipcontroller") as controller:
            controller.wait_for("listening")
            (folder,) = folders()
            controller.end(signal.SIGKILL, status=-signal.SIGKILL)
        assert folder.exists()
        if sweeper == "ipcontroller":
            begin("")
        else:
            run(sweeper)
        assert not folder.exists()


def test_what_is_to_be_used_again_is_not_swept() -> None:
    with running("ipcontroller --reuse") as controller:
        controller.wait_for("listening")
        controller.end(signal.SIGKILL, status=-signal.SIGKILL)
    (folder,) = folders()
    run("ipcluster list")
    assert folder.exists()
    begin("--reuse")
    assert not folder.exists()


def test_a_damaged_file_of_the_last_controller_is_told() -> None:
    begin("--reuse")
    file = connection_file("client").with_name("controller.json")
    whole = file.read_bytes()
    for text in (b"", whole[: len(whole) // 2], b"[]", b"\xff"):
        file.write_bytes(text)
        said = run("ipcontroller --reuse", status=1)[1]
        assert len(said.splitlines()) == 1
        assert f"{file}, with the keys of the last controller, cannot be read" in said
    file.write_bytes(whole)
    begin("--reuse")


@pytest.mark.parametrize("what", ["file", "open folder", "link"])
def test_a_folder_that_others_may_have_made_is_refused(
    tmp_path: Path, what: str
) -> None:
    begin("--reuse")
    file = connection_file("client").with_name("controller.json")
    folder = Path(json.loads(file.read_text())["runtime_dir"])
    if what == "file":
        folder.touch()
    elif what == "link":
        folder.symlink_to(tmp_path)
    else:
        folder.mkdir()
        folder.chmod(0o755)
    said = run("ipcontroller --reuse", status=1)[1]
    assert f"socket, {folder}, cannot be used again: " in said
    folder.rmdir() if what == "open folder" else folder.unlink()


def test_what_is_given_wins_over_what_was() -> None:
    first = json.loads(begin("--reuse --ip=127.0.0.1")["client"])
    again = json.loads(begin("--reuse --location=localhost")["client"])
    assert again["urls"] == first["urls"]
    assert (again["location"], again["secret"]) == ("localhost", first["secret"])
    moved = json.loads(begin("--reuse --transport=ipc")["client"])
    assert moved["urls"][0].startswith("ipc://")
    assert moved["secret"] == first["secret"]


@contextmanager
def killed_in_a_task(
    how: str, begun: Path, gate: Path
) -> Iterator[tuple[Client, AsyncResult, Running]]:
    """Kill a controller while an engine runs a task; give client, result and engine."""
    with running(f"ipcontroller {how}") as controller, running("ipengine") as engine:
        controller.wait_for("joined")
        with Client() as client:
            client.wait_for_engines(1, timeout=20)
            ar = client[0].apply_async(begin_and_wait_for, str(begun), str(gate))
            wait_until(lambda: notes(begun), what="a task that runs")
            controller.end(signal.SIGKILL, status=-signal.SIGKILL)
            yield client, ar, engine


@pytest.mark.parametrize("how", ["", "--restore"])
def test_an_engine_and_a_client_find_the_next_controller(
    begun: Path, gate: Path, how: str
) -> None:
    with (
        killed_in_a_task(how, begun, gate) as (client, ar, one),
        running("ipcontroller --restore") as second,
    ):
        second.wait_for("is back")
        gate.touch()
        assert ar.get(timeout=30) == one.process.pid
        assert client[0].apply_sync(speak, "here") == one.process.pid
        second.end()
    assert len(notes(begun)) == 1


def test_a_controller_with_the_same_keys_takes_nothing_up(
    begun: Path, gate: Path
) -> None:
    with (
        killed_in_a_task("--reuse", begun, gate) as (_, ar, one),
        running("ipcontroller --reuse") as second,
    ):
        second.wait_for("listening")
        with pytest.raises(TransportError, match="not to take up what was"):
            ar.get(timeout=30)
        wait_until(lambda: one.process.poll() is not None, what="its end")
        second.end()
