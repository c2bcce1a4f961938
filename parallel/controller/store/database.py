"""The table of tasks in SQLite: all that is SQL, and nothing of threads.

A row has a column for what queries compare most, and one with the rest, packed in
one call: each column of a row costs 0.12 µs, and 30,000 tasks may end in a second.

Its number tells how a task stands: finished ones count up from 1 in the order of
their ends, so that the oldest are the lowest; unfinished ones count down from -1.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...aliases import Digest, Uuid
from ...protocol.messages import Outcome, Status, Submit
from ...state.tasks import TaskKey
from .clauses import where
from .conditions import Condition, matches
from .entry import Entry
from .record import Limits, frames_nbytes

__all__ = ["Database", "Foreign", "Unreadable"]

log = logging.getLogger("parallel.record")

#: Of the table's form: a file of another one is not written to.
VERSION = 1
SCHEMA = f"""
BEGIN;
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY, client BLOB, seq INTEGER, label TEXT,
    submitted REAL, started REAL, completed REAL, received REAL,
    nbytes INTEGER, body BLOB, frames BLOB
);
CREATE UNIQUE INDEX tasks_by_key ON tasks (client, seq);
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
#: So many rows in one statement. Each statement lets go of the GIL three times, and a
#: busy controller gives it back only after 5 ms: by 64 rows it was 5,000 rows/s, by
#: 1,024 it is 60,000. SQLite before 3.32 takes 999 values in one.
SIZES: tuple[int, ...] = (1024, 256, 64, 16, 4, 1)
if sqlite3.sqlite_version_info < (3, 32):
    SIZES = SIZES[2:]
#: So many bytes at most, or one row.
STATEMENT_NBYTES = 4 << 20
COLUMNS = 11
ENDED = "the controller ended before this task did: it has no result. Resubmit it"

_pack = msgspec.msgpack.Encoder().encode
_Body = tuple[Uuid, int, Submit, float, Outcome | None, Uuid, float, str, str, str]
_unpack_body = msgspec.msgpack.Decoder(_Body).decode
_Frames = tuple[list[bytes] | None, list[bytes] | None]
_unpack_frames = msgspec.msgpack.Decoder(_Frames).decode


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

    Raises
    ------
    Unreadable
        The file is damaged, or no database, or of another release.
    Foreign
        It is another program's database.
    sqlite3.Error, OSError
        It cannot be used.
    """

    def __init__(self, path: str, limits: Limits) -> None:
        self._limits = limits
        if path not in ("", ":memory:"):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=1.0
        )
        self._lowest = 0
        try:
            self._prepare(path)
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
        is_new = self._is_new()
        if path not in ("", ":memory:"):
            Path(path).chmod(0o600)
        self._connection.executescript(PRAGMAS)
        if is_new:
            self._connection.executescript(SCHEMA)
        #: How many finished tasks there are, and how many bytes of them.
        self.count, self.nbytes, self._highest = self._one(
            "SELECT count(*), total(nbytes), ifnull(max(id), 0) FROM tasks WHERE id > 0"
        )
        self._finish_lost()

    def _is_new(self) -> bool:
        """Tell whether nothing is in the file; see that it is ours, if there is."""
        (version,) = self._one("PRAGMA user_version")
        (tables,) = self._one("SELECT count(*) FROM sqlite_master")
        if version == 0 and tables == 0:
            return True
        columns = self._connection.execute("PRAGMA table_info(tasks)")
        if not {"client", "seq", "body"} <= {name for _, name, *_ in columns}:
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

    def _finish_lost(self) -> None:
        """Give those an end that an earlier controller left unfinished."""
        payload = pickle.dumps(ENDED)
        some = "id < 0 ORDER BY id DESC LIMIT 100"  # their buffers may be large
        while lost := list(self._entries(some, (), frames=True)):
            for entry in lost:
                entry.outcome = entry.outcome or Outcome(
                    entry.key.seq, Status.LOST, payload, 0, -1, 0.0, 0.0
                )
            self.write(lost, ())
        self._connection.execute(
            "UPDATE functions SET last = max(last, ?)", (self._highest,)
        )

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

    def write(self, finished: Sequence[Entry], unfinished: Sequence[Entry]) -> None:
        """Write tasks, each in the place of what was written of it before."""
        if not finished and not unfinished:
            return
        with self._transaction():
            self._define((*finished, *unfinished))
            for i, entry in enumerate(finished, self._highest + 1):
                entry.row = i
            for i, entry in enumerate(unfinished, 1 - self._lowest):
                entry.row = -i
            self.nbytes += self._insert(finished)
            self._insert(unfinished)
            self._highest += len(finished)
            self._lowest -= len(unfinished)
            self.count += len(finished)
            self._cull()

    def _insert(self, entries: Iterable[Entry]) -> int:
        """Write rows, many in one statement; return how many bytes they have."""
        rows: list[Any] = []
        total = waiting = 0
        for entry in entries:
            row, nbytes = self._row(entry)
            rows += row
            waiting += nbytes
            if len(rows) == SIZES[0] * COLUMNS or waiting > STATEMENT_NBYTES:
                self._execute(rows)
                rows, total, waiting = [], total + waiting, 0
        self._execute(rows)
        return total + waiting

    def _execute(self, rows: list[Any]) -> None:
        at = 0
        for size in SIZES:
            while len(rows) - at >= size * COLUMNS:
                self._connection.execute(_INSERTS[size], rows[at : at + size * COLUMNS])
                at += size * COLUMNS

    def _row(self, entry: Entry) -> tuple[tuple[Any, ...], int]:
        key, submit, outcome = entry.key, entry.submit, entry.outcome
        body = _pack((
            key[0], key[1], submit, entry.submitted, outcome, entry.engine_uuid,
            entry.received, entry.stdout, entry.stderr, entry.resubmitted,
        ))  # fmt: skip
        nbytes, frames = len(body), None
        if entry.frames or entry.result_frames or _lacks_frames(entry):
            frames = _pack((self._kept(entry.frames), self._kept(entry.result_frames)))
            nbytes += len(frames)
        started = completed = None
        if outcome is not None:
            started, completed = outcome.started or None, outcome.completed or None
        row = (
            entry.row, key[0], key[1], entry.label, entry.submitted, started, completed,
            entry.received or None, nbytes, body, frames,
        )  # fmt: skip
        return row, nbytes

    def _kept(self, frames: Sequence[Any] | None) -> list[Any] | None:
        """Return frames to be written, or None if they are too large."""
        if frames is None or frames_nbytes(frames) > self._limits.task_nbytes:
            return None
        return [getattr(frame, "buffer", frame) for frame in frames]

    def _define(self, entries: Sequence[Entry]) -> None:
        """Write the functions of tasks, and up to which row they are needed."""
        codes = {entry.submit.digest: entry.code for entry in entries if entry.code}
        last = self._highest + len(entries)
        self._connection.executemany(
            "INSERT INTO functions VALUES (?, ?, ?) "
            "ON CONFLICT (digest) DO UPDATE SET last = excluded.last",
            [(digest, code, last) for digest, code in codes.items()],
        )

    def _cull(self) -> None:
        """Drop the oldest tenth of the finished tasks while there are too many."""
        limits = self._limits
        while self.count and (
            self.count > limits.records or self.nbytes > limits.nbytes
        ):
            self._drop_oldest(max(1, self.count // 10))

    def _drop_oldest(self, count: int) -> None:
        (last,) = self._one(
            "SELECT max(id) FROM "
            "(SELECT id FROM tasks WHERE id > 0 ORDER BY id LIMIT ?)", (count,),
        )  # fmt: skip
        if last is None:  # rows were replaced: there are fewer than were counted
            self.count, self.nbytes = 0, 0
            return
        (nbytes,) = self._one(
            "SELECT total(nbytes) FROM tasks WHERE id BETWEEN 1 AND ?", (last,)
        )
        self._connection.execute("DELETE FROM tasks WHERE id BETWEEN 1 AND ?", (last,))
        self._connection.execute("DELETE FROM functions WHERE last <= ?", (last,))
        self.count -= count
        self.nbytes -= nbytes

    def amend(
        self, changes: Sequence[tuple[TaskKey, Callable[[Entry], object]]]
    ) -> None:
        """Write tasks anew, those that are here, each as its change makes it."""
        if not changes:
            return
        with self._transaction():
            for key, change in changes:
                for entry in self.get([key], frames=True).values():
                    change(entry)
                    row, _ = self._row(entry)
                    self._execute(list(row))

    def delete(self, keys: Collection[TaskKey] | None) -> None:
        """Remove tasks, or, by None, all finished ones."""
        with self._transaction():
            if keys is None:
                self._connection.execute("DELETE FROM tasks WHERE id > 0")
            else:
                self._connection.executemany(
                    "DELETE FROM tasks WHERE client = ? AND seq = ?", keys
                )
        self.count, self.nbytes = self._one(
            "SELECT count(*), total(nbytes) FROM tasks WHERE id > 0"
        )

    # Reading

    def select(self, conditions: Sequence[Condition], *, frames: bool) -> list[Entry]:
        """Return the tasks that meet all conditions, oldest submission first."""
        clause, parameters, left = where(conditions)
        found = self._entries(clause, parameters, frames=frames)
        # Sorted here: SQLite would carry the packed columns through its sorter.
        chosen = [entry for entry in found if matches(left, entry)]
        return sorted(chosen, key=lambda entry: (entry.submitted, entry.key[1]))

    def history(self) -> list[TaskKey]:
        """Return which tasks there are, oldest submission first."""
        found = self._connection.execute(
            "SELECT client, seq FROM tasks ORDER BY submitted, seq"
        )
        return [TaskKey(*key) for key in found]

    def get(self, keys: Iterable[TaskKey], *, frames: bool) -> dict[TaskKey, Entry]:
        """Return those of these tasks that are here; with frames, also their code."""
        found = {}
        for key in keys:
            if key[1] >= 1 << 63:
                continue
            for entry in self._entries("client = ? AND seq = ?", key, frames):
                if frames:
                    entry.code = self._code(entry.digest)
                found[entry.key] = entry
        return found

    def _entries(
        self, clause: str, parameters: Sequence[Any], frames: bool = False
    ) -> Iterator[Entry]:
        last = "frames" if frames else "NULL"
        rows = self._connection.execute(
            f"SELECT id, body, {last} FROM tasks WHERE {clause}", parameters
        )
        for row, body, more in rows:
            try:
                yield _entry(row, body, more)
            except (msgspec.DecodeError, TypeError) as error:
                log.warning("row %s of the record of tasks is damaged: %s", row, error)

    def _code(self, digest: Digest) -> bytes:
        found = self._one("SELECT code FROM functions WHERE digest = ?", (digest,))
        return found[0] if found else b""


def _entry(row: int, body: bytes, more: bytes | None) -> Entry:
    (
        client, seq, submit, submitted, outcome, engine_uuid, received, stdout, stderr,
        resubmitted,
    ) = _unpack_body(body)  # fmt: skip
    frames: _Frames = _unpack_frames(more) if more else ([], [])
    return Entry(
        TaskKey(client, seq), submit, submitted, b"", frames[0], outcome, frames[1],
        engine_uuid, received, stdout, stderr, resubmitted, row,
    )  # fmt: skip


def _lacks_frames(entry: Entry) -> bool:
    return entry.frames is None or entry.result_frames is None


def _insert_of(size: int) -> str:
    row = f"({','.join('?' * COLUMNS)})"
    return f"INSERT OR REPLACE INTO tasks VALUES {','.join([row] * size)}"


_INSERTS = {size: _insert_of(size) for size in SIZES}
