"""The record on disk: written behind the controller's back, by a thread of its own."""

from __future__ import annotations

import itertools
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import (
    Callable,
    Collection,
    Container,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import time
from typing import Any, TypeVar

import msgspec

from ...aliases import Uuid
from ...protocol.messages import Outcome, Submit
from ...protocol.wire import frames_nbytes
from ...state.naming import TaskKey
from ...state.past import Past, later
from ..limits import Limits
from .allowance import Allowance
from .conditions import Condition, matches
from .database import Change, Database, Foreign, Unreadable
from .early import EarlyEnds
from .entry import Entry, lost
from .exile import IN_MEMORY, Exile
from .record import Record, settle

__all__ = ["SqliteRecord"]

log = logging.getLogger("parallel.record")
T = TypeVar("T")

#: Tasks are written this often, seconds: one that starts and ends between is written
#: once, and what a killed controller has not written is no more than this.
INTERVAL = 0.05
#: So many tasks that came while others were written do not wait for that.
ENOUGH = 10_000
#: So many bytes of buffers that are not written yet have the writer begin at once.
HURRY_NBYTES = 32 << 20
#: So many bytes of results are recorded at once, and so many a second where more keep
#: coming; of arguments, which only a resubmission needs, a quarter of that. To record
#: a byte takes 3 ns: all that passes at 350 MB/s would take a core, and the disk.
MOST_NBYTES, RATE_NBYTES = 128 << 20, 32 << 20
#: So many bytes of buffers wait to be written at most: beside what the controller has
#: in hand anyway, which is twice that, should the disk be slow.
LINE_NBYTES = 64 << 20
#: The writer may take so long to end, seconds.
LEAVING = 10.0


class SqliteRecord(Record):
    """What is known of all tasks, on disk.

    The controller's thread puts entries in line; a thread writes them, and answers
    all questions once it has written what came before. If the disk fails, work
    goes on, users are told, and what comes then is kept in memory, until the file can
    be used again.

    Parameters
    ----------
    path
        The file; None for a temporary one that ends with this process.
    inherits
        What an earlier controller left unfinished may go on, until `lose_inherited`;
        otherwise it is lost.
    """

    def __init__(
        self, path: Path | None, limits: Limits | None = None, *, inherits: bool = False
    ) -> None:
        super().__init__(limits)
        self._inherits = inherits
        #: What an earlier controller left unfinished, and nobody has asked for yet.
        self._inherited: dict[TaskKey, Entry] = {}
        self._path = "" if path is None else str(path)
        self._opened: deque[Entry] = deque(maxlen=self._limits.records)
        self._finished: deque[Entry] = deque()
        #: Those that were dropped unwritten: as unfinished ones they may be there.
        self._dropped: deque[Entry] = deque()
        self._late: deque[tuple[TaskKey, str, str]] = deque()
        self._early = EarlyEnds()
        self._asked: deque[Callable[[], None]] = deque()
        #: Those that were unfinished when the others of their batch were written.
        self._aging: list[Entry] = []
        #: The bytes of buffers that came to the line, and that have left it.
        self._come_nbytes = self._gone_nbytes = 0
        #: What comes between two writings cannot be dropped before it is written.
        most = min(MOST_NBYTES, self._limits.nbytes)
        self._line_nbytes = min(LINE_NBYTES, self._limits.nbytes)
        self._results = Allowance(most, RATE_NBYTES)
        self._arguments = Allowance(most / 4, RATE_NBYTES / 4)
        #: Those of unfinished tasks, which the controller has in hand anyway.
        self._begun = Allowance(most / 4, RATE_NBYTES / 4)
        self._wake = threading.Event()
        self._idle = True
        self._closing = False
        #: Since the file failed, until it can be used again.
        self._exile: Exile | None = None
        self._tell: Callable[[str], None] = log.error
        self._database: Database | None = None
        self._thread = threading.Thread(
            target=self._run, name="parallel-record", daemon=True
        )

    def start(self, tell: Callable[[str], None]) -> None:
        """Begin to write; `tell` is called by the writer's thread."""
        self._tell = tell
        self._thread.start()

    def close(self) -> None:
        """Write what is in line, and let go of the file."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(LEAVING)

    # What the dispatcher tells

    def open(
        self, key: TaskKey, submit: Submit, frames: Sequence[Any], code: bytes,
        now: float,
    ) -> None:  # fmt: skip
        """Take note of a task that was submitted."""
        # Empty lists are not kept: the garbage collector would look at each.
        entry = Entry(key, submit, now, code, frames or ())
        self._entries[key] = entry
        self._opened.append(entry)
        if self._idle:
            self._rouse()

    def finish(
        self, key: TaskKey, outcome: Outcome, frames: Sequence[Any] | None,
        engine_uuid: Uuid, now: float,
    ) -> None:  # fmt: skip
        """Take note of how a task ended."""
        entry = self._entries.get(key)
        if entry is None:
            if self._inherits:  # the file may know it, and has not been read yet
                if frames:
                    frames = self._kept(frames, self._results, now)
                self._early.add(key, outcome, frames, engine_uuid, now)
                self._rouse()
            return
        kept = None if frames is None else frames or ()
        entry.finish(outcome, kept, engine_uuid, now)
        if self._watched:
            self._tell_watchers(key, entry)
        if entry.result_frames:
            entry.result_frames = self._kept(entry.result_frames, self._results, now)
        if entry.frames:
            entry.frames = self._kept(entry.frames, self._arguments, now)
        self._finished.append(entry)
        if len(self._finished) > self._limits.records:
            self._forget_oldest()
        if self._idle:
            self._rouse()

    def started(self, key: TaskKey, past: Past) -> None:
        """Take note that a task is to be started again, and of its earlier starts."""
        super().started(key, past)
        if (entry := self.unfinished(key)) is not None:
            self._opened.append(entry)
            if self._idle:
                self._rouse()

    def printed(
        self, key: TaskKey, stdout: str, stderr: str, *, running: bool = False
    ) -> None:
        """Take note of what a task printed beside its result."""
        entry = self._entries.get(key)
        if entry is not None and entry.outcome is None:
            entry.stdout += stdout
            entry.stderr += stderr
        elif not running:
            self._late.append((key, stdout, stderr))
            self._rouse()

    @property
    def is_on_disk(self) -> bool:
        """Tell whether what is written outlives this process."""
        return bool(self._path) and self._exile is None

    def written(self) -> Future[None]:
        """Return what tells when all is written that came so far: no sooner for it."""
        written: Future[None] = Future()
        self._asked.append(lambda: settle(written, lambda: None))
        if self._idle:
            self._rouse()
        return written

    def inherited(self) -> list[Entry]:
        """Return what an earlier controller left unfinished, if nobody asked for it."""
        live, left = self._entries, list(self._inherited.items())
        return [e for key, e in left if e.outcome is None and live.get(key) is e]

    def lose_inherited(self, now: float, but: Container[TaskKey] = ()) -> None:
        """End what an earlier controller left unfinished, and nobody asks for."""
        inherited, self._inherited = self._inherited, {}
        for key, entry in list(inherited.items()):
            if key in but and self._entries.get(key) is entry:
                continue
            if self._entries.get(key) is not entry:  # it was asked for in a crowd
                self._dropped.append(entry)
            elif entry.outcome is None:
                self.finish(key, lost(key.seq), (), b"", now)

    def _rouse(self) -> None:
        self._idle = False
        self._wake.set()

    def _kept(
        self, frames: Sequence[Any], allowance: Allowance, now: float
    ) -> Sequence[Any] | None:
        """Return what is to be recorded of a finished task's buffers: all, or None."""
        nbytes = frames_nbytes(frames)
        in_line = self._come_nbytes - self._gone_nbytes + nbytes
        if (
            nbytes > self._limits.task_nbytes
            or in_line > self._line_nbytes
            or not allowance.take(nbytes, now)
        ):
            return None
        self._come_nbytes += nbytes
        if in_line > HURRY_NBYTES:
            self._wake.set()
        return frames

    def _forget_oldest(self) -> None:
        with suppress(IndexError):  # the writer took it
            entry = self._finished.popleft()
            self._dropped.append(entry)
            self._entries.pop(entry.key, None)
            self._come_nbytes -= _nbytes(entry)

    # The writer's thread

    def _run(self) -> None:
        while True:
            is_last = self._closing
            self._wake.clear()
            asked = len(self._asked)
            self._safely(partial(self._flush, wholly=is_last))
            for _ in range(asked):
                self._asked.popleft()()
            if self._exile is not None and (is_last or time() >= self._exile.due):
                self._try_disk(self._exile)
            if is_last:
                break
            self._rest()
        while self._asked:
            self._asked.popleft()()
        if self._database is not None:
            self._safely(self._database.close)

    def _rest(self) -> None:
        """Let tasks gather, or sleep until there are any."""
        if self._aging or self._opened or self._finished:
            if len(self._finished) < ENOUGH:
                self._wake.wait(INTERVAL)
            return
        self._idle = True
        # What came before that was said is seen here; what comes after it rouses.
        if not (self._opened or self._finished or self._asked):
            exile = self._exile
            self._wake.wait(None if exile is None else max(0.0, exile.due - time()))

    @property
    def _disk(self) -> Database:
        if self._database is None:
            self._database = database = _open_database(
                self._path, self._limits, self._tell, inherits=self._inherits
            )
            self.is_begun_anew = self._inherits and database.is_new
            for entry in database.inherited:
                self._inherited[entry.key] = entry
                self._entries.setdefault(entry.key, entry)
            database.inherited = []
        return self._database

    def _adopt(self, fresh: Sequence[Entry]) -> None:
        """See that tasks which clients ask for again are the ones that were known."""
        for entry in fresh:
            known = self._inherited.get(entry.key, entry)
            if known is not entry:
                del self._inherited[entry.key]
                entry.row, entry.submitted = known.row, known.submitted
                entry.past = later(known.past, entry.past)

    def _safely(self, do: Callable[[], object]) -> None:
        """Do something with the file, or else leave it for good, and say so."""
        try:
            do()
        except Exception as error:
            if self._exile is not None:  # nor does memory serve: nothing can be done
                log.exception("the record of tasks is lost")
                return
            self._leave_disk(error)

    def _leave_disk(self, error: Exception) -> None:
        self._tell(_say_left(self._place, error))
        knew_file = self._database is not None
        if self._database is not None:
            try:
                self._database.close()
            except sqlite3.Error:
                log.exception("closing %s", self._path)
        self._exile = Exile(time(), knew_file=knew_file)
        self._database = self._exile.memory
        self._dropped.clear()
        self._safely(partial(self._flush, wholly=True, anew=True))

    def _try_disk(self, exile: Exile) -> None:
        """Go back to the file with what was kept meanwhile, if it can be used."""
        begun = [entry for entry in list(self._entries.values()) if entry.row]
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
        self._tell(
            f"tasks are recorded in {self._place} again, and so are those that were "
            "kept in memory"
            + (f"; {lacking:,} that ended before them are not" * (lacking > 0))
        )

    @property
    def _place(self) -> str:
        return self._path or "a temporary file"

    def _flush(self, *, wholly: bool = False, anew: bool = False) -> None:
        """Write what has gathered.

        Parameters
        ----------
        wholly
            Also tasks that have only just begun.
        anew
            All that is in memory, into a database that knows nothing of it.
        """
        database = self._disk
        early, nbytes = self._early.take(self._entries)
        self._gone_nbytes += nbytes
        for entry in early:
            self._tell_watchers(entry.key, entry)
        self._finished.extend(early)
        finished, fresh = _taken(self._finished), _taken(self._opened)
        if self._inherited:
            self._adopt(fresh)
        begun, self._aging = self._aging, fresh
        if wholly:
            begun, self._aging = list(self._entries.values()), []
        if anew:
            finished = [entry for entry in begun if entry.outcome is not None]
            for entry in begun:
                entry.row = 0
        # One that was begun and returned at once stands twice in line.
        open_ones = {id(e): e for e in begun if not e.row and e.outcome is None}
        unfinished = list(open_ones.values())
        written = [self._thinned(entry) for entry in unfinished]
        most = self._limits.records
        dropped = [*_taken(self._dropped), *finished[:-most]]
        returned = [e for e in (*begun, *fresh) if e.row and e.past.starts]
        database.write(finished[-most:], written, dropped, returned)
        if self._exile is not None:
            self._exile.ended += len(finished)
        for entry, copy in zip(unfinished, written, strict=True):
            entry.row = copy.row
        for entry in finished:
            self._entries.pop(entry.key, None)
            if entry.frames or entry.result_frames:
                self._gone_nbytes += _nbytes(entry)
        self._add_late(_taken(self._late))

    def _add_late(self, late: Sequence[tuple[TaskKey, str, str]]) -> None:
        """Add what tasks printed after their ends, each by several writes maybe."""
        changes: dict[TaskKey, Change] = {}
        for key, stdout, stderr in late:
            add = partial(_add, stdout=stdout, stderr=stderr, before=changes.get(key))
            changes[key] = add
        self._change(changes)

    def _thinned(self, entry: Entry) -> Entry:
        """Return an unfinished task, without its buffers if they are too many."""
        nbytes = frames_nbytes(entry.frames or ())
        if not nbytes or self._begun.take(nbytes, time()):
            return entry
        return msgspec.structs.replace(entry, frames=None)

    # Questions, in the writer's thread

    def _ask(self, do: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._asked.append(lambda: settle(future, do))
        self._rouse()
        if self._closing and not self._thread.is_alive():
            future.cancel()
        return future

    def _keys(self) -> list[TaskKey]:
        begun = {key: entry.submitted for key, entry in dict(self._entries).items()}
        submitted = {**self._disk.times(), **begun}
        return sorted(submitted, key=lambda key: (submitted[key], key.seq))

    def _select(
        self, conditions: Sequence[Condition], *, frames: bool
    ) -> Iterator[Entry]:
        live = dict(self._entries)
        for entry in self._disk.select(conditions, frames=frames):
            if entry.key not in live:
                yield entry
        yield from (entry for entry in live.values() if matches(conditions, entry))

    def _get(
        self, keys: Collection[TaskKey], *, frames: bool
    ) -> dict[TaskKey | None, Entry]:
        live = {key: self._entries.get(key) for key in keys}
        found: dict[TaskKey | None, Entry] = {k: e for k, e in live.items() if e}
        absent = [key for key in keys if key not in found]
        found.update(self._disk.get(absent, frames=frames).items())
        return found

    def _delete(self, keys: Collection[TaskKey] | None) -> None:
        # Some may have ended since all was written, and would be written after this.
        self._safely(self._flush)
        if self._exile is not None:
            self._exile.purge(keys)
        if keys is None:
            self._disk.clear()
        else:
            self._disk.amend(dict.fromkeys(keys))

    def _mark(self, again: Mapping[TaskKey, str]) -> None:
        self._change({key: partial(_mark_one, msg_id=again[key]) for key in again})

    def _change(self, changes: Mapping[TaskKey, Change]) -> None:
        """Change tasks where they are: in hand, or else on disk."""
        absent: dict[TaskKey, Change] = {}
        for key, change in changes.items():
            live = self._entries.get(key)
            if live is None:
                absent[key] = change
            elif change is not None:
                change(live)
        self._disk.amend(absent)


def _open_database(
    path: str, limits: Limits, tell: Callable[[str], None], *, inherits: bool
) -> Database:
    """Open a file; one that cannot be read is put aside, which is told."""
    try:
        return Database(path, limits, inherits=inherits)
    except Unreadable as error:
        tell(
            f"the record of tasks in {path} cannot be read ({error}): it was "
            f"moved to {_put_aside(path)}, and a new one is begun"
        )
        return Database(path, limits)


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


def _put_aside(path: str) -> str:
    """Rename a file that cannot be read, and its own log; return its new name."""
    aside = _unused(f"{path}.unreadable")
    for suffix in ("-wal", "-journal", ""):
        with suppress(FileNotFoundError):
            Path(path + suffix).replace(aside + suffix)
    return aside


def _nbytes(entry: Entry) -> int:
    """Return how many bytes of buffers an entry holds."""
    return frames_nbytes(entry.frames or ()) + frames_nbytes(entry.result_frames or ())


def _taken(line: deque[T]) -> list[T]:
    """Take out what is in line now; another thread may take from it, too."""
    found: list[T] = []
    with suppress(IndexError):
        found.extend(line.popleft() for _ in range(len(line)))
    return found


def _mark_one(entry: Entry, msg_id: str) -> None:
    entry.resubmitted = msg_id


def _add(entry: Entry, stdout: str, stderr: str, before: Change) -> None:
    if before is not None:
        before(entry)
    entry.stdout += stdout
    entry.stderr += stderr
