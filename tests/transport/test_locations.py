"""Files are where IPython's are, private, and told by name when they lack."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.errors import ConnectionRefused, ControllerUnreachable
from parallel.protocol.connection import ConnectionInfo, to_json
from parallel.transport import locations
from parallel.transport.keys import new_keys
from parallel.transport.locations import (
    cluster_file,
    connection_file,
    ipython_dir,
    log_file,
    make_profile,
    make_runtime_dir,
    profile_dir,
    read_connection_file,
    write_connection_files,
    write_private,
)

INFO = new_keys().info("client", "", ["ipc:///socket"], encrypted=False)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Folders


def test_ipythons_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ipython_dir() == Path(os.environ["IPYTHONDIR"])
    monkeypatch.setenv("IPYTHONDIR", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ipython_dir() == tmp_path / "mine"
    assert ipython_dir("/given") == Path("/given")
    monkeypatch.delenv("IPYTHONDIR")
    assert ipython_dir() == tmp_path / ".ipython"


def test_a_relative_folder_is_seen_from_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ipython_dir("here") == tmp_path / "here"
    assert profile_dir(folder="here") == tmp_path / "here"


def test_a_profiles_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPP_PROFILE_DIR", raising=False)
    ipython = ipython_dir()
    assert profile_dir() == ipython / "profile_default"
    assert profile_dir("mine") == ipython / "profile_mine"
    assert profile_dir("mine", ipython="/other") == Path("/other/profile_mine")
    assert profile_dir("mine", folder="/given") == Path("/given")
    monkeypatch.setenv("IPP_PROFILE_DIR", "/launched")
    assert profile_dir() == Path("/launched")
    assert profile_dir("mine") == ipython / "profile_mine"
    assert profile_dir(folder="/given") == Path("/given")


def test_a_profile_is_made_and_what_is_there_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "profile_mine"
    assert make_profile(folder) == folder
    (folder / "startup" / "first.py").touch()
    make_profile(folder)
    assert (folder / "startup" / "first.py").exists()
    assert {each.name for each in folder.iterdir()} == {
        *("security", "log", "pid", "startup")
    }
    assert mode(folder / "security") == 0o700


def test_a_folder_for_sockets_is_private_and_short() -> None:
    folder = make_runtime_dir()
    try:
        assert mode(folder) == 0o700
        assert folder.name.startswith(locations.RUNTIME_PREFIX)
        assert len(str(folder)) < 80
    finally:
        folder.rmdir()


def test_the_names_of_files(tmp_path: Path) -> None:
    names = [
        connection_file(tmp_path, "", "client"),
        connection_file(tmp_path, "id", "engine"),
        cluster_file(tmp_path, "id"),
        log_file(tmp_path, "controller", ""),
        log_file(tmp_path, "controller", "id"),
    ]
    assert [str(name.relative_to(tmp_path)) for name in names] == [
        "security/ipcontroller-client.json",
        "security/ipcontroller-id-engine.json",
        "security/cluster-id.json",
        "log/controller.log",
        "log/controller-id.log",
    ]


# Writing


@pytest.mark.usefixtures("umask")
def test_a_private_file_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for text in (b"first", b"second"):
        write_private(path, text)
        assert path.read_bytes() == text
        assert mode(path) == 0o600


def test_a_file_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o666)
    write_private(path, b"text")
    assert mode(path) == 0o600


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_private(path, b"first")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_connection_files_are_private_and_read_again(tmp_path: Path) -> None:
    keys = new_keys()
    infos = [
        keys.info(role, "id", ["tcp://host:1"], encrypted=True)
        for role in ("client", "engine")
    ]
    paths = write_connection_files(tmp_path, infos)
    assert [read_connection_file(path) for path in paths] == infos
    assert [mode(path) for path in paths] == [0o600, 0o600]


# Reading


def test_a_file_that_lacks_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    path = connection_file(tmp_path, "id", "client")
    with pytest.raises(ControllerUnreachable) as caught:
        read_connection_file(path)
    assert str(caught.value) == (
        f"no connection file {path} after 0 s. Is a cluster of this profile and "
        "cluster id running? Start one with `ipcluster start --cluster-id=id`; "
        "files found there: none"
    )
    write_connection_files(tmp_path, [INFO])
    with pytest.raises(
        ControllerUnreachable, match=r"there: ipcontroller-client.json$"
    ):
        read_connection_file(path)


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
    assert capsys.readouterr().out == f"Waiting for connection file: {path}\n"


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
