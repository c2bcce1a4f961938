"""The package's commands, run as a user runs them, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.waiting import wait_until

#: Seconds for a command to end.
TIMEOUT = 60

MODULES = {
    "ipcluster": "parallel.cluster",
    "ipcontroller": "parallel.controller",
    "ipengine": "parallel.engine",
}


#: A warning is an error, but for the one that pyzmq gives before it closes a socket
#: that a signal has left: nobody hears of an error there, and it would stay open.
WARNINGS = ["-W", "error", "-W", "default:Unclosed socket:ResourceWarning"]


def words(command: str) -> list[str]:
    """Return the arguments of a process that runs a command line."""
    name, *rest = shlex.split(command)
    return [sys.executable, *WARNINGS, "-m", MODULES[name], *rest]


def run(
    command: str, status: int = 0, env: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Run a command to its end; return what it wrote to stdout and stderr.

    Raises
    ------
    AssertionError
        It ended with another status.
    """
    done = subprocess.run(
        words(command),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stderr}"
    return done.stdout, done.stderr


class Running:
    """A command that runs; what it says is in a file."""

    def __init__(
        self,
        command: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        on_host: Callable[[list[str]], list[str]] = list,
    ) -> None:
        self._output = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - see `running`
        self._input = tempfile.TemporaryFile("w+b")  # noqa: SIM115
        self._input.write(stdin)
        self._input.seek(0)
        self.process = subprocess.Popen(
            on_host(words(command)),
            stdin=self._input,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )

    def said(self) -> str:
        """Return all that it has written so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode()

    def wait_for(self, text: str) -> str:
        """Return all that it has written, once that contains a text."""
        wait_until(lambda: text in self.said(), TIMEOUT, f"{text!r} in its output")
        return self.said()

    def end(self, signum: int = signal.SIGTERM, status: int = 0) -> str:
        """Send a signal, wait for the end, and return all that it has written."""
        self.process.send_signal(signum)
        return self.wait(status)

    def wait(self, status: int = 0) -> str:
        """Wait for the end, and return all that it has written."""
        assert self.process.wait(TIMEOUT) == status, self.said()
        return self.said()

    def close(self) -> None:
        """Make sure that it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.close()
        self._input.close()


@contextlib.contextmanager
def running(
    command: str,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    on_host: Callable[[list[str]], list[str]] = list,
) -> Iterator[Running]:
    """Run a command while the block lasts.

    Parameters
    ----------
    on_host
        Gives the command that runs another one on its host.
    """
    process = Running(command, env, stdin, on_host)
    try:
        yield process
    finally:
        process.close()


def security(profile: str = "default") -> list[str]:
    """Return the names of the files that tell of clusters and controllers."""
    folder = Path(os.environ["IPYTHONDIR"]) / f"profile_{profile}" / "security"
    return sorted(path.name for path in folder.glob("*"))


def broken_engines(folder: Path, body: str) -> dict[str, str]:
    """Return an environment in which engines run this code when they should start.

    Python imports `sitecustomize` from PYTHONPATH first of all, also where a cluster's
    processes are started afresh.
    """
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    folder.joinpath("sitecustomize.py").write_text(
        "import sys\n"
        "if any('parallel.cluster.' in word for word in sys.orig_argv):\n"
        "    from parallel.cluster import child\n"
        "    from parallel.engine import engine\n"
        "    def run_engine(spec):\n"
        f"{lines}\n"
        "    child.run_engine = engine.run_engine = run_engine\n"
    )
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), known]))}
