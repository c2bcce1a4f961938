"""A process of one thread that forks others, waits for them, and ends after them."""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from ..transport.pipe import Pipe
from . import child
from .child import ChildSpec

__all__ = ["Parent", "kill_group"]

#: Children end by SIGTERM within this, seconds, or by SIGKILL.
GRACE = 5.0


class Parent(ABC):
    """Serves what can be read, reaps who dies, and stops all when it is told to.

    It has no zmq context, for it forks.

    Parameters
    ----------
    method
        How children are made: `fork` or `spawn`.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self.selector = selectors.DefaultSelector()
        #: When it was told to stop, seconds (monotonic); 0 before.
        self.stopping = 0.0
        self._killed = False
        #: Descriptors that no child may keep.
        self.private: list[int] = []

    @abstractmethod
    def pids(self) -> list[int]:
        """Return the children's processes."""

    @abstractmethod
    def pipes(self) -> list[Pipe]:
        """Return the pipes that no child may keep."""

    @abstractmethod
    def died(self, pid: int, code: int) -> None:
        """Take note of a child's end."""

    def serve(self, begin: Callable[[], object]) -> None:
        """Begin, and go on until it is told to stop and no child is left."""
        self.selector.register(
            self._catch_signals(), selectors.EVENT_READ, self._on_signals
        )
        gc.collect()
        gc.freeze()  # what the children share stays shared
        begin()
        while not self.stopping or self.pids():
            timeout = None
            if self.stopping and not self._killed:
                timeout = max(0.0, self.stopping + GRACE - time.monotonic())
            for key, _ in self.selector.select(timeout):
                key.data()
            if timeout is not None and time.monotonic() > self.stopping + GRACE:
                self._killed = True
                self._send_signal(signal.SIGKILL)

    def _catch_signals(self) -> int:
        read, write = os.pipe()
        for end in (read, write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, lambda *_: None)
        self.private += [read, write]
        self._signals = read
        return read

    def _on_signals(self) -> None:
        for signum in os.read(self._signals, 512):
            if signum != signal.SIGCHLD:
                self.stop()
        self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.died(pid, os.waitstatus_to_exitcode(status))

    def start_child(self, what: ChildSpec, shared: Sequence[int] = ()) -> int:
        """Start a child that holds nothing of this process's; return its pid.

        Parameters
        ----------
        shared
            Descriptors that other children share with this one: not its either.
        """
        pipes = [pipe.fileno() for pipe in self.pipes()]
        closing = [*self.private, *pipes, self.selector.fileno(), *shared]
        return child.start(what, self._method, closing)

    def stop(self) -> None:
        """Have all children end; it ends with the last of them."""
        if not self.stopping:
            self.stopping = time.monotonic()
            self._send_signal(signal.SIGTERM)

    def _send_signal(self, signum: signal.Signals) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
                os.kill(pid, signal.SIGCONT)  # a stopped one must hear it


def kill_group(pid: int) -> None:
    """Kill a child, and all that it has started in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
