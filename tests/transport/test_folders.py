"""Folders are their owner's, or are refused in words."""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.errors import LauncherError
from parallel.transport.connectionfiles import (
    read_connection_file,
    write_connection_files,
)
from parallel.transport.folders import close_to_others, make_folder
from parallel.transport.holding import make_runtime_dir
from parallel.transport.locations import make_profile
from parallel.transport.privatefiles import write_private
from tests.transport.test_connectionfiles import INFO


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_new_profile_is_its_owners_only(tmp_path: Path) -> None:
    profile = make_profile(tmp_path / "above" / "profile_mine")
    made = [profile.parent, profile, *profile.iterdir()]
    assert {mode(folder) for folder in made} == {0o700}


@pytest.mark.usefixtures("umask")
def test_a_folder_for_sockets_is_its_owners_only() -> None:
    folder = make_runtime_dir()
    assert mode(folder) == 0o700
    folder.rmdir()


def test_what_all_could_write_to_becomes_ones_own(tmp_path: Path) -> None:
    profile = make_profile(tmp_path)
    for folder in (profile, *profile.iterdir()):
        folder.chmod(0o777)
    make_profile(profile)
    assert mode(profile / "security") == 0o700
    assert mode(profile) == mode(profile / "log") == 0o775


def test_the_keys_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_profile(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(LauncherError) as caught:
        make_profile(tmp_path)
    assert f"{tmp_path / 'security'} belongs to user {os.getuid()}" in str(caught.value)
    assert "--profile-dir" in str(caught.value)


def test_a_file_system_that_keeps_no_permissions_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    with pytest.warns(RuntimeWarning, match="its file system keeps no permissions"):
        close_to_others(tmp_path)


@pytest.mark.parametrize("kind", ["file", "dangling", "loop"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.touch()
    else:
        place.symlink_to(place if kind == "loop" else tmp_path / "nowhere")
    with pytest.raises(LauncherError, match=f"{place}.*--profile-dir"):
        make_folder(place / "below")


def test_a_folder_that_cannot_be_made_is_told() -> None:
    with pytest.raises(
        LauncherError, match="cannot make the folder /proc/nowhere/below: "
    ):
        make_folder(Path("/proc/nowhere/below"))


def test_another_process_may_make_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def late(folder: Path, mode: int) -> None:
        make(folder)
        make(folder)

    monkeypatch.setattr(Path, "mkdir", late)
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_sockets_are_not_put_where_all_could_replace_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o777)
    with pytest.raises(LauncherError, match=rf"`chmod \+t {tmp_path}`"):
        make_runtime_dir()
    tmp_path.chmod(0o1777)
    make_runtime_dir().rmdir()
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(LauncherError, match=r"sockets in /proc: .*TMPDIR"):
        make_runtime_dir()


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("mine")
    link.symlink_to(victim)
    write_private(link, b"text")
    assert victim.read_text() == "mine"
    assert link.read_bytes() == b"text"
    assert not link.is_symlink()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(LauncherError, match=f"^cannot write {place}: Is a directory"):
        write_private(place, b"text")
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("shown", [0o604, 0o602, 0o666])
def test_who_reads_keys_that_all_can_read_is_warned(tmp_path: Path, shown: int) -> None:
    (path,) = write_connection_files(tmp_path, [INFO])
    path.chmod(shown)
    with pytest.warns(RuntimeWarning, match=f"`chmod 600 {path}`"):
        assert read_connection_file(path) == INFO
    path.chmod(0o640)  # a group was trusted by hand
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_connection_file(path)
