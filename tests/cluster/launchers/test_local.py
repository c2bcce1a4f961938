"""Processes of this host, by their launcher."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parallel.cluster.launchers.job import ENDED, RUNNING, Job
from parallel.cluster.launchers.local import LocalLauncher
from parallel.cluster.watching import Watch
from parallel.errors import LauncherError
from parallel.transport.pids import state_of
from tests.cluster.launchers.conftest import Script
from tests.waiting import wait_until


def launched(script: Script, line: str, **options: Any) -> LocalLauncher:
    launcher = LocalLauncher(msgspec.structs.replace(script, line=line), **options)
    launcher.start(3)
    return launcher


def ended(launcher: LocalLauncher) -> Job:
    wait_until(lambda: not launcher.running, 30, "its end")
    (job,) = launcher.jobs()
    assert job.state == ENDED
    return job


def test_what_was_not_started_has_no_jobs(script: Script) -> None:
    launcher = LocalLauncher(script)
    assert launcher.jobs() == []
    assert launcher.state == "before"


def test_it_runs_until_it_is_stopped(script: Script) -> None:
    launcher = launched(script, "exec sleep 60")
    (job,) = launcher.jobs()
    assert (job.state, job.n, launcher.state) == (RUNNING, 3, "running")
    launcher.stop()
    (job,) = launcher.jobs()
    assert (job.state, job.exit_code) == (ENDED, -signal.SIGTERM)
    assert launcher.state == "after"
    launcher.stop()  # again, and nothing happens


def test_what_does_not_heed_sigterm_is_killed(script: Script, tmp_path: Path) -> None:
    line = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.1; done"
    launcher = launched(script, line, stop_seconds_until_kill=0.5)
    wait_until(lambda: (tmp_path / "up").exists(), 30, "it ignores SIGTERM")
    launcher.stop()
    assert ended(launcher).exit_code == -signal.SIGKILL


def test_a_stopped_one_ends(script: Script) -> None:
    launcher = launched(script, "exec sleep 60")
    launcher.signal(signal.SIGSTOP)
    launcher.stop()
    assert ended(launcher).exit_code == -signal.SIGTERM


def test_a_failure_is_told_with_its_status_and_last_lines(script: Script) -> None:
    launcher = launched(script, "echo no such license >&2; exit 7")
    job = ended(launcher)
    assert job.failed
    assert job.exit_code == 7
    assert job.reason.startswith(f"exited with status 7 (pid {job.name} on ")
    assert "no such license" in launcher.get_output()


def test_an_end_in_good_order_is_no_failure(script: Script) -> None:
    assert not ended(launched(script, "exit 0")).failed


def test_one_that_ends_while_it_is_looked_at_has_ended_once_its_status_is_known(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launched(script, "exit 7")
    process = launcher._process
    assert process is not None
    wait_until(lambda: state_of(process.pid) == "Z", 30, "its end")
    with monkeypatch.context() as patch:  # it was asked just before
        patch.setattr(process, "poll", lambda: None)
        assert launcher.running
    assert ended(launcher).exit_code == 7


def test_it_sees_its_environment_its_folder_and_its_prologue(
    script: Script, tmp_path: Path
) -> None:
    launcher = launched(
        script,
        'echo "$PWD $IPP_CLUSTER_ID $COLOUR $SHAPE $1"',
        environment={"COLOUR": "red"},
        prologue=["SHAPE=round", "export SHAPE"],
        work_dir=str(tmp_path),
    )
    ended(launcher)
    assert f"{tmp_path} c red round 3" in launcher.get_output()


def test_it_cannot_start_what_is_not_there(script: Script, tmp_path: Path) -> None:
    launcher = LocalLauncher(script, work_dir=str(tmp_path / "nowhere"))
    with pytest.raises(LauncherError, match=r"cannot start /bin/sh in .*nowhere: No"):
        launcher.start(1)
    assert launcher.jobs() == []


def test_another_process_can_take_it_over(script: Script) -> None:
    first = launched(script, "exec sleep 60")
    second = LocalLauncher(script)
    second.state_from_dict(
        msgspec.json.decode(msgspec.json.encode(first.state_to_dict()))
    )
    assert second.jobs()[0].state == RUNNING
    second.signal(signal.SIGINT)
    job = ended(first)
    assert job.exit_code == -signal.SIGINT
    assert second.jobs()[0] == Job(name=job.name, state=ENDED)


def test_a_process_of_another_host_is_not_taken_over(script: Script) -> None:
    state = {"pid": os.getpid(), "started": 1, "host": "elsewhere", "log_begin": 0}
    with pytest.raises(LauncherError, match="runs on elsewhere, and only there"):
        LocalLauncher(script).state_from_dict(state)


def test_what_it_has_no_use_for_is_refused(script: Script) -> None:
    with pytest.raises(LauncherError, match="'local' has no use for queue"):
        LocalLauncher(script, queue="long")
    with pytest.raises(TypeError, match="no option 'enviroment': did you mean 'envi"):
        LocalLauncher(script, enviroment={})
    with pytest.raises(LauncherError, match="cores"):
        LocalLauncher(script, cores="many")


def test_its_options_can_be_written_down(script: Script) -> None:
    launcher = LocalLauncher(script, prologue=["true"], stop_timeout=3)
    options = launcher.options_to_dict()
    assert options == {
        "prologue": ["true"],
        "stop_timeout": 3,
        "work_dir": str(Path.cwd()),
    }
    assert LocalLauncher(script, **options).options_to_dict() == options


def test_who_waits_for_its_engines_is_told_what_it_wrote_though_it_ended_well(
    script: Script,
) -> None:
    launcher = launched(script, "echo no engine here")
    ended(launcher)
    watch = Watch({"engines": launcher})
    watch.look()
    assert (watch.is_over, watch.failed) == (True, [])
    (story,) = watch.ended
    assert "exited with status 0" in story
    assert "no engine here" in story
