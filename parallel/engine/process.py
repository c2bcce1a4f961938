"""What an engine makes of its process before users' code runs in it."""

from __future__ import annotations

import faulthandler
import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..transport import logs, nesting
from . import publishing
from .breakpoints import refuse_breakpoint
from .ipython import settle_backend
from .turns import CALL, Turns

__all__ = ["prepare_process"]


def prepare_process(
    on_terminate: Callable[[int, FrameType | None], Any], turns: Turns
) -> None:
    """Handle signals, keep the log apart from users' output, give no input."""
    ending = {signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # else `nohup` said so
        ending.add(signal.SIGHUP)
    for signum in ending:
        signal.signal(signum, on_terminate)
    signal.signal(signal.SIGINT, turns.on_signal)
    signal.signal(CALL, turns.on_call)
    _spare_children(ending)
    keep = os.dup(2)
    faulthandler.enable(keep, all_threads=False)
    logs.keep_log(open(keep, "w", buffering=1, closefd=False))  # noqa: SIM115
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = _Nothing(open(0, "rb", closefd=False))  # noqa: SIM115
    sys.argv = [""]
    sys.breakpointhook = refuse_breakpoint
    settle_backend()


class _Nothing(io.TextIOWrapper):
    """Standard input of all tasks, which stays open when one of them ends it."""

    def close(self) -> None:
        """Do nothing, for `quit()` calls it."""


def _spare_children(ours: set[signal.Signals]) -> None:
    """Keep what is this engine's from processes that users' code forks.

    A handler that raises, run in a child before the child has set its own, hangs
    `multiprocessing`: so the signals wait until the fork is over.
    """

    def in_child() -> None:
        nesting.current = publishing.current = None
        for signum in ours:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ours),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ours),
        after_in_child=in_child,
    )
