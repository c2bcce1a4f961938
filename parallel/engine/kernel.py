"""An engine as a Jupyter kernel: consoles and notebooks run cells between its tasks.

A thread of its own talks with them and answers what needs no Python of the user's, so
that they can connect while a task runs. Cells, completions and the like wait for
the main thread, which looks for them between two tasks.
"""

from __future__ import annotations

import builtins
import contextlib
import getpass
import logging
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ..errors import NotAvailable
from ..protocol.views import without_view
from ..transport.holding import folder_above_sockets
from ..transport.jupyter import Said, Wire
from . import publishing
from .answers import ANSWERS, describe, traceback_lines
from .frontends import PRINTED_EVERY, FrontEnds
from .postmortem import keep_error
from .sources import Sources

__all__ = ["Kernel", "KernelHost"]

log = logging.getLogger("parallel.engine")

#: What is said last leaves within this, seconds.
LEAVING = 0.2


class KernelHost(Protocol):
    """What a kernel needs of its engine."""

    def take_text(self) -> tuple[str, str]:
        """Return what was printed by no task: stdout, stderr."""

    def lend_output(self) -> None:
        """Have what is printed from now on belong to no task."""

    def wake(self) -> None:
        """Have the main thread look for cells, if it has nothing else to do."""


class Kernel:
    """The kernel of an engine.

    Parameters
    ----------
    path
        Of its connection file.
    ip
        Where it listens; empty for sockets in a private folder.
    """

    def __init__(self, host: KernelHost, sources: Sources, path: Path, ip: str) -> None:
        self._host = host
        self._sources = sources
        self.path = path
        self._folder = Path(
            tempfile.mkdtemp(prefix="kernel-", dir=folder_above_sockets())
        )
        try:
            self._wire = Wire(path, ip, self._folder)
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        #: What the main thread is to do.
        self.requests: deque[Said] = deque()
        #: Those that talk with it.
        self.ends = FrontEnds(self._wire, host.take_text)
        self._request: Said | None = None
        #: Whether the cell wants its front end to end.
        self._leaves = False
        self._ended = False
        self._main = threading.main_thread().ident or 0
        self._at_once: dict[str, Callable[[Said], dict[str, Any]]] = {
            "kernel_info_request": describe,
            "comm_info_request": lambda _: {"status": "ok", "comms": {}},
            "history_request": lambda _: {"status": "ok", "history": []},
            "interrupt_request": self._interrupt,
            # The engine is its cluster's, and goes on.
            "shutdown_request": lambda said: {"status": "ok", **said.content},
        }
        self._thread = threading.Thread(target=self._serve, daemon=True, name="kernel")
        self._thread.start()

    # In its own thread

    def _serve(self) -> None:
        while not self._ended:
            busy = self._request is not None
            for said in self._wire.wait(PRINTED_EVERY if busy else 60.0):
                try:
                    self._hear(said)
                except Exception:
                    log.exception("a kernel's client has said something odd")
            if busy:
                self.ends.tell_printed()
        self._wire.wait(0)
        self._wire.close()

    def _hear(self, said: Said) -> None:
        if said.channel == "stdin":
            self.ends.inputs.put(str(said.content.get("value", "")))
        elif said.kind in self._at_once:
            with self.ends.answering(said):
                self.ends.reply(said, self._at_once[said.kind](said))
        elif said.kind in ANSWERS or said.kind == "execute_request":
            self.requests.append(said)
            self._host.wake()

    def _interrupt(self, _: Said) -> dict[str, Any]:
        if self._request is not None:  # tasks are their clients' to interrupt
            signal.pthread_kill(self._main, signal.SIGINT)
        return {"status": "ok"}

    # In the main thread

    def serve(self) -> None:
        """Do what was asked for."""
        while self.requests:
            said = self.requests.popleft()
            with self.ends.answering(said):
                if said.kind == "execute_request":
                    self._execute(said)
                else:
                    self._answer(said)

    def _answer(self, said: Said) -> None:
        try:
            with _interruptible():
                content = ANSWERS[said.kind](self._shell, said.content)
        except (Exception, KeyboardInterrupt) as error:
            content = _told(error)
        self.ends.reply(said, content)

    @property
    def _shell(self) -> Any:
        shell = self._sources.shell
        if shell is None:
            raise NotAvailable("IPython's shell is not there")
        return shell.ipython

    def _execute(self, said: Said) -> None:
        asked = said.content
        code, silent = str(asked.get("code", "")), bool(asked.get("silent"))
        self._host.lend_output()
        self.ends.parent, count = said.header, self._shell.execution_count
        if not silent:
            told = {"code": code, "execution_count": count}
            self.ends.tell("execute_input", told)
        content: dict[str, Any] = {"execution_count": count}
        try:
            with self._cell(said), _interruptible():
                found = self._sources.shell.run(code, silent)  # type: ignore[union-attr]
                expressions = asked.get("user_expressions") or {}
                told = self._shell.user_expressions(expressions)
            leave = [{"source": "ask_exit", "keepkernel": True}] * self._leaves
            content |= {"status": "ok", "user_expressions": told, "payload": leave}
            self.ends.tell_printed()
            if found["execute_result"] is not None:
                result = {**found["execute_result"], "execution_count": count}
                result["data"] = without_view(result["data"])
                self.ends.tell("execute_result", result)
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            self.ends.tell_printed()
            keep_error(error)
            content |= _told(error)
            self.ends.tell("error", content)
            if asked.get("stop_on_error", True):
                self._abort()
        self.ends.reply(said, content)

    def _abort(self) -> None:
        """Give up what was asked for behind a cell that failed."""
        waiting, self.requests = self.requests, deque()
        for said in waiting:
            self.ends.reply(said, {"status": "aborted"})

    @contextlib.contextmanager
    def _cell(self, said: Said) -> Iterator[None]:
        """Have what a cell displays and asks for go to its front end."""
        before = publishing.current, builtins.input, getpass.getpass
        publishing.current = self.ends
        builtins.input = lambda prompt="", /: self._ask(str(prompt))
        getpass.getpass = lambda prompt="Password: ", _=None: self._ask(prompt, True)  # type: ignore[assignment]
        self._request, self._leaves = said, False
        self._shell.ask_exit = self._leave  # `exit` ends the front end alone
        self._wire.wake()  # from now on it looks for what is printed
        try:
            yield
        finally:
            self._request = None
            del self._shell.ask_exit
            publishing.current, builtins.input, getpass.getpass = before

    def _leave(self) -> None:
        self._leaves = True

    def _ask(self, prompt: str, password: bool = False) -> str:
        return self.ends.ask(self._request, prompt, password=password)

    def close(self) -> None:
        """End it, and remove its files."""
        self._ended = True
        self._wire.wake()
        self._thread.join(LEAVING)
        with contextlib.suppress(OSError):
            self.path.unlink()
        shutil.rmtree(self._folder, ignore_errors=True)


def _told(error: BaseException) -> dict[str, Any]:
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": traceback_lines(error),
    }


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Have SIGINT raise a `KeyboardInterrupt`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
