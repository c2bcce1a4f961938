"""Profiles are where IPython's are, and files in them have names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parallel.transport.locations import (
    cluster_file,
    connection_file,
    ipython_dir,
    log_file,
    make_profile,
    profile_dir,
)


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
    assert (folder / "security").stat().st_mode & 0o777 == 0o700


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
