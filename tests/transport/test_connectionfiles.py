"""Connection files are private, waited for, and told by name when they lack."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from parallel.errors import ConnectionRefused, ControllerUnreachable
from parallel.protocol.connection import ConnectionInfo, to_json
from parallel.transport.connectionfiles import (
    read_connection_file,
    write_connection_files,
)
from parallel.transport.keys import new_keys
from parallel.transport.locations import connection_file
from parallel.transport.privatefiles import write_private

INFO = new_keys().info("client", "", ["ipc:///socket"], encrypted=False)


def test_connection_files_are_private_and_read_again(tmp_path: Path) -> None:
    keys = new_keys()
    infos = [
        keys.info(role, "id", ["tcp://host:1"], encrypted=True)
        for role in ("client", "engine")
    ]
    paths = write_connection_files(tmp_path, infos)
    assert [read_connection_file(path) for path in paths] == infos
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]


def test_a_file_that_lacks_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    path = connection_file(tmp_path, "id", "client")
    with pytest.raises(ControllerUnreachable) as caught:
        read_connection_file(path)
    assert str(caught.value) == (
        f"no connection file {path} after 0 s. Is a cluster of this profile and "
        "cluster id running? Start one with `ipcluster start --cluster-id=id`; "
        "files found there: none"
    )
    there = tmp_path / "profile_runs"
    other = new_keys().info("client", "o", ["ipc:///socket"], encrypted=False)
    write_connection_files(there, [INFO, other])
    with pytest.raises(ControllerUnreachable) as caught:
        read_connection_file(connection_file(there, "id", "client"))
    assert str(caught.value).endswith(
        "there: ipcontroller-client.json (Client(profile='runs')), "
        "ipcontroller-o-client.json (Client(profile='runs', cluster_id='o'))"
    )


def test_the_command_that_would_start_the_cluster_is_told(tmp_path: Path) -> None:
    for profile, cluster_id, line in [
        ("default", "", "ipcluster start"),
        ("runs", "", "ipcluster start --profile=runs"),
        ("default", "a-b", "ipcluster start --cluster-id=a-b"),
    ]:
        path = connection_file(tmp_path / f"profile_{profile}", cluster_id, "client")
        with pytest.raises(ControllerUnreachable, match=f"with `{line}`;"):
            read_connection_file(path)


def test_a_file_is_waited_for(tmp_path: Path) -> None:
    found: list[ConnectionInfo] = []
    path = connection_file(tmp_path, "", "client")
    thread = threading.Thread(
        target=lambda: found.append(read_connection_file(path, 10))
    )
    thread.start()
    write_connection_files(tmp_path, [INFO])
    thread.join(10)
    assert found == [INFO]


def test_a_long_wait_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = connection_file(tmp_path, "", "client")
    text = to_json(INFO)
    monkeypatch.setattr(time, "sleep", lambda _: write_private(path, text))
    assert read_connection_file(path, timeout=2) == INFO
    said = f"Waiting for connection file: {path} (2 s at most)\n"
    assert capsys.readouterr().out == said


def test_a_file_of_another_kind_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("{}")
    with pytest.raises(ConnectionRefused, match=f"^{path} is not a connection file"):
        read_connection_file(path, timeout=60)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectionRefused, match=f"^cannot read {tmp_path}: Is a dir"):
        read_connection_file(tmp_path, timeout=60)
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "below.json"
    with pytest.raises(ConnectionRefused, match=f"^cannot read {below}: Not a dir"):
        read_connection_file(below, timeout=60)
