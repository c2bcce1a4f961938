"""The owner's end of an agent: the process, its pipe, and the lifeline."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import msgspec

from ..errors import LauncherError
from ..protocol.messages import AgentTrouble, Message, Stop, ToOwner, Up
from ..transport.durations import milliseconds
from ..transport.pipe import Pipe
from .agentspec import AgentSpec
from .ends import last_lines, log_size, say_exit
from .surroundings import environment_with_package, log_to_write, program_of

__all__ = ["AgentProcess", "wait_readable"]

#: An agent that has not ended after so long, seconds, is killed.
PATIENCE = 10.0

#: The lifelines that this process holds: what forks from it must not hold them too.
_lifelines: set[int] = set()


class AgentProcess:
    """An agent that this process started; it waits for `begin`.

    Until then it ends with this process, whatever happens.

    Parameters
    ----------
    log
        The file for what it says of itself.
    detached
        It outlives this process; otherwise all ends when this process does, however
        it does, since the kernel closes the lifeline.
    """

    def __init__(self, log: Path, work_dir: str, *, detached: bool) -> None:
        self._log = log
        self._log_begin = log_size(log)
        self._begun = False
        self._gone = False
        #: What it reported and nobody has asked for, oldest first.
        self.troubles: list[AgentTrouble] = []
        self._lifeline: int | None = None
        #: The lifeline's other end, in the agent.
        self._lifeline_there: int | None = None
        ours, agents = socket.socketpair()
        theirs = [agents.fileno()]
        if not detached:
            read, self._lifeline = os.pipe()
            os.set_blocking(read, False)
            _lifelines.add(self._lifeline)
            self._lifeline_there = read
            theirs.append(read)
        self._pipe = Pipe(ours, list[ToOwner])
        self._ours = ours
        try:
            self._process = _run(agents.fileno(), log, work_dir, theirs)
        except BaseException:
            self._pipe.close()
            self._close_lifeline()
            raise
        finally:
            for descriptor in theirs[1:]:
                os.close(descriptor)
            agents.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def begin(self, spec: AgentSpec) -> None:
        """Tell it what to start."""
        spec = msgspec.structs.replace(spec, lifeline=self._lifeline_there)
        body = msgspec.json.encode(spec)
        self._begun = True
        with contextlib.suppress(OSError):  # it died: its pipe and its log say so
            self._ours.sendall(len(body).to_bytes(4, "big") + body)

    def wait_until_up(self, timeout: float) -> list[str]:
        """Wait until the controller listens; return its addresses.

        Raises
        ------
        LauncherError
            It does not: the error says why, with the last lines of its log.
        """
        deadline = monotonic() + timeout
        while True:
            for message in self.wait(deadline - monotonic()):
                if isinstance(message, Up):
                    return message.urls
            self.raise_trouble()
            if monotonic() > deadline:
                raise LauncherError(
                    f"no controller within {timeout:g} s: see {self._log}"
                )

    def wait(
        self, timeout: float | None = None, also: Sequence[int] = ()
    ) -> list[Message]:
        """Wait for what it reports, or for another descriptor; return the reports.

        Parameters
        ----------
        timeout
            Seconds; by default for ever.
        """
        if not self._gone:
            wait_readable([self._pipe.fileno(), *also], timeout)
        return self.look()

    def look(self) -> list[Message]:
        """Take in what it reported, without waiting, and return it."""
        if self._gone or not wait_readable([self._pipe.fileno()], 0):
            return []
        messages = self._pipe.receive()
        if messages is None:
            self._gone = True
            return []
        self.troubles += [m for m in messages if isinstance(m, AgentTrouble)]
        return messages

    def wait_until_gone(self, timeout: float) -> bool:
        """Wait for its end, so many seconds; tell whether it came."""
        deadline = monotonic() + timeout
        while not self._gone and monotonic() < deadline:
            self.wait(deadline - monotonic())
        return self._gone

    def left_in_order(self) -> bool:
        """Tell whether it ended because somebody else told it to."""
        if not self._gone or any(trouble.fatal for trouble in self.troubles):
            return False
        return self._wait() == 0

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
        if self.left_in_order():
            raise LauncherError("the cluster was stopped by somebody else")
        if self._gone:
            raise LauncherError(
                f"the cluster's agent (pid {self.pid} on {socket.gethostname()}) "
                f"{_say_end(self._wait())}{last_lines(self._log, self._log_begin)}"
            )

    def _wait(self) -> int | None:
        """Return its exit status, or None while it has none."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the cluster; return once every process of it is gone."""
        if self._begun:
            self._pipe.send([Stop(hub=True)])
        else:
            with contextlib.suppress(OSError):
                self._ours.shutdown(socket.SHUT_WR)
        self._close_lifeline()
        if not self.wait_until_gone(PATIENCE):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()

    def detach(self) -> None:
        """Let go of it: it goes on by itself."""
        self._pipe.close()
        self._process.returncode = 0  # nobody here waits for it

    def _close_lifeline(self) -> None:
        if self._lifeline in _lifelines:  # not so in a process forked from this one
            _lifelines.discard(self._lifeline)
            os.close(self._lifeline)


def _run(
    pipe: int, log: Path, work_dir: str, descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    with os.fdopen(log_to_write(log), "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", program_of("parallel.cluster.agent"), str(pipe)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=descriptors,
            cwd=work_dir,
            env=environment_with_package(),
            start_new_session=True,
        )


def wait_readable(descriptors: Sequence[int], timeout: float | None) -> bool:
    """Wait until a descriptor can be read, so many seconds at most; tell whether so."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(milliseconds(timeout)))


def _say_end(status: int | None) -> str:
    if status is None:
        return "closed its pipe, but has not ended"
    return say_exit(status)


def _close_lifelines() -> None:
    """Let go of the lifelines in a process that was forked from this one."""
    for descriptor in _lifelines:
        os.close(descriptor)
    _lifelines.clear()


os.register_at_fork(after_in_child=_close_lifelines)
