"""A file that was cut short, or in which a byte is wrong, is an error in words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallel.cluster.cluster import Cluster
from parallel.cluster.lastrun import LastRun, read_last_run
from parallel.cluster.records import ClusterRecord, read_record
from parallel.controller.muster import Muster
from parallel.errors import LauncherError, ParallelError
from parallel.protocol.messages import EngineInfo
from parallel.transport.connectionfiles import (
    read_connection_file,
    write_connection_files,
)
from parallel.transport.keys import new_keys

pytestmark = pytest.mark.slow

KEYS = new_keys()


def damaged(text: bytes) -> Iterator[bytes]:
    """Yield a text cut off at each byte, and with each byte replaced by others."""
    yield from (text[:at] for at in range(len(text)))
    for at in range(len(text)):
        yield from (text[:at] + bytes([b]) + text[at + 1 :] for b in (0, 34, 255))


def nothing_else_is_raised(path: Path, read: Callable[[], object]) -> int:
    """Read all damaged forms of a file; return in how many of them nobody saw it."""
    whole = path.read_bytes()
    assert read() is not None
    unseen, said = 0, []
    for text in damaged(whole):
        path.write_bytes(text)
        try:
            unseen += read() is not None
        except ParallelError as error:
            said.append(str(error))
    path.write_bytes(whole)
    assert all(str(path) in words for words in said)
    return unseen


@pytest.fixture
def record(tmp_path: Path) -> ClusterRecord:
    (tmp_path / "security").mkdir()
    record = ClusterRecord(
        cluster_id="x", profile_dir=str(tmp_path), runtime_dir="/run", host="here",
        pid=1, started=2, n=3, urls=["ipc:///run/c"],
    )  # fmt: skip
    record.write()
    return record


def test_connection_files(tmp_path: Path) -> None:
    info = KEYS.info("client", "", ["tcp://host:1"], encrypted=True)
    (path,) = write_connection_files(tmp_path, [info])
    whole = len(path.read_bytes())
    unseen = nothing_else_is_raised(path, lambda: read_connection_file(path))
    assert unseen < 3 * whole  # a letter within a name is all that can be overlooked


def test_cluster_files(record: ClusterRecord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "parallel.cluster")
    nothing_else_is_raised(record.path, lambda: read_record(record.path))


def test_a_damaged_cluster_file_is_told(
    record: ClusterRecord, caplog: pytest.LogCaptureFixture
) -> None:
    record.path.write_bytes(b"\xff")
    assert read_record(record.path) is None
    assert f"{record.path} is damaged, and of no use" in caplog.text
    assert "so its cluster has ended: remove the file" in caplog.text


def test_what_to_do_about_a_damaged_cluster_file_is_told(record: ClusterRecord) -> None:
    record.path.write_bytes(record.path.read_bytes()[:-9])
    client = record.path.parent / "ipcontroller-x-client.json"
    client.touch()
    with pytest.raises(LauncherError, match="is damaged") as caught:
        Cluster.from_file(record.path)
    assert f"""Client("{client}").shutdown(hub=True)'""" in str(caught.value)


def test_a_cluster_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match=f"^cannot read {tmp_path}: Is a dir"):
        read_record(tmp_path)


def test_what_the_last_controller_left(tmp_path: Path) -> None:
    (tmp_path / "security").mkdir()
    LastRun(
        cluster_id="", profile_dir=str(tmp_path), epoch=1, urls=["tcp://host:1"],
        keys=KEYS, location="host", runtime_dir="", host="here", pid=1, started=2,
    ).write()  # fmt: skip
    path = tmp_path / "security" / "controller.json"
    nothing_else_is_raised(path, lambda: read_last_run(tmp_path, ""))


def test_rosters(tmp_path: Path) -> None:
    path = tmp_path / "roster.json"
    muster = Muster(path)
    muster.join(EngineInfo(0, b"u" * 16, "here", 1))
    muster.save()
    nothing_else_is_raised(path, lambda: Muster(path, epoch=2))
