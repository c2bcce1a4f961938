"""Logs and job scripts of clusters that ended: the newest stay, for who wonders."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from .records import read_record

__all__ = ["sweep_logs"]

#: So many logs of clusters that do not run are kept: each has a name of its own, and
#: who starts a cluster for each program would have them without end.
KEPT = 1000
#: A log that no other cluster writes to, or what a batch system was given; and whose.
_NAME = re.compile(r"ip(?:agent|adapter|controller|engine-\d+|engines)-(.+)\.\w+")


def sweep_logs(folder: Path) -> None:
    """Remove the oldest logs in a profile's folder if there are more than enough."""
    found: list[tuple[float, Path]] = []
    running = _running(folder)
    for path in (folder / "log").iterdir():
        name = _NAME.fullmatch(path.name)
        words = f"-{name[1]}-".replace(".", "-") if name else ""
        if name and not any(f"-{each}-" in words for each in running):
            with contextlib.suppress(OSError):  # somebody else sweeps
                found.append((path.stat().st_mtime, path))
    for _, path in sorted(found)[:-KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()


def _running(folder: Path) -> set[str]:
    """Return what is in the names of running clusters' files: their ids.

    One without an id has those of its sets of engines.
    """
    found = set()
    for path in (folder / "security").glob("cluster-*.json"):
        cluster_id = path.stem.removeprefix("cluster-")
        if cluster_id:
            found.add(cluster_id)
        elif record := read_record(path):
            found |= set(filter(None, record.sets))
    return found
