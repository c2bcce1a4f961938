"""The form of the record's file: made, recognized, and opened as it is to be used."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

__all__ = ["Foreign", "Unreadable", "connect", "prepare"]

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
#: Columns of a table of ours, in this and in earlier forms.
_OURS = {"client", "body", "frames"}


class Unreadable(Exception):
    """Raised when a file is damaged, or of another release."""


class Foreign(Exception):
    """Raised when a file is another program's database: it is left as it is."""


def connect(path: str) -> sqlite3.Connection:
    """Open a file, made if it is not there, of which nothing is known yet.

    Raises
    ------
    sqlite3.Error, OSError
        It cannot be opened.
    """
    if _has_file(path):
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        if not os.fstat(descriptor).st_size:  # whatever the umask says
            os.fchmod(descriptor, 0o600)
        os.close(descriptor)
    return sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=1.0
    )


def prepare(connection: sqlite3.Connection, path: str) -> bool:
    """See that a file has our form, and is ours alone; tell whether it was empty.

    Raises
    ------
    Unreadable
        It is of another release.
    Foreign
        It is another program's database.
    sqlite3.Error
        It is damaged, or no database, or somebody else has it.
    """
    connection.execute(ALONE)
    is_new = _is_new(connection)
    if _has_file(path):
        Path(path).chmod(0o600)
    connection.executescript(PRAGMAS)
    if is_new:
        connection.executescript(SCHEMA)
    elif "pasts" not in _columns(connection, "begun"):
        connection.execute("ALTER TABLE begun ADD COLUMN pasts BLOB")
    return is_new


def _has_file(path: str) -> bool:
    return path not in ("", ":memory:")


def _is_new(connection: sqlite3.Connection) -> bool:
    """Tell whether nothing is in the file; see that it is ours, if there is."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and tables == 0:
        return True
    if not any(_columns(connection, name) >= _OURS for name in ("blocks", "tasks")):
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


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    found = connection.execute(f"PRAGMA table_info({table})")
    return {name for _, name, *_ in found}
