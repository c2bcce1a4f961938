"""Folders of sockets stay while a process holds them, and are swept afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from parallel.transport import holding
from parallel.transport.holding import (
    RUNTIME_PREFIX,
    hold,
    is_abandoned,
    keep,
    make_runtime_dir,
    sweep,
    tend,
)


def test_a_folder_for_sockets_is_private_and_short() -> None:
    folder = make_runtime_dir()
    try:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.name.startswith(RUNTIME_PREFIX)
        assert len(str(folder)) < 80
    finally:
        folder.rmdir()


def test_where_paths_of_temporary_files_are_long_sockets_have_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert holding.folder_above_sockets() == Path("/tmp")
    monkeypatch.setattr(holding, "FALLBACK", tmp_path)
    folder = make_runtime_dir()
    assert folder.parent == tmp_path
    os.close(hold(folder))
    assert sweep() == [folder]


def test_a_folder_that_is_held_stays() -> None:
    folder = make_runtime_dir()
    first, second = hold(folder), hold(folder)
    assert sweep() == []
    os.close(first)
    assert sweep() == []
    os.close(second)
    assert sweep() == [folder]
    assert not folder.exists()


def test_a_folder_is_abandoned_by_all_that_held_it_unless_it_is_kept() -> None:
    folder = make_runtime_dir()
    assert not is_abandoned(folder), "somebody is about to hold it"
    descriptor = hold(folder)
    assert not is_abandoned(folder)
    os.close(descriptor)
    assert not is_abandoned(folder), "somebody may come by hand"
    tend(folder)
    assert is_abandoned(folder)
    assert folder.is_dir()
    keep(folder)
    assert not is_abandoned(folder)
    (folder / "kept").unlink()
    sweep()
    assert is_abandoned(folder)


def test_a_killed_process_holds_nothing() -> None:
    folder = make_runtime_dir()
    text = (
        "import sys, pathlib; from parallel.transport.holding import hold\n"
        "hold(pathlib.Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", text, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert sweep() == []
        process.kill()
    assert sweep() == [folder]


def test_what_is_not_known_for_ours_stays(tmp_path: Path) -> None:
    new = make_runtime_dir()  # and nobody has come to hold it yet
    assert sweep() == []
    new.rmdir()


def test_what_is_kept_for_the_next_controller_stays() -> None:
    folder = make_runtime_dir()
    os.close(hold(folder))
    keep(folder)
    assert sweep() == []
    (folder / "kept").unlink()
    assert sweep() == [folder]
