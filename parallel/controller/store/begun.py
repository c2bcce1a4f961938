"""The blocks of tasks that were not finished when others were written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from ...state.past import FIRST, Past
from ..limits import Limits
from .blocks import Block, pack, readable, unpack
from .entry import Entry

__all__ = ["Begun"]

#: Behind a row's number and a block there are two that are written when need be.
INSERT = f"INSERT INTO begun VALUES (?{', ?' * len(Block._fields)}, NULL, NULL)"
_pack = msgspec.msgpack.Encoder().encode
_unpack_numbers = msgspec.msgpack.Decoder(set[int]).decode
_unpack_pasts = msgspec.msgpack.Decoder(dict[int, Past]).decode


class Begun:
    """Begun tasks on disk, each block with the numbers of those that are unfinished.

    An entry knows the row in which it stands. Who writes sees to the transaction.
    """

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        #: Of the blocks, the numbers that are unfinished.
        self._unfinished: dict[int, set[int]] = {}
        #: What became of earlier starts of some of them.
        self._pasts: dict[int, dict[int, Past]] = {}

    # What an earlier controller left

    def rows(self) -> list[int]:
        """Return which blocks there are."""
        found = self._connection.execute("SELECT id FROM begun").fetchall()
        return [row for (row,) in found]

    def read(self, row: int) -> list[Entry]:
        """Return what is unfinished of a block, or nothing if it is damaged."""
        *packed, unfinished, pasts = self._connection.execute(
            "SELECT client, body, frames, unfinished, pasts FROM begun WHERE id = ?",
            (row,),
        ).fetchone()
        left = None if unfinished is None else _unpack_numbers(unfinished)
        found = readable(unpack, row, *packed)
        known = {} if pasts is None else _unpack_pasts(pasts)
        for entry in found:
            entry.past = known.get(entry.key[1], FIRST)
        return [e for e in found if left is None or e.key[1] in left]

    def take_over(self, row: int) -> list[Entry]:
        """Read a block that is to be gone on with."""
        entries = self.read(row)
        self._unfinished[row] = {entry.key[1] for entry in entries}
        self._pasts[row] = {e.key[1]: e.past for e in entries if e.past.starts}
        for entry in entries:
            entry.row = row
        return entries

    def remove(self, row: int) -> None:
        """Forget a block."""
        self._unfinished.pop(row, None)
        self._pasts.pop(row, None)
        self._connection.execute("DELETE FROM begun WHERE id = ?", (row,))

    # Writing

    def write(self, entries: Sequence[Entry]) -> None:
        """Write tasks of one client that have not finished, as one block."""
        row = max(self._unfinished, default=0) + 1
        self._connection.execute(INSERT, (row, *pack(entries, self._limits)))
        self._unfinished[row] = {entry.key[1] for entry in entries}
        for entry in entries:
            entry.row = row
        self.note_pasts([entry for entry in entries if entry.past.starts])

    def note_pasts(self, entries: Iterable[Entry]) -> None:
        """Write what became of earlier starts of tasks, where these are unfinished."""
        rows: set[int] = set()
        for entry in entries:
            if entry.key[1] in self._unfinished.get(entry.row, ()):
                rows.add(entry.row)
                self._pasts.setdefault(entry.row, {})[entry.key[1]] = entry.past
        for row in rows:
            self._connection.execute(
                "UPDATE begun SET pasts = ? WHERE id = ?",
                (_pack(self._pasts[row]), row),
            )

    def settle(self, entries: Iterable[Entry]) -> None:
        """Note that tasks are unfinished no more, where they were written as such."""
        rows: set[int] = set()
        for entry in entries:
            if entry.row:
                rows.add(entry.row)
                self._unfinished[entry.row].discard(entry.key[1])
                entry.row = 0
        for row in rows:
            left = self._unfinished[row]
            if left:
                self._connection.execute(
                    "UPDATE begun SET unfinished = ? WHERE id = ?", (_pack(left), row)
                )
            else:
                self.remove(row)
