"""Where things are: profile folders, and the files in them.

Profiles live where IPython's live, so that one `--profile` means one place to both.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import LauncherError
from .folders import (
    close_to_others,
    keep_from_writing,
    make_folder,
)

__all__ = [
    "cluster_file",
    "connection_file",
    "ipython_dir",
    "log_file",
    "make_profile",
    "profile_dir",
    "record_file",
]


def ipython_dir(given: str | os.PathLike[str] | None = None) -> Path:
    """Return IPython's folder: as given, `$IPYTHONDIR`, or `~/.ipython`."""
    found = given or os.environ.get("IPYTHONDIR") or Path.home() / ".ipython"
    return Path(found).expanduser().absolute()


def profile_dir(
    profile: str | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    ipython: str | os.PathLike[str] | None = None,
) -> Path:
    """Return a profile's folder: the one named, or given outright.

    Parameters
    ----------
    profile
        A profile's name; `default` if neither this nor a folder is given.
    folder
        The folder itself; wins over a name. `$IPP_PROFILE_DIR` stands for it in
        processes that a launcher started.

    Raises
    ------
    LauncherError
        No profile can have that name.
    """
    if folder is None and not profile:
        folder = os.environ.get("IPP_PROFILE_DIR") or None
    if folder is not None:
        return Path(folder).expanduser().absolute()
    if profile and ("/" in profile or "\0" in profile):
        raise LauncherError(
            f"a profile's name is part of its folder's: no {profile!r}. A folder "
            "elsewhere is given outright (--profile-dir, profile_dir=)"
        )
    return ipython_dir(ipython) / f"profile_{profile or 'default'}"


def make_profile(folder: Path) -> Path:
    """Make a profile's folders where they lack; return the profile's.

    Raises
    ------
    LauncherError
        They cannot be made, or the one of the keys is another user's.
    """
    subfolders = [folder / sub for sub in ("security", "log", "pid", "startup")]
    for each in (folder, *subfolders):
        make_folder(each)
        keep_from_writing(each)
    close_to_others(folder / "security")
    return folder


def connection_file(folder: Path, cluster_id: str, role: str) -> Path:
    """Return the path of a connection file."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / "security" / f"ipcontroller{tag}-{role}.json"


def cluster_file(folder: Path, cluster_id: str) -> Path:
    """Return the path of the file that tells of a running cluster."""
    return folder / "security" / f"cluster-{cluster_id}.json"


def record_file(folder: Path, cluster_id: str) -> Path:
    """Return the path of the database of a cluster's tasks."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / f"tasks{tag}.db"


def log_file(folder: Path, name: str, cluster_id: str) -> Path:
    """Return the path of a process's log."""
    tag = f"-{cluster_id}" if cluster_id else ""
    return folder / "log" / f"{name}{tag}.log"
