"""The profiles that come with the package: ready configurations, as files."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import LauncherError
from ..transport.locations import make_profile

__all__ = ["CONFIGS", "config_folder", "create_profile", "shipped_profiles"]

#: Where they are in an installed package, and in a checkout.
_PACKAGE = Path(__file__).resolve().parents[1]
PLACES = (_PACKAGE / "profiles", _PACKAGE.parent / "profiles")
#: What a profile says of clusters: the later wins.
CONFIGS = ("ipcluster_config.py", "ipcluster_config.json")


def shipped_profiles() -> dict[str, Path]:
    """Return the folders of the profiles that come with the package, by name."""
    for place in PLACES:
        folders = sorted(path.parent for path in place.glob(f"*/{CONFIGS[0]}"))
        if folders:
            return {folder.name: folder for folder in folders}
    return {}


def config_folder(folder: Path) -> Path:
    """Return where a profile's configuration is: in its folder, or with the package.

    A profile that has none of its own, and has the name of one that comes with the
    package, is that one.
    """
    if any((folder / name).exists() for name in CONFIGS):
        return folder
    name = folder.name.removeprefix("profile_")
    if name == folder.name:
        return folder
    return shipped_profiles().get(name, folder)


def create_profile(folder: Path, like: str) -> list[Path]:
    """Make a profile that has the configuration of one of the package's.

    Parameters
    ----------
    like
        That one's name.

    Returns
    -------
    list[Path]
        The files that were written.

    Raises
    ------
    LauncherError
        There is no such profile to begin with, or the new one has a configuration.
    """
    there = shipped_profiles()
    if like not in there:
        raise LauncherError(
            f"there is no profile {like!r} to begin with; there are {', '.join(there)}"
        )
    for name in CONFIGS:
        if (folder / name).exists():
            raise LauncherError(f"{folder / name} is there already")
    make_profile(folder)
    written = []
    for path in sorted(there[like].glob("*_config.*")):
        shutil.copyfile(path, folder / path.name)
        written.append(folder / path.name)
    return written
