"""The memory that the ranks of a host share, which has names while MPI starts."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

__all__ = ["drop_names", "is_in_mpi", "segments_of", "sweep_old"]

#: What MPICH, and Open MPI, call it.
SEGMENTS = r"/dev/shm/mpich_shm_\w+|/dev/shm/sm_segment\.\S+"
#: What MPICH's transport calls its own, and looks up by name later as well.
UCX = r"/dev/shm/ucx_shm_posix_\w+"
ALL = f"{SEGMENTS}|{UCX}"
#: What nobody has mapped for so long, seconds, is of a world that did not get to start.
OLD = 300.0


def drop_names() -> None:
    """Drop the names of what this process shares.

    All ranks on this host have to have it by now. With its name it would outlive ranks
    that are killed; and Open MPI leaves it behind if nothing of its own started them.
    """
    for segment in segments_of("self"):
        if re.match(SEGMENTS, segment):
            Path(segment).unlink(missing_ok=True)


def sweep_old() -> None:
    """Remove what ranks of this user have left that were killed as they started."""
    with contextlib.suppress(OSError):  # there is no such folder, or others sweep, too
        paths = Path("/dev/shm").iterdir()
        found = [path for path in paths if re.match(ALL, str(path))]
        old = {str(each) for each in found if _is_ours_and_old(each)}
        if old:  # seldom, for this takes a look at all processes
            others = (each.name for each in Path("/proc").glob("[0-9]*"))
            for segment in old.difference(*map(segments_of, others)):
                Path(segment).unlink(missing_ok=True)


def _is_ours_and_old(segment: Path) -> bool:
    found = segment.stat()
    return found.st_uid == os.geteuid() and time.time() - found.st_mtime > OLD


def segments_of(process: int | str) -> set[str]:
    """Return the names of what a process shares.

    Parameters
    ----------
    process
        Its pid, or `self`.
    """
    return set(re.findall(ALL, _maps(process)))


def is_in_mpi(process: int) -> bool:
    """Tell whether a process has loaded an MPI library."""
    return "/libmpi" in _maps(process)


def _maps(process: int | str) -> str:
    with contextlib.suppress(OSError):  # there is no such folder, or process
        return Path(f"/proc/{process}/maps").read_text("utf-8", errors="replace")
    return ""
