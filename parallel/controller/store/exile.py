"""The record while its file cannot be used: what is kept, and the way back."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from ...state.naming import TaskKey
from ..limits import Limits
from .database import Database
from .entry import Entry, lost

__all__ = ["IN_MEMORY", "Exile"]

#: What is kept when the disk cannot be used.
IN_MEMORY = Limits(records=10_000, nbytes=64 << 20, task_nbytes=1 << 20)
#: The file is tried again after so long, seconds, and ever later up to the second.
AGAIN, AGAIN_LATEST = 5.0, 60.0


class Exile:
    """A time without the file, from the moment it failed.

    Parameters
    ----------
    knew_file
        It was in use before: what is unfinished in it is this controller's.
    """

    def __init__(self, now: float, *, knew_file: bool) -> None:
        self.memory = Database(":memory:", IN_MEMORY)
        self._knew_file = knew_file
        self._every = AGAIN
        #: When the file is to be tried again.
        self.due = now + AGAIN
        #: How many tasks have ended meanwhile, and how many of them are not kept.
        self.ended = self.lacking = 0
        self._purged: set[TaskKey] = set()
        self._purges_all = False

    def purge(self, keys: Collection[TaskKey] | None) -> None:
        """Note that these tasks, or all that have ended, are to be forgotten."""
        if keys is None:
            self._purges_all = True
            self.ended = 0
        else:
            self._purged.update(keys)
            self.ended -= len(keys)

    def put_off(self, now: float) -> None:
        """Note that the file could not be used this time either."""
        self._every = min(2 * self._every, AGAIN_LATEST)
        self.due = now + self._every

    def end(
        self, path: str, limits: Limits, unfinished: Iterable[Entry]
    ) -> tuple[Database, dict[TaskKey, int]]:
        """Return the file with all in it that was kept meanwhile, or change nothing.

        Parameters
        ----------
        unfinished
            Those that the memory has as such.

        Returns
        -------
        dict[TaskKey, int]
            The rows that these have now.

        Raises
        ------
        Unreadable, Foreign, sqlite3.Error, OSError
            It still cannot be used.
        """
        kept = self.memory.everything()
        begun = {e.key: replace(e, row=0) for e in unfinished}
        disk = Database(path, limits, inherits=True)
        try:
            left, disk.inherited = disk.inherited, []
            finished = list(kept.values())
            if not self._knew_file:
                own = kept.keys() | begun.keys()
                finished += [_lost(entry) for entry in left if entry.key not in own]
            if self._purges_all:
                disk.clear()
            disk.amend(dict.fromkeys(self._purged - kept.keys()))
            disk.write(finished, list(begun.values()), left)
        except BaseException:
            disk.close()
            raise
        self.lacking = max(0, self.ended - len(kept))
        self.memory.close()
        return disk, {key: entry.row for key, entry in begun.items()}


def _lost(entry: Entry) -> Entry:
    return replace(entry, outcome=lost(entry.key.seq), row=0)
