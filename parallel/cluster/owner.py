"""The owner's end of an agent: the process, its pipe, and the lifeline."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from time import monotonic

import msgspec
import zmq

from ..errors import LauncherError
from ..protocol.messages import AgentTrouble, Message, Stop, ToOwner, Up
from ..transport.pipe import Pipe
from .agent import AgentSpec

__all__ = ["AgentProcess"]

#: An agent that has not ended after so long, seconds, is killed.
PATIENCE = 10.0


class AgentProcess:
    """An agent that this process started.

    Parameters
    ----------
    detached
        It outlives this process; otherwise all ends when this process does, however
        it does, since the kernel closes the lifeline.
    """

    def __init__(
        self, spec: AgentSpec, log: Path, work_dir: str, *, detached: bool
    ) -> None:
        self._log = log
        self._lifeline: int | None = None
        theirs: list[int] = []
        if not detached:
            read, self._lifeline = os.pipe()
            os.set_blocking(read, False)
            spec = msgspec.structs.replace(spec, lifeline=read)
            theirs.append(read)
        ours, agents = socket.socketpair()
        theirs.append(agents.fileno())
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "parallel.cluster.agent", str(agents.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=theirs,
                cwd=work_dir,
                env=_environment(),
                start_new_session=True,
            )
        agents.close()
        if not detached:
            os.close(read)
        body = msgspec.json.encode(spec)
        with contextlib.suppress(OSError):  # it died: its pipe and its log say so
            ours.sendall(len(body).to_bytes(4, "big") + body)
        self._pipe = Pipe(ours, list[ToOwner])
        self._gone = False
        #: What it reported and nobody has asked for, oldest first.
        self.troubles: list[AgentTrouble] = []
        if self._lifeline is not None:
            os.register_at_fork(after_in_child=self._close_in_child)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_until_up(self, timeout: float) -> list[str]:
        """Wait until the controller listens; return its addresses.

        Raises
        ------
        LauncherError
            It does not: the error says why, with the last lines of its log.
        """
        deadline = monotonic() + timeout
        while True:
            for message in self._read(deadline - monotonic()):
                if isinstance(message, Up):
                    return message.urls
            self.raise_trouble()
            if monotonic() > deadline:
                raise LauncherError(
                    f"no controller within {timeout:g} s: see {self._log}"
                )

    def look(self) -> None:
        """Take in what it reported, without waiting."""
        self._read(0)

    def raise_trouble(self) -> None:
        """Raise what means that the cluster is not, or no longer, there.

        Raises
        ------
        LauncherError
            With what the agent reported, or the end of its log.
        """
        fatal = [trouble.text for trouble in self.troubles if trouble.fatal]
        if fatal:
            raise LauncherError("the cluster ended: " + "\n".join(fatal))
        if self._gone:
            raise LauncherError(
                f"the agent (pid {self.pid} on {socket.gethostname()}) is gone; "
                f"last lines of {self._log}:\n{_tail(self._log)}"
            )

    def _read(self, timeout: float) -> list[Message]:
        if self._gone:
            return []
        poller = zmq.Poller()
        poller.register(self._pipe.fileno(), zmq.POLLIN)
        if not poller.poll(max(0.0, timeout) * 1000):
            return []
        messages = self._pipe.receive()
        if messages is None:
            self._gone = True
            return []
        self.troubles += [m for m in messages if isinstance(m, AgentTrouble)]
        return messages

    def stop(self) -> None:
        """End the cluster; return once every process of it is gone."""
        self._pipe.send([Stop(hub=True)])
        self._close_lifeline()
        deadline = monotonic() + PATIENCE
        while not self._gone and monotonic() < deadline:
            self._read(deadline - monotonic())
        if not self._gone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()

    def detach(self) -> None:
        """Let go of it: it goes on by itself."""
        self._pipe.close()
        self._process.returncode = 0  # nobody here waits for it

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _close_in_child(self) -> None:
        with contextlib.suppress(OSError):
            self._close_lifeline()


def _environment() -> dict[str, str]:
    """Return this process's environment, in which this package can be imported."""
    environment = dict(os.environ)
    home = str(Path(__file__).resolve().parents[2])
    if home not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        known = environment.get("PYTHONPATH", "")
        if home not in known.split(os.pathsep):
            parts = [known, home] if known else [home]
            environment["PYTHONPATH"] = os.pathsep.join(parts)
    return environment


def _tail(log: Path, lines: int = 8) -> str:
    with contextlib.suppress(OSError):
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in text[-lines:])
    return ""
