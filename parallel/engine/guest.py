"""The kernel that an engine may be beside its work, and what it has of the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import NotAvailable
from ..protocol.messages import Output
from .kernel import Kernel
from .output import NOBODY, Capture
from .postmortem import drop_error
from .sender import Sender
from .sources import Sources

__all__ = ["Guest"]


class Guest:
    """Lets a kernel have the main thread between tasks, and what its cells print.

    Parameters
    ----------
    guard
        Has the side thread look after what another thread leaves to be sent.
    wake
        Has the main thread look for cells, if it has nothing else to do.
    """

    def __init__(
        self,
        capture: Capture,
        sender: Sender,
        sources: Sources,
        guard: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._capture = capture
        self._sender = sender
        self._sources = sources
        self._guard = guard
        self.wake = wake
        self._kernel: Kernel | None = None

    def bind(self, path: Path, ip: str) -> Path:
        """Be a kernel from now on, in the main thread; return its connection file.

        Raises
        ------
        NotAvailable
            There is no IPython.
        """
        if self._kernel is None:
            self._sources.make_shell()
            if self._sources.shell is None:
                raise NotAvailable("a kernel needs IPython, where the engine runs")
            self._kernel = Kernel(self, self._sources, path, ip)
        return self._kernel.path

    def serve(self) -> None:
        """Run the cells that wait."""
        if self._kernel is not None and self._kernel.requests:
            self._sender.flush()
            self._kernel.serve()

    def take_output(self) -> list[Output]:
        """Return what tasks have printed; what nobody's task has is the kernel's."""
        task, running, stdout, stderr = self._capture.look()
        if not stdout and not stderr:
            return []
        if task == NOBODY and self._kernel is not None:
            self._kernel.ends.tell_printed((stdout, stderr))
            return []
        return [Output(task, stdout, stderr, running)]

    def take_text(self) -> tuple[str, str]:
        """Return what was printed by no task: stdout, stderr."""
        task, running, stdout, stderr = self._capture.look()
        if task == NOBODY or not (stdout or stderr):
            return stdout, stderr
        self._sender.hold(Output(task, stdout, stderr, running), ())
        self._guard()
        return "", ""

    def lend_output(self) -> None:
        """Have what is printed from now on belong to no task."""
        self._sender.say(self.take_output())
        self._capture.lend()

    def close(self) -> None:
        """End the kernel, and let go of what is kept for it."""
        drop_error()
        if self._kernel is not None:
            self._kernel.close()
