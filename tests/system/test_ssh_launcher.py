"""Programs are started on hosts by ssh, watched, found again, ended; or it is told."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from parallel.cluster.launchers.job import ENDED, RUNNING
from parallel.cluster.launchers.program import CONTROLLER, ENGINES, Program
from parallel.cluster.launchers.ssh import SSHLauncher
from parallel.cluster.prologue import FAILED
from parallel.errors import LauncherError
from parallel.protocol.connection import ConnectionInfo
from parallel.transport.connectionfiles import (
    read_connection_file,
    write_connection_files,
)
from parallel.transport.keys import new_keys
from tests.system.sshd import Sshd, sshd
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.system]

SLEEP = "import time; print('up', flush=True); time.sleep(600)"


class Script(Program, frozen=True, kw_only=True):
    """Some lines of Python in the place of engines."""

    code: str

    def words(self, n: int | None = None, python: str = "") -> list[str]:
        """Return the command that runs them."""
        return [python or sys.executable, "-c", self.code, str(n), *self.arguments]


Make: TypeAlias = Callable[..., SSHLauncher]


@pytest.fixture(scope="module")
def host() -> Iterator[Sshd]:
    with sshd() as host:
        yield host


@pytest.fixture
def make(host: Sshd, tmp_path: Path) -> Iterator[Make]:
    """Give what makes launchers; end what they have started."""
    made = []

    def make(code: str = SLEEP, role: str = ENGINES, **options: Any) -> SSHLauncher:
        program = Script(
            role=role,
            profile_dir=str(tmp_path),
            cluster_id="c",
            set_id="s",
            code=code,
        )
        options = {"ssh_cmd": host.command, "hosts": ["testbed"], **options}
        made.append(SSHLauncher(program, **options))
        return made[-1]

    try:
        yield make
    finally:
        for launcher in made:
            with contextlib.suppress(LauncherError):
                launcher.stop()


def output(launcher: SSHLauncher) -> str:
    """Return what the programs wrote, once they have ended."""
    wait_until(lambda: not launcher.running, what="the end of the programs")
    return launcher.get_output()


def refused(launcher: SSHLauncher, n: int = 1) -> str:
    """Return what is told of a launcher that cannot start."""
    with pytest.raises(LauncherError) as caught:
        launcher.start(n)
    assert not launcher.running
    return str(caught.value)


def left_running(mark: str) -> list[tuple[int, str]]:
    """Return the processes that have a word in their commands."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes().decode(errors="replace")
            if mark in words and file.parent.name != str(os.getpid()):
                found.append((int(file.parent.name), words))
    return found


def test_engines_are_spread_over_the_hosts(make: Make) -> None:
    launcher = make("import sys; print(sys.argv[1])", hosts=["testbed", "root@testbed"])
    launcher.start(3)
    assert output(launcher).split() == ["2", "1"]
    assert [(job.name, job.n) for job in launcher.jobs()] == [
        ("testbed", 2),
        ("root@testbed", 1),
    ]


def test_they_are_told_of_the_controller_by_their_input(
    make: Make, tmp_path: Path
) -> None:
    info = new_keys().info("engine", "c", ["tcp://192.0.2.7:1"], encrypted=True)
    write_connection_files(tmp_path, [info])
    launcher = make("import sys; print(sys.argv[2:], sys.stdin.read())")
    launcher.start(1)
    said = output(launcher)
    assert "--file=-" in said
    assert json.loads(said.partition("]")[2])["secret"] == info.secret


def test_environment_prologue_and_folder_are_as_asked_for(
    make: Make, tmp_path: Path
) -> None:
    launcher = make(
        "import os; print(os.getcwd(), os.environ['A'], os.environ['IPP_CLUSTER_ID'])",
        environment={"A": "it's $HOME"},
        prologue=['A="$A, more"', "echo noise"],
        work_dir=str(tmp_path),
    )
    launcher.start(1)
    assert output(launcher) == f"{tmp_path} it's $HOME, more c"


def test_one_that_ends_early_is_told_of_with_its_last_lines(make: Make) -> None:
    launcher = make("import sys; print('oh no', file=sys.stderr); sys.exit(3)")
    launcher.start(1)
    assert output(launcher) == "oh no"
    (job,) = launcher.jobs()
    assert (job.state, job.exit_code) == (ENDED, 3)
    assert "exited with status 3" in job.reason


def test_another_process_finds_signals_and_ends_them(make: Make) -> None:
    launcher, other = make(), make()
    launcher.start(1)
    state = json.loads(json.dumps(launcher.state_to_dict()))
    launcher.detach()
    other.state_from_dict(state)
    assert other.state == "running"
    other.signal(signal.SIGUSR1)
    wait_until(lambda: other.state == "after", what="its end by the signal")
    assert other.jobs()[0].exit_code == -signal.SIGUSR1
    assert other.get_output() == "up"


def test_what_runs_outlives_the_connection_and_is_seen_again(
    make: Make, host: Sshd
) -> None:
    launcher = make()
    launcher.start(1)
    for pid in host.sessions():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "cannot be seen" in launcher.jobs()[0].reason, what="the cut")
    assert launcher.jobs()[0].state == RUNNING
    wait_until(lambda: not launcher.jobs()[0].reason, what="that it is seen again")
    launcher.stop()
    assert launcher.jobs()[0].state == ENDED


def test_nothing_is_started_once_the_connection_broke(
    make: Make, host: Sshd, tmp_path: Path
) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    wait = f"echo $$ >{begun}; while [ ! -e {gate} ]; do sleep 0.05; done"
    launcher = make(SLEEP + "#2", prologue=[wait])
    with ThreadPoolExecutor(1) as other:
        starting = other.submit(refused, launcher)
        shell = int(wait_until(lambda: begun.exists() and begun.read_text().strip()))
        (ssh,) = (pid for pid, words in left_running("ServerAlive") if is_ours(pid))
        os.kill(ssh, signal.SIGKILL)
        assert "was killed by SIGKILL: " in starting.result(60)
    gate.touch()
    wait_until(lambda: not is_running(shell), what="the end of the shell there")
    assert not left_running("#2")


def is_ours(pid: int) -> bool:
    return f"PPid:\t{os.getpid()}\n" in Path(f"/proc/{pid}/status").read_text()


def is_running(pid: int) -> bool:
    """Tell whether a process runs: one that nobody has waited for does not."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def test_stop_ends_one_that_does_not_listen(make: Make) -> None:
    launcher = make(
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(601)",
        stop_timeout=1.0,
    )
    launcher.start(1)
    launcher.stop()
    assert launcher.jobs()[0].state == ENDED
    wait_until(lambda: not left_running("sleep(601)"), what="its end")


def test_a_host_that_is_gone_is_told_of_when_it_is_to_stop(tmp_path: Path) -> None:
    program = Script(role=ENGINES, profile_dir=str(tmp_path), cluster_id="", code=SLEEP)
    with sshd() as host:
        launcher = SSHLauncher(program, ssh_cmd=host.command, hosts=["testbed"])
        launcher.start(1)
    with pytest.raises(LauncherError, match="told: testbed: ssh ended with status 255"):
        launcher.stop()
    wait_until(lambda: not left_running(SLEEP), what="its end, with the testbed")


def test_a_host_with_many_logins_is_asked_again(tmp_path: Path) -> None:
    with sshd(more="MaxStartups 2:100:2") as host:
        program = Script(
            role=ENGINES, profile_dir=str(tmp_path), cluster_id="", code=SLEEP
        )
        names = [f"root@testbed:{host.port}", "testbed", "root@testbed"]
        names += [f"testbed:{host.port}", f"ssh://testbed:{host.port}"]
        launcher = SSHLauncher(program, ssh_cmd=host.command, hosts=names)
        try:
            launcher.start(5)
            assert [job.state for job in launcher.jobs()] == [RUNNING] * 5
        finally:
            launcher.stop()
        assert not launcher.running


def test_the_files_of_a_controller_are_brought_here(make: Make, tmp_path: Path) -> None:
    there = tmp_path / "there"
    keys = new_keys()
    infos: list[ConnectionInfo] = [
        keys.info(role, "c", ["tcp://192.0.2.7:1"], encrypted=True)
        for role in ("client", "engine")
    ]
    paths = write_connection_files(there, infos)
    launcher = make(role=CONTROLLER, remote_profile_dir=str(there))
    launcher.start()
    launcher.fetch()
    for path, info in zip(paths, infos, strict=True):
        assert read_connection_file(tmp_path / "security" / path.name) == info
    launcher.stop()
    assert not list((tmp_path / "security").iterdir())


# What cannot be


def test_a_key_that_is_refused(make: Make) -> None:
    why = refused(make(hosts=["nobody@testbed"]))
    assert "nobody@testbed: `ssh " in why
    assert "-l nobody" in why
    assert "ended with status 255: " in why
    assert "Permission denied (publickey)" in why
    assert "ssh-copy-id nobody@testbed" in why


def test_a_host_that_is_none(make: Make) -> None:
    why = refused(make(SLEEP + "#1", hosts=["testbed", "far.invalid"]), n=2)
    assert "on 1 of 2 hosts" in why
    assert "Could not resolve hostname far.invalid" in why
    wait_until(lambda: not left_running("#1"), what="the end of the other host's")


def test_a_host_whose_key_is_unknown(make: Make, host: Sshd, tmp_path: Path) -> None:
    command = [*host.command, "-o", f"UserKnownHostsFile={tmp_path}/none"]
    why = refused(make(ssh_cmd=command))
    assert "Host key verification failed" in why


def test_a_python_that_is_not_there(make: Make) -> None:
    why = refused(make(python="/opt/none/python"))
    assert "status 127: there is no /opt/none/python on " in why


def test_a_folder_that_is_not_there(make: Make) -> None:
    assert "status 1: cannot work in /none" in refused(make(work_dir="/none"))


def test_a_prologue_that_ends_it(make: Make) -> None:
    why = refused(make(prologue=["echo no such module >&2; exit 9"]))
    assert "status 9: no such module" in why


def test_a_line_of_a_prologue_that_fails_is_told_with_what_it_wrote(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = make(
        f"import os; print(os.environ['{FAILED}'])",
        prologue=["module() { echo no such $1 >&2; return 3; }", "module typo"],
    )
    launcher.start(1)
    assert output(launcher) == "`module typo` with status 3"
    (told,) = caplog.messages  # also if the program has ended by then
    assert told.startswith("testbed: no such typo\nthis line of the prologue failed")
    assert "status 3" in told
    assert told.endswith("module typo")


def test_an_ssh_that_is_not_there(make: Make) -> None:
    assert "cannot run no-ssh: No such file" in refused(make(ssh_cmd=["no-ssh"]))


def test_no_hosts_at_all(make: Make) -> None:
    assert "SSHLauncher.hosts names them" in refused(make(hosts=[]))


def test_more_engines_than_the_hosts_take(make: Make) -> None:
    why = refused(make(engines={"testbed": 2}), n=3)
    assert why == "3 engines are asked for, and the hosts take 2 (testbed: 2)"


def test_a_controller_that_only_its_own_host_reaches(
    make: Make, tmp_path: Path
) -> None:
    info = ConnectionInfo(
        cluster_id="c",
        urls=["tcp://127.0.0.1:1"],
        role="engine",
        secret="s",
        location="laptop",
        host="laptop",
    )
    write_connection_files(tmp_path, [info])
    why = refused(make())
    assert "the controller listens to laptop only (tcp://127.0.0.1:1)" in why
    assert "ip='*'" in why
