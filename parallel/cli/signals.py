"""SIGINT, SIGTERM and SIGHUP as one exception: `finally` cleans up after each."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import Any

__all__ = ["Signalled", "Signals"]

#: What `ipcluster start` hands on to its engines.
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signalled(BaseException):
    """Raised in the main thread by the first signal that ends a command."""

    def __init__(self, signum: int) -> None:
        self.signal = signal.Signals(signum)
        super().__init__(f"got {self.signal.name}")

    @property
    def status(self) -> int:
        """What a shell calls the exit status of a process that a signal ended."""
        return 128 + self.signal


class Signals:
    """The ending signals, from now on: the first raises, further ones do nothing.

    The end is under way then: a second Ctrl-C must not end the cleaning up. SIGHUP
    stays ignored where `nohup` said so.
    """

    def __init__(self) -> None:
        self._got: int | None = None
        self._passed: list[int] = []
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before: dict[int, Any] = {}
        for signum in ENDING:
            known = signal.getsignal(signum)
            if signum != signal.SIGHUP or known is not signal.SIG_IGN:
                self._before[signum] = signal.signal(signum, self._on_signal)

    def fileno(self) -> int:
        """Return a descriptor that can be read once a signal has come.

        One that comes just before a wait begins raises only after it: so that has to
        wait for this descriptor too.
        """
        return self._read

    def raise_if_any(self) -> None:
        """Raise if a signal has come, should the exception have been lost.

        Python does not let an exception out of a `__del__`, for one.
        """
        if self._got is not None:
            raise Signalled(self._got)

    def pass_on(self) -> None:
        """Take note from now on of those that are meant for others: see `passed`."""
        for signum in PASSED_ON:
            self._before[signum] = signal.signal(
                signum, lambda signum, _: self._passed.append(signum)
            )

    def passed(self) -> list[int]:
        """Return those for others that have come since it was asked last."""
        if self._got is None and self._passed:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 512)  # or a wait for it would end at once
        found, self._passed = self._passed, []
        return found

    def settle(self) -> None:
        """Raise if a signal has come; those that come from now on are too late.

        Also at the interpreter's end, which would let a handler of ours go.
        """
        for signum in ENDING:
            signal.signal(signum, signal.SIG_IGN)
        self.raise_if_any()

    def restore(self) -> None:
        """Handle signals as before."""
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._got is None:
            self._got = signum
            raise Signalled(signum)
