"""Jobs that a batch system does not end at once: they are cancelled again, and told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parallel.cluster.launchers import batch
from parallel.cluster.launchers.schedulers import SGELauncher
from parallel.errors import LauncherError
from tests.cluster.launchers.conftest import Script

QSTAT = """<job_info><job_list><JB_job_number>{job}</JB_job_number>
<state>{state}</state></job_list></job_info>"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where to write the commands of a batch system; `qsub` is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(batch, "ASK_AGAIN", 0.1)
    command(folder, "qsub", "echo 7")
    return folder


def command(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\ncd {folder}\n{body}\n")
    (folder / name).chmod(0o755)


def test_what_its_system_has_not_heard_to_end_is_cancelled_again(
    script: Script, fake: Path
) -> None:
    there = QSTAT.format(job=7, state="t")
    command(fake, "qdel", "echo $1 >>deleted")
    gone = "[ $(wc -l <deleted) = 2 ] && echo '<job_info/>'"
    command(fake, "qstat", f"{gone} || echo '{there}'")
    command(fake, "qacct", "exit 1")
    launcher = SGELauncher(script)
    launcher.start(1)
    launcher.stop()
    assert (fake / "deleted").read_text().split() == ["7", "7"]


def test_what_does_not_end_is_told_with_its_state_and_with_what_was_said(
    script: Script, fake: Path
) -> None:
    command(fake, "qdel", "[ ! -e once ] || { echo it is busy; exit 1; }; touch once")
    command(fake, "qstat", f"echo '{QSTAT.format(job=7, state='dt')}'")
    launcher = SGELauncher(script, stop_timeout=1)
    launcher.start(1)
    with pytest.raises(
        LauncherError, match=r"7 \(dt\)\n.*qdel.*status 1.*\nit is busy"
    ):
        launcher.stop()
