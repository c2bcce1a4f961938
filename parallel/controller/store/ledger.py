"""All recorded tasks, in hand and written: for the writer's thread alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from time import time

from ...state.naming import TaskKey
from .conditions import Condition, matches
from .database import Change
from .entry import Entry
from .inheritance import Inheritance
from .line import Line, taken
from .medium import Medium

__all__ = ["Ledger"]

log = logging.getLogger("parallel.record")


class Ledger:
    """What is written of all tasks, and what is still to be.

    If the disk fails, what is in hand is written to memory, until the file can be
    used again.

    Parameters
    ----------
    in_hand
        The unfinished tasks, to which the controller's thread adds, and those
        finished ones that are not written yet.
    told_early
        Is told of tasks whose ends came before they were known.
    """

    def __init__(
        self, in_hand: dict[TaskKey, Entry], line: Line, inheritance: Inheritance,
        medium: Medium, told_early: Callable[[TaskKey, Entry], object],
    ) -> None:  # fmt: skip
        self._in_hand = in_hand
        self._line = line
        self._inheritance = inheritance
        self._medium = medium
        self._told_early = told_early
        #: Those that were unfinished when the others of their batch were written.
        self._aging: list[Entry] = []

    # Writing

    @property
    def is_behind(self) -> bool:
        """Tell whether there is something to write, now or soon."""
        return bool(self._aging) or self._line.has_tasks

    def write(self, *, wholly: bool = False) -> None:
        """Write what has gathered, if need be to memory.

        Parameters
        ----------
        wholly
            Also tasks that have only just begun.
        """
        self._safely(partial(self._flush, wholly=wholly))

    def close(self) -> None:
        """Let go of the file."""
        self._safely(self._medium.close)

    @property
    def due(self) -> float | None:
        """When the file is to be tried again, seconds since the epoch, if it is."""
        return self._medium.due

    def try_disk(self) -> None:
        """Go back to the file with what was kept meanwhile, if it can be used."""
        self._medium.try_disk([e for e in list(self._in_hand.values()) if e.row])

    def _safely(self, do: Callable[[], object]) -> None:
        """Do something with the file, or else leave it, and say so."""
        try:
            do()
        except Exception as error:
            if self._medium.is_in_memory:  # nor does that serve: nothing can be done
                log.exception("the record of tasks is lost")
                return
            self._medium.leave_disk(error)
            self._line.dropped.clear()
            self._safely(partial(self._flush, wholly=True, anew=True))

    def _flush(self, *, wholly: bool, anew: bool = False) -> None:
        """Write what has gathered.

        Parameters
        ----------
        anew
            All that is in memory, into a database that knows nothing of it.
        """
        self._medium.open()  # what an earlier controller left is in hand from here on
        line = self._line
        self._end_early()
        finished, fresh = taken(line.finished), taken(line.opened)
        self._inheritance.adopt(fresh)
        begun, self._aging = self._aging, fresh
        if wholly:
            begun, self._aging = list(self._in_hand.values()), []
        if anew:
            finished = [entry for entry in begun if entry.outcome is not None]
            for entry in begun:
                entry.row = 0
        # One that was begun and returned at once stands twice in line.
        open_ones = {id(e): e for e in begun if not e.row and e.outcome is None}
        unfinished = list(open_ones.values())
        written = [line.buffers.thinned(entry, time()) for entry in unfinished]
        returned = [e for e in (*begun, *fresh) if e.row and e.past.starts]
        self._medium.write(finished, written, taken(line.dropped), returned)
        for entry, copy in zip(unfinished, written, strict=True):
            entry.row = copy.row
        for entry in finished:
            self._in_hand.pop(entry.key, None)
        line.buffers.release_all(finished)
        self._add_late(taken(line.late))

    def _end_early(self) -> None:
        """End tasks that were not known yet when their ends were told."""
        early, nbytes = self._line.early.take(self._in_hand)
        self._line.buffers.release(nbytes)
        for entry in early:
            self._told_early(entry.key, entry)
        self._line.finished.extend(early)

    def _add_late(self, late: Sequence[tuple[TaskKey, str, str]]) -> None:
        """Add what tasks printed after their ends, each by several writes maybe."""
        changes: dict[TaskKey, Change] = {}
        for key, stdout, stderr in late:
            add = partial(_add, stdout=stdout, stderr=stderr, before=changes.get(key))
            changes[key] = add
        self.change(changes)

    def change(self, changes: Mapping[TaskKey, Change]) -> None:
        """Change tasks where they are: in hand, or else on disk."""
        absent: dict[TaskKey, Change] = {}
        for key, change in changes.items():
            live = self._in_hand.get(key)
            if live is None:
                absent[key] = change
            elif change is not None:
                change(live)
        self._medium.database.amend(absent)

    def delete(self, keys: Collection[TaskKey] | None) -> None:
        """Forget these finished tasks, or, by None, all."""
        # Some may have ended since all was written, and would be written after this.
        self.write()
        self._medium.forget(keys)

    # Reading

    def keys(self) -> list[TaskKey]:
        """Return which tasks there are, oldest submission first."""
        begun = {key: entry.submitted for key, entry in dict(self._in_hand).items()}
        submitted = {**self._medium.database.times(), **begun}
        return sorted(submitted, key=lambda key: (submitted[key], key.seq))

    def select(
        self, conditions: Sequence[Condition], *, frames: bool
    ) -> Iterator[Entry]:
        """Yield the tasks that meet all conditions, in no order."""
        live = dict(self._in_hand)
        for entry in self._medium.database.select(conditions, frames=frames):
            if entry.key not in live:
                yield entry
        yield from (entry for entry in live.values() if matches(conditions, entry))

    def get(
        self, keys: Collection[TaskKey], *, frames: bool
    ) -> dict[TaskKey | None, Entry]:
        """Return those of these tasks that are known."""
        live = {key: self._in_hand.get(key) for key in keys}
        found: dict[TaskKey | None, Entry] = {k: e for k, e in live.items() if e}
        absent = [key for key in keys if key not in found]
        found.update(self._medium.database.get(absent, frames=frames).items())
        return found


def _add(entry: Entry, stdout: str, stderr: str, before: Change) -> None:
    if before is not None:
        before(entry)
    entry.stdout += stdout
    entry.stderr += stderr
