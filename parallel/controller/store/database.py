"""Blocks of tasks in SQLite, written and read by whichever thread has them.

Blocks of finished tasks count up in the order of their ends, so that the oldest are
the lowest. Those of tasks that were not finished when others were written are kept
apart, by `Begun`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...aliases import Digest
from ...state.naming import TaskKey
from ..limits import Limits
from .begun import Begun
from .blocks import Block, groups_of, pack, readable, times, unpack
from .clauses import of_keys, where
from .conditions import Condition, matches
from .entry import Entry, lost
from .form import Unreadable, connect, prepare

__all__ = ["Change", "Database"]

#: Where there is too much, such a part of what may be there is dropped at once.
PORTIONS = 64
#: A row's number, and a block.
INSERT = f"INSERT INTO blocks VALUES (?{', ?' * len(Block._fields)})"

#: What becomes of a task that is written anew: None for one that is forgotten.
Change = Callable[[Entry], object] | None


class Database:
    """Tasks on disk.

    Parameters
    ----------
    path
        The file, made if it is not there; '' for a temporary one that nobody else
        sees, and ':memory:' for none.
    inherits
        Tasks that an earlier controller left unfinished may go on.

    Raises
    ------
    Unreadable
        The file is damaged, or no database, or of another release.
    Foreign
        It is another program's database.
    sqlite3.Error, OSError
        It cannot be used.
    """

    def __init__(self, path: str, limits: Limits, *, inherits: bool = False) -> None:
        self._limits = limits
        #: What an earlier controller left unfinished.
        self.inherited: list[Entry] = []
        self._connection = connect(path)
        self._begun = Begun(self._connection, limits)
        try:
            #: Nothing was in the file.
            self.is_new = prepare(self._connection, path)
            (self._highest,) = self._one("SELECT ifnull(max(id), 0) FROM blocks")
            self._measure()
            for row in self._begun.rows():
                if inherits:
                    self._inherit(row)
                else:
                    self._finish_lost(row)
            if not inherits:  # what was lost needs its functions as long as it is here
                self._connection.execute(
                    "UPDATE functions SET last = max(last, ?)", (self._highest,)
                )
        except sqlite3.Error as error:
            self._connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise Unreadable(str(error)) from error
        except BaseException:
            self._connection.close()
            raise

    def _measure(self) -> None:
        #: How many finished tasks there are, and how many bytes of them.
        self.count, self.nbytes = self._one(
            "SELECT ifnull(sum(size), 0), ifnull(sum(nbytes), 0) FROM blocks"
        )

    def _inherit(self, row: int) -> None:
        """Take over what an earlier controller left unfinished."""
        entries = self._begun.take_over(row)
        for entry in entries:
            entry.code = self._code(entry.digest)
        ended = [entry for entry in entries if entry.outcome is not None]
        self.write(ended, ())
        self.inherited += [entry for entry in entries if entry.outcome is None]

    def _finish_lost(self, row: int) -> None:
        """Give an end to what an earlier controller left unfinished."""
        entries = self._begun.read(row)
        for entry in entries:
            entry.outcome = entry.outcome or lost(entry.key.seq)
        self.write(entries, ())
        self._begun.remove(row)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self._connection.execute(sql, parameters).fetchone()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # Writing

    def write(
        self,
        finished: Sequence[Entry],
        unfinished: Sequence[Entry],
        dropped: Iterable[Entry] = (),
        returned: Sequence[Entry] = (),
    ) -> None:
        """Write tasks; those that were written as unfinished ones are so no more.

        Parameters
        ----------
        dropped
            Finished ones that are not to be written.
        returned
            Unfinished ones that were written before they were to be started again.
        """
        if not (finished or unfinished or dropped or returned):
            return
        with self._transaction():
            self._begun.settle((*finished, *dropped))
            groups = list(groups_of(finished, self._limits))
            self._define((*finished, *unfinished), self._highest + len(groups))
            for group in groups:
                self._highest += 1
                block = pack(group, self._limits)
                self._insert(self._highest, block)
                self.count += block.size
                self.nbytes += block.nbytes
            for group in groups_of(unfinished, self._limits):
                self._begun.write(group)
            self._begun.note_pasts(returned)
            self._cull()

    def _insert(self, row: int, block: Block) -> None:
        self._connection.execute(INSERT, (row, *block))

    def _define(self, entries: Sequence[Entry], last: int) -> None:
        """Write the functions of tasks, and up to which block they are needed."""
        codes = {entry.submit.digest: entry.code for entry in entries if entry.code}
        self._connection.executemany(
            "INSERT INTO functions VALUES (?, ?, ?) "
            "ON CONFLICT (digest) DO UPDATE SET last = excluded.last",
            [(digest, code, last) for digest, code in codes.items()],
        )

    def _cull(self) -> None:
        """Drop the oldest finished tasks if there are too many: some, and soon again.

        To drop a tenth of a full gigabyte took seconds, and what was to be written
        meanwhile waited in memory.
        """
        limits = self._limits
        if self.count <= limits.records and self.nbytes <= limits.nbytes:
            return
        records = limits.records - limits.records // PORTIONS
        nbytes = limits.nbytes - limits.nbytes // PORTIONS
        blocks = self._connection.execute(
            "SELECT id, size, nbytes FROM blocks ORDER BY id"
        )
        last = 0
        while self.count > records or self.nbytes > nbytes:
            last, size, taken = blocks.fetchone()
            self.count -= size
            self.nbytes -= taken
        blocks.close()
        self._connection.execute("DELETE FROM blocks WHERE id <= ?", (last,))
        self._connection.execute("DELETE FROM functions WHERE last <= ?", (last,))

    def amend(self, changes: Mapping[TaskKey, Change]) -> None:
        """Write finished tasks anew, those that are here, each as its change makes it.

        One whose change is None is forgotten.
        """
        if not changes:
            return
        clause, values = of_keys(list(changes))
        sql = f"SELECT id, client, body, frames FROM blocks WHERE {clause}"
        with self._transaction():
            for row in self._connection.execute(sql, values).fetchall():
                entries = readable(unpack, *row)
                if not any(entry.key in changes for entry in entries):
                    continue
                left = [entry for entry in entries if _change(entry, changes)]
                self._connection.execute("DELETE FROM blocks WHERE id = ?", (row[0],))
                if left:
                    self._insert(row[0], pack(left, self._limits))
        self._measure()

    def clear(self) -> None:
        """Remove all finished tasks."""
        self._connection.execute("DELETE FROM blocks")
        self._measure()

    # Reading

    def select(
        self, conditions: Sequence[Condition], *, frames: bool
    ) -> Iterator[Entry]:
        """Yield the tasks that meet all conditions, as they are read."""
        for entry in self._entries(*where(conditions), frames=frames):
            if matches(conditions, entry):
                yield entry

    def times(self) -> dict[TaskKey, float]:
        """Return which tasks there are, and when each was submitted."""
        rows = self._connection.execute("SELECT id, client, body FROM blocks")
        return dict(each for row in rows for each in readable(times, *row))

    def get(self, keys: Sequence[TaskKey], *, frames: bool) -> dict[TaskKey, Entry]:
        """Return those of these tasks that are here; with frames, also their code."""
        wanted = set(keys)
        found = {
            entry.key: entry
            for entry in self._entries(*of_keys(keys), frames=frames)
            if entry.key in wanted
        }
        return dict(self._with_code(found)) if frames else found

    def everything(self) -> dict[TaskKey, Entry]:
        """Return all finished tasks with all that is known of them."""
        found = {entry.key: entry for entry in self._entries("1", (), frames=True)}
        return dict(self._with_code(found))

    def _with_code(
        self, found: Mapping[TaskKey, Entry]
    ) -> Iterator[tuple[TaskKey, Entry]]:
        for key, entry in found.items():
            entry.code = self._code(entry.digest)
            yield key, entry

    def _entries(
        self, clause: str, parameters: Sequence[Any], *, frames: bool
    ) -> Iterator[Entry]:
        last = "frames" if frames else "NULL"
        rows = self._connection.execute(
            f"SELECT id, client, body, {last} FROM blocks WHERE {clause} ORDER BY id",
            parameters,
        )
        for row in rows:
            yield from readable(unpack, *row)

    def _code(self, digest: Digest) -> bytes:
        found = self._one("SELECT code FROM functions WHERE digest = ?", (digest,))
        return found[0] if found else b""


def _change(entry: Entry, changes: Mapping[TaskKey, Change]) -> bool:
    """Change a task, if it is to be; tell whether it is to be kept."""
    if entry.key not in changes:
        return True
    change = changes[entry.key]
    if change is not None:
        change(entry)
    return change is not None
