"""One run of ssh on this host, which tells a shell on another one what to do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from typing import IO

from ...errors import LauncherError
from .remotescripts import ANSWER

__all__ = ["Login"]


class Login:
    """One run of ssh, that is told a script; what it says is kept in files.

    Parameters
    ----------
    words
        The command that logs in.
    script
        What the shell there is to do.
    is_fed
        More is to be said to it: `feed` does, and ends its input.
    shell
        The command that is the shell there.

    Raises
    ------
    LauncherError
        There is no such command.
    """

    def __init__(
        self,
        words: list[str],
        script: str,
        *,
        is_fed: bool = False,
        shell: str = "/bin/sh",
    ) -> None:
        self.words = [*words, shell]
        self._out: IO[bytes] = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - as long
        self._err: IO[bytes] = tempfile.TemporaryFile("w+b")  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                self.words,
                stdin=subprocess.PIPE,
                stdout=self._out,
                stderr=self._err,
                start_new_session=True,
            )
        except OSError as error:
            self._close_files()
            raise LauncherError(f"cannot run {words[0]}: {error.strerror}") from error
        self._say(script)
        if not is_fed:
            self._hush()

    def feed(self, text: str) -> None:
        """Say the last of what is said to it."""
        self._say(text)
        self._hush()

    def _say(self, text: str) -> None:
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            with contextlib.suppress(OSError):  # it has ended, and says why
                stdin.write(text.encode())
                stdin.flush()

    def _hush(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    @property
    def status(self) -> int | None:
        """How ssh has ended, or None if it has not."""
        return self._process.poll()

    def said(self) -> str:
        """Return what was said there so far."""
        return _read(self._out)

    def complained(self) -> str:
        """Return what ssh, and the commands there, wrote to stderr so far."""
        return _read(self._err)

    def answer(self, word: str) -> list[str] | None:
        """Return what follows a word of ours on its line, or None without one."""
        for line in self.said().splitlines():
            if line.startswith(f"{ANSWER} {word}"):
                return line.split()[2:]
        return None

    def wait(self, seconds: float) -> int | None:
        """Wait until ssh has ended; return its status, or None if it has not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def close(self) -> None:
        """End ssh; what it has started goes on."""
        if self._process.poll() is None:
            self._process.terminate()
            if self.wait(5) is None:
                self._process.kill()
                self._process.wait()
        self._hush()
        self._close_files()

    def _close_files(self) -> None:
        self._out.close()
        self._err.close()


def _read(file: IO[bytes]) -> str:
    """Return what a file holds, and leave it to ssh where in it to write on."""
    number = file.fileno()
    return os.pread(number, os.fstat(number).st_size, 0).decode("utf-8", "replace")
