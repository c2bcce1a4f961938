"""The logs of clusters that have ended: the newest stay, for who wonders about one."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

__all__ = ["sweep_logs"]

#: So many logs of clusters that do not run are kept: each has a name of its own, and
#: who starts a cluster for each program would have them without end.
KEPT = 1000
#: A log that no other cluster writes to, and whose.
_NAME = re.compile(r"(?:ipagent|ipcontroller|ipengine-\d+)-(.+)\.log")


def sweep_logs(folder: Path) -> None:
    """Remove the oldest logs in a profile's folder if there are more than enough."""
    found: list[tuple[float, Path]] = []
    running = {each.stem for each in (folder / "security").glob("cluster-*.json")}
    for path in (folder / "log").iterdir():
        name = _NAME.fullmatch(path.name)
        if name is not None and f"cluster-{name[1]}" not in running:
            with contextlib.suppress(OSError):  # somebody else sweeps
                found.append((path.stat().st_mtime, path))
    for _, path in sorted(found)[:-KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
