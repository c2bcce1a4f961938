"""What a test may leave behind: nothing.

A sandbox gives a test its own temporary folder and IPython folder, and fails it if,
when it is over and had a moment to clean up, anything is there that was not there
before: a thread, a process, a descriptor (and so a socket or a listening port), a
temporary file, a shared memory segment.

A process is the tests' own if it descends from this one, or if its environment
carries the mark that this one sets: so one that its parents have left is found too.
Processes, descriptors and segments are seen on Linux only.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

#: The variable that marks every process which the tests start.
MARK = "PARALLEL_TEST_ID"

#: Seconds that what is on its way out has to be gone.
PATIENCE = 15.0

#: What could be left behind: a kind and what tells it apart, with words for it.
Things: TypeAlias = dict[tuple[str, object], str]

PROC = Path("/proc")
SHARED_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def sandbox(
    folder: Path, *, whose: str = "the test", patience: float = PATIENCE
) -> Iterator[None]:
    """Keep temporary files under a folder, and fail the test if anything is left.

    Parameters
    ----------
    folder
        An empty folder with a short path: a Unix socket's has 107 bytes at most.
    whose
        Who is to be blamed, in words.
    patience
        Seconds that what is on its way out has to be gone.
    """
    temporary, ipython = folder / "tmp", folder / "ipython"
    temporary.mkdir()
    ipython.mkdir()
    before = present(temporary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setenv("XDG_RUNTIME_DIR", str(temporary))
        patch.setenv("IPYTHONDIR", str(ipython))
        patch.setattr(tempfile, "tempdir", str(temporary))
        yield
    if left := left_behind(before, temporary, patience):
        kill(left)
        words = "\n  ".join([f"{whose} left behind:", *left.values()])
        pytest.fail(words, pytrace=False)


def left_behind(before: Things, temporary: Path, patience: float) -> Things:
    """Return what is there, after some patience, that was not there before."""
    deadline = time.monotonic() + patience
    collected = False
    while True:
        left = present(temporary)
        for thing in before:
            left.pop(thing, None)
        if any(kind == "segment" for kind, _ in left):
            for thing in segments_in_other_hands():
                left.pop(thing, None)
        if not left or (collected and time.monotonic() > deadline):
            return left
        if not collected:  # what only a reference cycle holds is not left behind
            gc.collect()
            collected = True
        else:
            time.sleep(0.02)


def kill(left: Things) -> None:
    """End the processes that were left, so that the next test starts afresh."""
    for kind, which in left:
        if kind == "process" and isinstance(which, tuple):
            with contextlib.suppress(ProcessLookupError):
                os.kill(which[0], signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(which[0], 0)


def present(temporary: Path) -> Things:
    """Return everything that a test could leave behind."""
    return {
        **threads(),
        **processes(),
        **descriptors(),
        **files(temporary),
        **segments(),
    }


def threads() -> Things:
    """Return the threads of this process; the timeout's own is pytest's."""
    return {
        ("thread", thread): f"{thread!r}"
        for thread in threading.enumerate()
        if not thread.name.startswith("pytest_timeout")
    }


def processes() -> Things:
    """Return the processes that descend from this one, or carry its mark."""
    return {
        ("process", (pid, started)): f"process {pid}: {command_line(pid)}"
        for pid, started in own_processes().items()
    }


def own_processes() -> dict[int, str]:
    """Return when each of our processes was started, this one not among them."""
    parents: dict[int, int] = {}
    started: dict[int, str] = {}
    marked = {os.getpid()}
    mark = f"{MARK}={os.environ.get(MARK)}".encode()
    for pid in map(int, filter(str.isdigit, listing(PROC))):
        with contextlib.suppress(OSError):  # it has just ended, or is not ours to read
            # The fields after the command's name, which may hold spaces: proc(5).
            fields = (PROC / f"{pid}/stat").read_text().rpartition(")")[2].split()
            parents[pid], started[pid] = int(fields[1]), fields[19]
            if mark in (PROC / f"{pid}/environ").read_bytes().split(b"\0"):
                marked.add(pid)
    for pid in parents:
        line = [pid]
        while (pid := parents.get(pid, 0)) and pid not in marked:
            line.append(pid)
        if pid:
            marked.update(line)
    return {pid: started[pid] for pid in marked - {os.getpid()} if pid in started}


def command_line(pid: int) -> str:
    """Return the command line of a process, or what is known of one without."""
    with contextlib.suppress(OSError):
        words = (PROC / f"{pid}/cmdline").read_bytes().split(b"\0")
        if line := b" ".join(words).decode(errors="replace").strip():
            return line
    return "ended, but its parent did not wait for it"


def descriptors() -> Things:
    """Return this process's open descriptors, with what they are open on."""
    found: Things = {}
    for number in listing(PROC / "self/fd"):
        with contextlib.suppress(OSError):  # the listing's own, closed by now
            words = target = str((PROC / "self/fd" / number).readlink())
            if target.startswith("socket:"):
                words = socket_words(int(number))
            found["descriptor", (number, target)] = f"descriptor {number}: {words}"
    return found


def socket_words(descriptor: int) -> str:
    """Return where a socket is, and whether it listens there."""
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        listens = copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return f"{'listening' if listens else 'socket'} at {copy.getsockname()}"


def files(temporary: Path) -> Things:
    """Return what a temporary folder holds."""
    return {
        ("file", name): f"temporary file: {temporary / name}"
        for name in listing(temporary)
    }


def segments() -> Things:
    """Return the shared memory segments of the machine."""
    return {
        ("segment", name): f"shared memory: {SHARED_MEMORY / name}"
        for name in listing(SHARED_MEMORY)
    }


def segments_in_other_hands() -> Things:
    """Return the segments that processes which are not ours have mapped.

    Another run of the tests on the same machine makes segments too.
    """
    found: Things = {}
    ours = {os.getpid(), *own_processes()}
    for pid in set(map(int, filter(str.isdigit, listing(PROC)))) - ours:
        with contextlib.suppress(OSError):
            mapped = (PROC / f"{pid}/maps").read_text()
            for name in re.findall(rf"{SHARED_MEMORY}/(\S+)", mapped):
                found["segment", name] = f"shared memory of process {pid}"
    return found


def listing(folder: Path) -> list[str]:
    """Return the names in a folder, or none where there is no such folder."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
