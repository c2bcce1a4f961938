"""Folders that only their owner can enter or change, whatever the umask."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

from ..errors import LauncherError

__all__ = ["close_to_others", "is_open_to_all", "keep_from_writing", "make_folder"]

_ELSEWHERE = "or choose another folder (--profile-dir, profile_dir=)"


def make_folder(folder: Path) -> None:
    """Make a folder that lacks, and those above it, for its owner alone.

    Raises
    ------
    LauncherError
        It cannot be made, or something else is in its place.
    """
    for each in reversed([folder, *folder.parents]):
        try:
            if not each.is_dir():
                each.mkdir(0o700)
                each.chmod(0o700)  # the umask may have taken from it
        except FileExistsError:
            if not each.is_dir():  # else somebody else was faster
                raise LauncherError(
                    f"cannot make the folder {folder}: {each} is in its way. "
                    f"Move it, {_ELSEWHERE}"
                ) from None
        except OSError as error:
            raise LauncherError(
                f"cannot make the folder {folder}: {error.strerror}. See to that, "
                f"{_ELSEWHERE}"
            ) from error


def close_to_others(folder: Path) -> None:
    """Make a folder its owner's alone.

    Raises
    ------
    LauncherError
        It is another user's.
    """
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise LauncherError(
            f"{folder} belongs to user {owner}, and this is user {os.geteuid()}: its "
            f"owner could read the keys in it, and replace them. Move it, {_ELSEWHERE}"
        )
    folder.chmod(0o700)
    if folder.stat().st_mode & 0o077:
        warnings.warn(
            f"others can look into {folder}, where the keys of clusters are: its file "
            f"system keeps no permissions. Keep others off this host, {_ELSEWHERE}",
            RuntimeWarning,
            stacklevel=3,
        )


def keep_from_writing(folder: Path) -> None:
    """Take from all others the right to write to a folder of one's own."""
    found = folder.stat()
    if found.st_uid == os.geteuid() and found.st_mode & stat.S_IWOTH:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~stat.S_IWOTH)


def is_open_to_all(folder: Path) -> bool:
    """Tell whether everybody can rename and replace what is in a folder."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
