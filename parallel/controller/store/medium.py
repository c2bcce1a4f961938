"""Where tasks are written: a file, or memory while the file cannot be used."""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from time import time

from ...state.naming import TaskKey
from ..limits import Limits
from .database import Database
from .entry import Entry
from .exile import IN_MEMORY, Exile
from .form import Foreign, Unreadable

__all__ = ["Medium"]

log = logging.getLogger("parallel.record")


class Medium:
    """The database that is in use, and the way from the file to memory and back.

    The writer's thread has it to itself; others may only ask `is_on_disk`.

    Parameters
    ----------
    path
        The file; '' for a temporary one that ends with this process.
    inherits
        What an earlier controller left unfinished may go on; otherwise it is lost.
    opened
        Is given what that is, once the file is open, and whether the file is new.
    """

    def __init__(
        self,
        path: str,
        limits: Limits,
        opened: Callable[[Sequence[Entry], bool], object],
        *,
        inherits: bool,
    ) -> None:
        self._path = path
        self._limits = limits
        self._opened = opened
        self._inherits = inherits
        #: Is told of troubles that users should know of.
        self.tell: Callable[[str], None] = log.error
        self._database: Database | None = None
        #: Since the file failed, until it can be used again.
        self._exile: Exile | None = None

    @property
    def is_on_disk(self) -> bool:
        """Tell whether what is written outlives this process."""
        return bool(self._path) and not self.is_in_memory

    @property
    def database(self) -> Database:
        """The one in use, opened when it is first asked for."""
        return self.open()

    def open(self) -> Database:
        """Open the file, if nothing is open yet; return the database in use."""
        if self._database is None:
            self._database = database = self._open_file()
            left, database.inherited = database.inherited, []
            self._opened(left, database.is_new)
        return self._database

    def write(
        self, finished: Sequence[Entry], unfinished: Sequence[Entry],
        dropped: Iterable[Entry], returned: Sequence[Entry],
    ) -> None:  # fmt: skip
        """Write tasks, as `Database.write` does, and no more than are to be kept."""
        most = self._limits.records
        dropped = [*dropped, *finished[:-most]]
        self.database.write(finished[-most:], unfinished, dropped, returned)
        if self._exile is not None:
            self._exile.ended += len(finished)

    def forget(self, keys: Collection[TaskKey] | None) -> None:
        """Remove these finished tasks, or, by None, all."""
        if self._exile is not None:
            self._exile.purge(keys)
        if keys is None:
            self.database.clear()
        else:
            self.database.amend(dict.fromkeys(keys))

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()

    # From the file to memory, and back

    @property
    def is_in_memory(self) -> bool:
        """Tell whether the file has failed, and memory serves."""
        return self._exile is not None

    @property
    def due(self) -> float | None:
        """When the file is to be tried again, seconds since the epoch, if it is."""
        return None if self._exile is None else self._exile.due

    def leave_disk(self, error: Exception) -> None:
        """Take to a memory that knows of no task yet, and say so."""
        self.tell(_say_left(self._place, error))
        knew_file = self._database is not None
        if self._database is not None:
            try:
                self._database.close()
            except sqlite3.Error:
                log.exception("closing %s", self._path)
        self._exile = Exile(time(), knew_file=knew_file)
        self._database = self._exile.memory

    def try_disk(self, begun: Sequence[Entry]) -> None:
        """Go back to the file with what was kept meanwhile, if it can be used.

        Parameters
        ----------
        begun
            The tasks that the memory has as unfinished ones.
        """
        exile = self._exile
        if exile is None:
            return
        try:
            disk, rows = exile.end(self._path, self._limits, begun)
        except (Unreadable, Foreign, sqlite3.Error, OSError) as error:
            log.info("%s can still not be used: %s", self._place, error)
            exile.put_off(time())
            return
        for entry in begun:
            entry.row = rows[entry.key]
        self._database, self._exile = disk, None
        lacking = exile.lacking
        self.tell(
            f"tasks are recorded in {self._place} again, and so are those that were "
            "kept in memory"
            + (f"; {lacking:,} that ended before them are not" * (lacking > 0))
        )

    @property
    def _place(self) -> str:
        return self._path or "a temporary file"

    def _open_file(self) -> Database:
        """Open the file; one that cannot be read is put aside, which is told."""
        try:
            return Database(self._path, self._limits, inherits=self._inherits)
        except Unreadable as error:
            self.tell(
                f"the record of tasks in {self._path} cannot be read ({error}): it was "
                f"moved to {_put_aside(self._path)}, and a new one is begun"
            )
            return Database(self._path, self._limits)


def _put_aside(path: str) -> str:
    """Rename a file that cannot be read, and its own log; return its new name."""
    aside = _unused(f"{path}.unreadable")
    for suffix in ("-wal", "-journal", ""):
        with suppress(FileNotFoundError):
            Path(path + suffix).replace(aside + suffix)
    return aside


def _unused(path: str) -> str:
    """Return a path at which there is nothing yet, by a number if need be."""
    numbered = (f"{path}.{n}" for n in itertools.count(2))
    paths = itertools.chain([path], numbered)
    return next(each for each in paths if not Path(each).exists())


def _say_left(place: str, error: Exception) -> str:
    """Say that tasks are not recorded any more, and what to do."""
    return (
        f"tasks cannot be recorded in {place} ({type(error).__name__}: "
        f"{error}). Work goes on; the last {IN_MEMORY.records:,} tasks from now on "
        "are kept in memory, and are recorded once the file can be used again. If "
        "another controller has it, or its disk is full, mend that: no restart is "
        "needed"
    )
