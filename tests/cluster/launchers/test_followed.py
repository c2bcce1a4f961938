"""What programs that know ipyparallel's launchers ask of one."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from traitlets.config import Config

from parallel.cluster import launcher as doors
from parallel.cluster.launchers.local import LocalLauncher
from parallel.cluster.launchers.program import CONTROLLER, ENGINES, Program
from parallel.cluster.launchers.registry import class_named, find_launcher
from parallel.errors import LauncherError, NotAvailable, NotRunning, TimeoutError
from tests.cluster.launchers.conftest import Script
from tests.waiting import wait_until


def launched(script: Script, line: str, n: int | None = 3) -> LocalLauncher:
    launcher = LocalLauncher(msgspec.structs.replace(script, line=line))
    launcher.start(n)
    return launcher


def test_its_end_is_told_to_all_who_asked(script: Script) -> None:
    launcher = launched(script, "exec sleep 60")
    assert launcher.poll() is None
    assert launcher.stop_data is None
    told: list[dict[str, Any]] = []

    def fail(_: object) -> None:
        raise ValueError("a fault of who asked")

    for callback in (fail, told.append, told.append):
        launcher.on_stop(callback)
    launcher.stop()
    wait_until(lambda: len(told) == 2, 30, "who asked was told")
    launcher.on_stop(told.append)
    first, _, last = told
    assert first == last
    assert first["identifier"] == "ipengines-c-first"
    assert first["exit_code"] == launcher.poll() == -signal.SIGTERM
    (piece,) = first["engines"].values()
    assert "was killed by SIGTERM" in piece["reason"]
    name = f"parallel-{launcher.identifier}"
    names = (each.name for each in threading.enumerate())
    wait_until(lambda: name not in names, 30, "the thread has ended")


def test_its_end_can_be_waited_for(script: Script, tmp_path: Path) -> None:
    line = f"until [ -e {tmp_path}/end ]; do sleep 0.1; done; exit 3"
    launcher = launched(script, line, None)
    with pytest.raises(TimeoutError, match=r"ipengines-c-first runs after 0.2 s"):
        launcher.join_sync(0.2)
    with pytest.raises(TimeoutError):
        asyncio.run(launcher.join(0))
    (tmp_path / "end").touch()
    asyncio.run(launcher.join())
    launcher.join_sync()
    assert launcher.poll() == 3
    told = {"exit_code": 3, "pid": launcher.pid, "identifier": "ipengines-c-first"}
    assert launcher.stop_data == told


def test_another_process_takes_it_over_by_a_dict_while_it_runs(script: Script) -> None:
    launcher = launched(script, "exec sleep 60")
    told = json.loads(json.dumps(launcher.to_dict()))
    again = LocalLauncher.from_dict(told)
    assert (again.pid, again.n, again.running) == (launcher.pid, 3, True)
    again.stop()
    assert not launcher.running
    with pytest.raises(NotRunning, match="ipengines-c-first has ended"):
        LocalLauncher.from_dict(told)
    with pytest.raises(LauncherError, match="no LocalLauncher as its to_dict tells"):
        LocalLauncher.from_dict({"pid": 1})


def test_it_tells_what_it_runs_for_whom_and_where(script: Script) -> None:
    launcher = LocalLauncher(script, environment={"A": "1"})
    assert launcher.profile_dir == script.profile_dir
    assert launcher.cluster_id == "c"
    assert launcher.get_env()["A"] == "1"
    assert launcher.args == launcher.command(None)
    assert launcher.output_file.endswith("log/ipengines-first-c.log")
    assert launcher.connection_files == {
        role: f"{script.profile_dir}/security/ipcontroller-c-{role}.json"
        for role in ("client", "engine")
    }


def test_a_controllers_launcher_waits_for_its_connection_files(tmp_path: Path) -> None:
    program = Program(role=CONTROLLER, profile_dir=str(tmp_path), cluster_id="c")
    launcher: Any = find_launcher("local", CONTROLLER)(program)
    with pytest.raises(OSError, match="ipcontroller-c-client"):
        asyncio.run(launcher.get_connection_info(timeout=0.1))


@pytest.mark.parametrize(
    ("section", "option", "kind"),
    [
        ("BaseLauncher", "output_limit", "local"),
        ("LocalProcessLauncher", "output_limit", "local"),
        ("LocalEngineLauncher", "stop_timeout", "local"),
        ("SSHEngineLauncher", "stop_timeout", "ssh"),
        ("BatchSystemLauncher", "output_limit", "slurm"),
        ("EngineLauncher", "stop_timeout", "mpi"),
    ],
)
def test_configuration_files_name_its_section_as_ever(
    section: str, option: str, kind: str, script: Script
) -> None:
    config = Config({section: {option: 7}})
    launcher = find_launcher(kind, ENGINES)(script, config=config)
    assert getattr(launcher, option) == 7


def test_one_engines_class_is_that_of_a_set() -> None:
    for kind, name in (("local", "LocalEngineLauncher"), ("ssh", "SSHEngineLauncher")):
        assert issubclass(find_launcher(kind, ENGINES), class_named(name))
        assert getattr(doors, name) is class_named(name)
    assert doors.LocalProcessLauncher is LocalLauncher
    assert doors.BatchSystemLauncher is doors.BatchLauncher


def test_there_is_none_for_windows_and_why() -> None:
    for chosen in ("winhpc", "WinHPC", "x.WindowsHPCEngineSetLauncher"):
        with pytest.raises(LauncherError, match="engines do not run on Windows yet"):
            find_launcher(chosen, ENGINES)
    with pytest.raises(NotAvailable, match="no launcher for Windows HPC"):
        doors.WindowsHPCEngineSetLauncher  # noqa: B018
