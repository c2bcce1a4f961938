"""Threads of other processes, held by the kernel: what they do waits, nothing else."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_until

__all__ = ["held"]

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
#: Threads count as children, too.
ALL = 0x40000000
#: The system call of who waits for a lock: such a thread does not hold Python's own.
FUTEX = "202" if os.uname().machine == "x86_64" else "98"


@contextmanager
def held(pid: int) -> Iterator[None]:
    """Hold all threads of a Python process but its main one, and libzmq's.

    Each is held as it waits for something. By the end the process may have been killed.

    Raises
    ------
    PermissionError
        The kernel does not let this process do so.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def trace(request: int, thread: int) -> None:
        none = ctypes.c_void_p(0)
        if libc.ptrace(request, thread, none, none):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    stopped: list[int] = []

    def hold(thread: int) -> bool:
        """Stop a thread; let it go if it was stopped in the middle of something."""
        trace(SEIZE, thread)
        trace(INTERRUPT, thread)
        os.waitpid(thread, ALL)
        if _waits(pid, thread):
            stopped.append(thread)
            return True
        trace(DETACH, thread)
        return False

    try:
        for thread in _threads(pid):
            wait_until(lambda thread=thread: hold(thread), what="a thread that waits")
        yield
    finally:
        for thread in stopped:
            try:
                trace(DETACH, thread)
            except ProcessLookupError:  # it was killed: nobody else is told before this
                os.waitpid(thread, ALL)


def _threads(pid: int) -> list[int]:
    """Return the threads that run Python, but the main one."""
    tasks = Path(f"/proc/{pid}/task")
    names = {int(each.name): (each / "comm").read_text() for each in tasks.iterdir()}
    return [
        thread
        for thread, name in names.items()
        if thread != pid and not name.startswith("ZMQ")
    ]


def _waits(pid: int, thread: int) -> bool:
    words = Path(f"/proc/{pid}/task/{thread}/syscall").read_text().split()
    return words[0] == FUTEX
