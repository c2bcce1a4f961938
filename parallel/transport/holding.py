"""Folders of sockets: made, held by who uses them, and swept when nobody does.

A lock is let go of however its process ends, so that what a killed one has left is
known for what it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import LauncherError
from .folders import is_open_to_all

__all__ = [
    "folder_above_sockets",
    "hold",
    "is_abandoned",
    "keep",
    "make_runtime_dir",
    "sweep",
    "sweep_folder",
    "tend",
]

#: A folder of sockets begins with this, so that a left one is known for ours.
RUNTIME_PREFIX = "parallel-"
#: The file whose lock holds a folder, the one that says that it is to stay, and the
#: one that says that nobody starts a controller there again but who holds it.
HELD, KEPT, TENDED = "held", "kept", "tended"
#: A unix socket's path has 107 bytes at the most. What a longer TMPDIR than this names,
#: as batch systems do for each job, has no room for ours.
LONGEST = 80
FALLBACK = Path("/tmp")


def folder_above_sockets() -> Path:
    """Return the folder for temporary files, or /tmp if its path is too long."""
    named = Path(tempfile.gettempdir())
    return named if len(os.fsencode(named)) <= LONGEST else FALLBACK


def make_runtime_dir() -> Path:
    """Make a 0700 folder for sockets, with a path short enough for them.

    Raises
    ------
    LauncherError
        It cannot be made, or others could put theirs in its place.
    """
    above = folder_above_sockets()
    if is_open_to_all(above):
        raise LauncherError(
            f"everybody can replace what is in {above}, also the sockets of clusters: "
            f"`chmod +t {above}`, or let TMPDIR name another folder"
        )
    try:
        folder = Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX, dir=above))
    except OSError as error:
        raise LauncherError(
            f"cannot make a folder for sockets in {above}: {error.strerror}. See to "
            "that, or let TMPDIR name another folder"
        ) from error
    folder.chmod(0o700)  # the umask may have taken from it
    return folder


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
    _mark(folder / KEPT)


def tend(folder: Path) -> None:
    """Note that who holds a folder starts a controller there again, and nobody else.

    Of one that was run by hand another may take the place, by hand.
    """
    _mark(folder / TENDED)


def _mark(file: Path) -> None:
    file.touch(0o600)
    file.chmod(0o600)  # the umask may have taken from it


def sweep() -> list[Path]:
    """Remove the folders of dead processes; return them."""
    folders = folder_above_sockets().glob(f"{RUNTIME_PREFIX}*")
    return [folder for folder in folders if sweep_folder(folder)]


def sweep_folder(folder: Path) -> bool:
    """Remove a folder if no process holds it; tell whether it was."""
    with _taken(folder) as is_taken:
        if is_taken:
            shutil.rmtree(folder, ignore_errors=True)
        return is_taken


def is_abandoned(folder: Path) -> bool:
    """Tell whether nobody will ever listen in a folder: all that held it are gone."""
    if not folder.is_dir():
        return True
    with _taken(folder) as is_taken:
        return is_taken and (folder / TENDED).exists()


@contextlib.contextmanager
def _taken(folder: Path) -> Iterator[bool]:
    """Take a folder that nobody holds, nor is to stay; tell whether that was done."""
    try:
        if folder.lstat().st_uid != os.geteuid() or (folder / KEPT).exists():
            yield False
            return
        descriptor = os.open(folder / HELD, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # it is none of ours, or new
        yield False
        return
    try:
        yield _is_free(descriptor)
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
