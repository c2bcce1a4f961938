"""Whether the kernel has killed somebody because memory ran out."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["OutOfMemory"]

#: Where the kernel counts such kills: of all the host, whichever group they were in.
VMSTAT = Path("/proc/vmstat")


class OutOfMemory:
    """Tells whether the kernel has killed processes of this host since it was asked.

    Parameters
    ----------
    vmstat
        The kernel's counters, such as `oom_kill`: proc(5).
    """

    def __init__(self, vmstat: Path = VMSTAT) -> None:
        self._vmstat = vmstat
        self._known = self._count()

    def has_struck(self) -> bool:
        """Tell whether it has killed any since the last call, or the beginning."""
        known, self._known = self._known, self._count()
        return self._known > known

    def _count(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            for line in self._vmstat.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        return 0
