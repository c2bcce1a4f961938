"""The running clusters of all profiles, for who has named one that does not run."""

from __future__ import annotations

import os
from pathlib import Path

from ..cluster.manager import records_there
from ..cluster.records import profile_folders
from ..transport.locations import ipython_dir, profile_dir

__all__ = ["all_folders", "name_of_profile", "say_what_runs"]

#: So many clusters are named where none of them was meant.
TOLD = 5


def all_folders(ipython: str | Path | None) -> list[Path]:
    """Return the folders of all profiles."""
    folders = profile_folders(ipython)
    if os.environ.get("IPP_PROFILE_DIR") and profile_dir() not in folders:
        folders.append(profile_dir())
    return folders


def name_of_profile(folder: Path, ipython: str | Path | None) -> str:
    """Return what tells a profile from others: its name, or its whole path."""
    name = folder.name.removeprefix("profile_")
    standard = profile_dir(name, ipython=ipython or ipython_dir())
    return name if folder == standard else str(folder)


def say_what_runs(ipython: str | Path | None) -> str:
    """Return which clusters are running, in words."""
    named = [
        f"{record.cluster_id!r} of profile {name_of_profile(folder, ipython)!r}"
        for folder in all_folders(ipython)
        for record in records_there(folder)
    ]
    if not named:
        return "none is, of any profile"
    more = f" and {len(named) - TOLD} more" if len(named) > TOLD else ""
    return f"running are {', '.join(named[:TOLD])}{more}"
