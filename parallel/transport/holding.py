"""Folders of sockets: held by the processes that use them, swept when none does.

A lock is let go of however its process ends, so that what a killed one has left is
known for what it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from .locations import RUNTIME_PREFIX

__all__ = ["hold", "keep", "sweep"]

#: The file whose lock holds a folder, and the one that says that it is to stay.
HELD, KEPT = "held", "kept"


def hold(folder: Path) -> int:
    """Keep a folder from being swept; return the descriptor that does, to be closed."""
    try:
        descriptor = os.open(folder / HELD, os.O_RDWR)
    except FileNotFoundError:
        # Under its name it is there only once it is locked: a sweeper may come by.
        new = folder / f".{HELD}-{os.getpid()}"
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        os.fchmod(descriptor, 0o600)  # the umask may have taken from it
        _lock(descriptor)
        new.rename(folder / HELD)
    else:
        _lock(descriptor)
    return descriptor


def _lock(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # a file system without locks: never swept
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def keep(folder: Path) -> None:
    """Have a folder stay for the next controller at its address."""
    (folder / KEPT).touch(0o600)


def sweep() -> list[Path]:
    """Remove the folders of dead processes; return them."""
    folders = Path(tempfile.gettempdir()).glob(f"{RUNTIME_PREFIX}*")
    return [folder for folder in folders if _sweep(folder)]


def _sweep(folder: Path) -> bool:
    try:
        if folder.lstat().st_uid != os.geteuid() or (folder / KEPT).exists():
            return False
        descriptor = os.open(folder / HELD, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # it is none of ours, or new
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(descriptor)
