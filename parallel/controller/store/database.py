"""Blocks of tasks in SQLite: all that is SQL, and nothing of threads.

Blocks of finished tasks count up in the order of their ends, so that the oldest are
the lowest. Those of tasks that were not finished when others were written are kept
apart, with the numbers of those that are still unfinished.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ...aliases import Digest
from ...state.naming import TaskKey
from ...state.past import FIRST, Past
from ..limits import Limits
from .blocks import groups_of, pack, times, unpack
from .clauses import of_keys, where
from .conditions import Condition, matches
from .entry import Entry, lost

__all__ = ["Database", "Foreign", "Unreadable"]

log = logging.getLogger("parallel.record")
T = TypeVar("T")

#: Of the file's form: one of another form is not written to.
VERSION = 2
_BLOCK = """
    id INTEGER PRIMARY KEY, client BLOB, first INTEGER, last INTEGER,
    since REAL, until REAL, labels BLOB, size INTEGER, nbytes INTEGER,
    body BLOB, frames BLOB
"""
SCHEMA = f"""
BEGIN;
CREATE TABLE blocks ({_BLOCK});
CREATE INDEX blocks_by_client ON blocks (client, last);
CREATE TABLE begun ({_BLOCK}, unfinished BLOB, pasts BLOB);
CREATE TABLE functions (digest BLOB PRIMARY KEY, code BLOB, last INTEGER);
PRAGMA user_version = {VERSION};
COMMIT;
"""
# With a write-ahead log a killed process, or a power cut, costs the last transactions
# and never the file. One process has it to itself: then no memory is shared by way of
# a file, which network folders cannot do.
ALONE = "PRAGMA locking_mode = EXCLUSIVE"
PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -2000;
PRAGMA temp_store = MEMORY;
"""
#: Where there is too much, such a part of what may be there is dropped at once.
PORTIONS = 64
_pack = msgspec.msgpack.Encoder().encode
_unpack_numbers = msgspec.msgpack.Decoder(set[int]).decode
_unpack_pasts = msgspec.msgpack.Decoder(dict[int, Past]).decode

#: What becomes of a task that is written anew: None for one that is forgotten.
Change = Callable[[Entry], object] | None


class Unreadable(Exception):
    """Raised when a file is damaged, or of another release."""


class Foreign(Exception):
    """Raised when a file is another program's database: it is left as it is."""


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
        if path not in ("", ":memory:"):
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
            if not os.fstat(descriptor).st_size:  # whatever the umask says
                os.fchmod(descriptor, 0o600)
            os.close(descriptor)
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=1.0
        )
        #: Of the blocks of begun tasks, the numbers that are unfinished.
        self._begun: dict[int, set[int]] = {}
        #: What became of earlier starts of some of them.
        self._pasts: dict[int, dict[int, Past]] = {}
        try:
            self._prepare(path)
            for (row,) in self._connection.execute("SELECT id FROM begun").fetchall():
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

    def _prepare(self, path: str) -> None:
        self._connection.execute(ALONE)
        #: Nothing was in the file.
        self.is_new = self._is_new()
        if path not in ("", ":memory:"):
            Path(path).chmod(0o600)
        self._connection.executescript(PRAGMAS)
        if self.is_new:
            self._connection.executescript(SCHEMA)
        elif "pasts" not in self._columns("begun"):
            self._connection.execute("ALTER TABLE begun ADD COLUMN pasts BLOB")
        (self._highest,) = self._one("SELECT ifnull(max(id), 0) FROM blocks")
        self._measure()

    def _measure(self) -> None:
        #: How many finished tasks there are, and how many bytes of them.
        self.count, self.nbytes = self._one(
            "SELECT ifnull(sum(size), 0), ifnull(sum(nbytes), 0) FROM blocks"
        )

    def _is_new(self) -> bool:
        """Tell whether nothing is in the file; see that it is ours, if there is."""
        (version,) = self._one("PRAGMA user_version")
        (tables,) = self._one("SELECT count(*) FROM sqlite_master")
        if version == 0 and tables == 0:
            return True
        if not any(self._columns(name) >= _OURS for name in ("blocks", "tasks")):
            raise Foreign(
                "it is a database of another program, and left as it is: choose "
                "another file for the record (task_record_file)"
            )
        if version != VERSION:
            raise Unreadable(
                f"its form is {version}, this release writes {VERSION}: it is of "
                "another release"
            )
        return False

    def _columns(self, table: str) -> set[str]:
        found = self._connection.execute(f"PRAGMA table_info({table})")
        return {name for _, name, *_ in found}

    def _unfinished(self, row: int) -> list[Entry]:
        """Return what was left unfinished of a block of begun tasks."""
        *packed, unfinished, pasts = self._one(
            "SELECT client, body, frames, unfinished, pasts FROM begun WHERE id = ?",
            (row,),
        )
        left = None if unfinished is None else _unpack_numbers(unfinished)
        found = _readable(unpack, row, *packed)
        known = {} if pasts is None else _unpack_pasts(pasts)
        for entry in found:
            entry.past = known.get(entry.key[1], FIRST)
        return [e for e in found if left is None or e.key[1] in left]

    def _inherit(self, row: int) -> None:
        """Take over what an earlier controller left unfinished."""
        entries = self._unfinished(row)
        self._begun[row] = {entry.key[1] for entry in entries}
        self._pasts[row] = {e.key[1]: e.past for e in entries if e.past.starts}
        for entry in entries:
            entry.row = row
            entry.code = self._code(entry.digest)
        ended = [entry for entry in entries if entry.outcome is not None]
        self.write(ended, ())
        self.inherited += [entry for entry in entries if entry.outcome is None]

    def _finish_lost(self, row: int) -> None:
        """Give an end to what an earlier controller left unfinished."""
        entries = self._unfinished(row)
        for entry in entries:
            entry.outcome = entry.outcome or lost(entry.key.seq)
        self.write(entries, ())
        self._connection.execute("DELETE FROM begun WHERE id = ?", (row,))

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
            self._settle_begun((*finished, *dropped))
            groups = list(groups_of(finished, self._limits))
            self._define((*finished, *unfinished), self._highest + len(groups))
            for group in groups:
                self._highest += 1
                block = pack(group, self._limits)
                self._insert("blocks", self._highest, *block)
                self.count += block.size
                self.nbytes += block.nbytes
            for group in groups_of(unfinished, self._limits):
                self._begin(group)
            self._note_pasts(returned)
            self._cull()

    def _insert(self, table: str, *values: Any) -> None:
        marks = ",".join("?" * len(values))
        self._connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)

    def _begin(self, entries: Sequence[Entry]) -> None:
        """Write tasks of one client that have not finished."""
        row = max(self._begun, default=0) + 1
        self._insert("begun", row, *pack(entries, self._limits), None, None)
        self._begun[row] = {entry.key[1] for entry in entries}
        for entry in entries:
            entry.row = row
        self._note_pasts([entry for entry in entries if entry.past.starts])

    def _note_pasts(self, entries: Iterable[Entry]) -> None:
        """Write what became of earlier starts of unfinished tasks."""
        rows: set[int] = set()
        for entry in entries:
            if entry.key[1] in self._begun.get(entry.row, ()):
                rows.add(entry.row)
                self._pasts.setdefault(entry.row, {})[entry.key[1]] = entry.past
        for row in rows:
            self._connection.execute(
                "UPDATE begun SET pasts = ? WHERE id = ?",
                (_pack(self._pasts[row]), row),
            )

    def _settle_begun(self, entries: Iterable[Entry]) -> None:
        """Note that tasks are unfinished no more, where they were written as such."""
        rows: set[int] = set()
        for entry in entries:
            if entry.row:
                rows.add(entry.row)
                self._begun[entry.row].discard(entry.key[1])
                entry.row = 0
        for row in rows:
            left = self._begun[row]
            if left:
                self._connection.execute(
                    "UPDATE begun SET unfinished = ? WHERE id = ?", (_pack(left), row)
                )
            else:
                del self._begun[row]
                self._pasts.pop(row, None)
                self._connection.execute("DELETE FROM begun WHERE id = ?", (row,))

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
                entries = _readable(unpack, *row)
                if not any(entry.key in changes for entry in entries):
                    continue
                left = [entry for entry in entries if _change(entry, changes)]
                self._connection.execute("DELETE FROM blocks WHERE id = ?", (row[0],))
                if left:
                    self._insert("blocks", row[0], *pack(left, self._limits))
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
        return dict(each for row in rows for each in _readable(times, *row))

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
            yield from _readable(unpack, *row)

    def _code(self, digest: Digest) -> bytes:
        found = self._one("SELECT code FROM functions WHERE digest = ?", (digest,))
        return found[0] if found else b""


_OURS = {"client", "body", "frames"}


def _readable(read: Callable[..., list[T]], row: int, *packed: Any) -> list[T]:
    """Return what is read of a block; nothing, and a warning, if it is damaged."""
    try:
        return read(*packed)
    except (msgspec.DecodeError, TypeError) as error:
        log.warning("block %s of the record of tasks is damaged: %s", row, error)
        return []


def _change(entry: Entry, changes: Mapping[TaskKey, Change]) -> bool:
    """Change a task, if it is to be; tell whether it is to be kept."""
    if entry.key not in changes:
        return True
    change = changes[entry.key]
    if change is not None:
        change(entry)
    return change is not None
