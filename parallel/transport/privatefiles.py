"""Files that only their owner can read, whatever the umask."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import LauncherError
from .folders import make_folder

__all__ = ["write_private"]


def write_private(path: Path, text: bytes) -> None:
    """Write a file that only its owner can read, whatever the umask; all or nothing.

    Raises
    ------
    LauncherError
        It cannot be written: why, and what to do.
    """
    try:
        _write_private(path, text)
    except OSError as error:
        raise LauncherError(
            f"cannot write {path}: {error.strerror}. See to that, or choose another "
            "folder (--profile-dir, profile_dir=)"
        ) from error


def _write_private(path: Path, text: bytes) -> None:
    make_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # mkstemp's mode, but for the umask
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
