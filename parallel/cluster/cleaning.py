"""The files that clusters have left in their profiles."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from ..transport.keys import ROLES
from ..transport.locations import connection_file
from .lastrun import last_runs
from .launches import is_there
from .records import profile_folders, read_record

__all__ = ["clean_cluster_files"]


def clean_cluster_files(
    profile_dirs: Iterable[str | Path] | str | Path | None = None,
    *,
    log: logging.Logger | None = None,
    force: bool = False,
) -> None:
    """Remove cluster files, connection files and logs of clusters that have ended.

    Parameters
    ----------
    profile_dirs
        The profiles' folders; by default those of all profiles.
    log
        Where to tell of each file that is removed.
    force
        Remove those of running clusters, too: nobody finds them any more.

    Raises
    ------
    ValueError
        A cluster runs there, and it is not forced.
    """
    log = log or logging.getLogger("parallel.cluster")
    if profile_dirs is None:
        profile_dirs = profile_folders()
    elif isinstance(profile_dirs, (str, Path)):
        profile_dirs = [profile_dirs]
    folders = [Path(folder) for folder in profile_dirs]
    running = [name for folder in folders for name in _running(folder)]
    if running and not force:
        raise ValueError(
            f"{', '.join(running)} still run: stop them first, or have their files "
            "removed by force"
        )
    for folder in folders:
        _clean(folder, log)


def _running(folder: Path) -> list[str]:
    """Return, for people, the clusters of a profile that run."""
    found = []
    for path in (folder / "security").glob("cluster-*.json"):
        record = read_record(path)
        if record is not None and is_there(record):
            found.append(f"cluster {record.cluster_id!r} of {folder.name}")
    return found + [
        f"the controller {last.cluster_id!r} of {folder.name}"
        for last in last_runs(folder)
    ]


def _clean(folder: Path, log: logging.Logger) -> None:
    for path in sorted((folder / "security").glob("cluster-*.json")):
        record = read_record(path)
        if record is None:
            _remove(path, log)
            continue
        for role in ROLES:
            _remove(connection_file(folder, record.cluster_id, role), log)
        if is_there(record):
            _remove(path, log)
        else:
            log.info("removing %s", path)
            record.remove()
    for path in (folder / "security").glob("ipcontroller*-*.json"):
        _remove(path, log)
    for path in sorted((folder / "log").glob("*")):
        if path.is_file():
            _remove(path, log)


def _remove(path: Path, log: logging.Logger) -> None:
    if path.exists():
        log.info("removing %s", path)
        path.unlink(missing_ok=True)
