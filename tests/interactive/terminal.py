"""An IPython, or a console of Jupyter, in a real terminal, which tests type into."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pexpect
import psutil

__all__ = ["Terminal"]

#: Seconds that anything may take on a machine that others use.
PATIENCE = 40
#: Ctrl-C is pressed so often in that time, if it is to be heard at a prompt.
ATTEMPTS = 8
PROMPT = r"\nIn \[\d+\]: |^In \[\d+\]: "


SETTINGS = """
c = get_config()
c.TerminalInteractiveShell.simple_prompt = True
c.TerminalInteractiveShell.colors = "linux"
c.TerminalInteractiveShell.confirm_exit = False
c.TerminalIPythonApp.display_banner = False
c.HistoryManager.enabled = False
"""

BEGIN = """
import parallel, time
rc = parallel.Cluster(n=2).start_and_connect_sync()
def divide(n):
    half = n // 2
    return half / (n - n)
"""


class Terminal:
    """An IPython that somebody types into.

    Parameters
    ----------
    folder
        Where it runs.
    is_console
        Whether it is one of Jupyter's, whose cells a kernel runs.
    """

    def __init__(self, folder: Path, *, is_console: bool = False) -> None:
        settings, begin = folder / "settings.py", folder / "begin.py"
        settings.write_text(SETTINGS)
        begin.write_text(BEGIN)
        arguments = ["-m", "IPython", f"--config={settings}", "-i", str(begin)]
        if is_console:
            arguments = ["-m", "jupyter_console", "--simple-prompt"]
        environment = {
            **os.environ, "TERM": "xterm", "COLUMNS": "200",
            "JUPYTER_RUNTIME_DIR": str(folder),
        }  # fmt: skip
        self._child = pexpect.spawn(
            sys.executable, arguments, cwd=str(folder), env=environment,
            encoding="utf-8", timeout=PATIENCE, dimensions=(50, 200), echo=False,
        )  # fmt: skip
        self.seen()
        if is_console:
            self.type("%run -i begin.py")

    def catch_up(self) -> None:
        """Read what another test may have left unread, which has failed then."""
        mark = f"{time.time_ns()}"
        self.start(f"'now' + '{mark}'", f"now{mark}")
        self.seen()

    def seen(self) -> str:
        """Return what is shown until the next prompt."""
        self._child.expect(PROMPT)
        return str(self._child.before)

    def type(self, line: str) -> str:
        """Type a line; return what is shown until the next prompt."""
        self._child.sendline(line)
        return self.seen()

    def start(self, line: str, until: str) -> str:
        """Type a line, and wait for some text; return what is shown up to its end."""
        self._child.sendline(line)
        return self.wait_for(until)

    def press_ctrl_c(self) -> None:
        """Interrupt what is under way."""
        self._child.sendintr()

    def interrupt_kernel(self) -> None:
        """Interrupt what is under way in a console as the console does it for Ctrl-C.

        The key itself may find it at work with a future, for whose lock its handler
        would wait for ever: one of some hundred times on a busy machine.
        """
        (kernel,) = psutil.Process(self._child.pid).children()
        kernel.send_signal(signal.SIGINT)

    def leave_prompt(self) -> str:
        """Press Ctrl-C at a prompt of a task's, as often as it takes.

        Python hears of none that comes just before it begins to read.
        """
        for _ in range(ATTEMPTS):
            self.press_ctrl_c()
            try:
                self._child.expect(PROMPT, timeout=PATIENCE / ATTEMPTS)
            except pexpect.TIMEOUT:
                continue
            shown = str(self._child.before)
            self.catch_up()
            return shown
        raise AssertionError(f"Ctrl-C ends no prompt within {PATIENCE} s")

    def press_ctrl_d(self) -> None:
        """Say that no more is typed."""
        self._child.sendeof()

    def wait_for(self, text: str) -> str:
        """Wait for some text; return what is shown up to its end."""
        self._child.expect_exact(text)
        return str(self._child.before) + text

    def close(self) -> None:
        """Leave, which stops the cluster."""
        try:
            self._child.sendline("rc.cluster.stop_cluster_sync(); exit()")
            self._child.expect(pexpect.EOF)
        finally:
            self._child.close(force=True)
