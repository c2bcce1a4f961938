"""`LocalLauncher`: a program as a process of this host."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, ClassVar

from traitlets import Float

from ...errors import LauncherError
from ...transport.locations import log_file
from ...transport.pids import start_time, state_of
from ..ends import last_lines, log_size, say_death
from ..prologue import shell, watched
from ..surroundings import environment_with_package, log_to_write, modules_here
from .job import ENDED, RUNNING, Job
from .launcher import Launcher
from .options import OF_SYSTEMS
from .program import CONTROLLER

__all__ = ["LocalLauncher"]


class LocalLauncher(Launcher):
    """As a process on this host, with a log in the profile's folder."""

    kind = "local"
    sections = ("LocalProcessLauncher",)
    without: ClassVar[frozenset[str]] = OF_SYSTEMS

    stop_seconds_until_kill = Float(
        10.0, min=0, help="Seconds from SIGTERM to SIGKILL."
    ).tag(config=True)

    _process: subprocess.Popen[bytes] | None = None
    _pid = 0
    _started = 0
    _log_begin = 0

    def start(self, n: int | None = None) -> None:
        """Start the process."""
        self.n = n
        words = self.after_prologue(self.command(n))
        environment = self.surroundings()
        self._log_begin = log_size(self.log_file)
        try:
            with os.fdopen(log_to_write(self.log_file), "ab") as output:
                self._process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.folder,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise LauncherError(
                f"cannot start {words[0]} in {self.folder}: {error.strerror}"
            ) from error
        self._pid = self._process.pid
        self._started = start_time(self._pid) or 0

    def command(self, n: int | None) -> list[str]:
        """Return the command that the process runs, word by word."""
        return self.program.words(n, self.python)

    def after_prologue(self, words: list[str]) -> list[str]:
        """Return a command that runs another one once the prologue has been run."""
        if not self.prologue:
            return words
        lines = [*watched(self.prologue, in_bash=shell().endswith("bash")), 'exec "$@"']
        return [shell(), "-c", "\n".join(lines), "sh", *words]

    def surroundings(self) -> dict[str, str]:
        """Return the environment of the process."""
        # What the interpreter here finds is nothing for another one.
        modules = [] if self.python else modules_here()
        return {**environment_with_package(modules), **self.environment_of()}

    def jobs(self) -> list[Job]:
        """Return where the process stands."""
        if not self._pid:
            return []
        if self._process is None:
            code, alive = None, start_time(self._pid) == self._started
        else:  # who waits for it is told; /proc may show its end before that
            code = self._process.poll()
            alive = code is None
        return [
            Job(
                name=str(self._pid),
                n=self.n or 1,
                state=RUNNING if alive else ENDED,
                reason="" if code is None else say_death(self._pid, code),
                exit_code=code,
                last_lines=last_lines(self.log_file, self._log_begin).lstrip("\n"),
            )
        ]

    def stop(self) -> None:
        """End the process, with SIGKILL if it does not by SIGTERM."""
        if self.state != "running":
            return
        deadline = time.monotonic() + self.stop_seconds_until_kill
        self.signal(signal.SIGTERM)
        if state_of(self._pid) == "T":  # only who is stopped: mpiexec may fall over it
            self.signal(signal.SIGCONT)
        while self.running:
            if time.monotonic() > deadline:
                deadline = float("inf")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
            time.sleep(0.01)
        if self.prologue:  # a command of it may have been under way
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def signal(self, signum: int) -> None:
        """Send the process a signal."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signum)

    def detach(self) -> None:
        """Let the process go on when this one ends."""
        if self._process is not None:
            self._process.returncode = 0  # nobody here waits for it
            self._process = None

    def options_to_dict(self) -> dict[str, Any]:
        """Return its options; the folder to work in as it is from anywhere."""
        return {**super().options_to_dict(), "work_dir": str(self.folder)}

    def state_to_dict(self) -> dict[str, Any]:
        """Return what finds the process again, on this host."""
        return {
            "pid": self._pid,
            "started": self._started,
            "host": socket.gethostname(),
            "log_begin": self._log_begin,
        }

    def state_from_dict(self, state: dict[str, Any]) -> None:
        """Take over a process that another one has started.

        Raises
        ------
        LauncherError
            It runs on another host.
        """
        if state["host"] != socket.gethostname():
            raise LauncherError(
                f"process {state['pid']} runs on {state['host']}, and only there can "
                "it be watched and stopped"
            )
        self._pid, self._started = state["pid"], state["started"]
        self._log_begin = state["log_begin"]

    @property
    def pid(self) -> int | None:  # type: ignore[override]
        """The process; None before it is started."""
        return self._pid or None

    @property
    def output_file(self) -> str:
        """The path of its log."""
        return str(self.log_file)

    @property
    def log_file(self) -> Path:
        """Where the process writes what it has to say of itself."""
        program = self.program
        name = "ipcontroller"
        if program.role != CONTROLLER:
            name = f"ipengines-{program.set_id}"
        return log_file(Path(program.profile_dir), name, program.cluster_id)
