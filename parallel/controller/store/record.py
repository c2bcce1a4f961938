"""The record as the controller sees it: told of each task, and asked about them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import (
    Callable,
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from ...aliases import Uuid
from ...protocol.messages import Outcome, Submit
from ...protocol.wire import frames_nbytes
from ...state.naming import TaskKey, task_key
from ...state.past import Past
from ..limits import Limits
from .conditions import Condition, parse
from .entry import Entry, msg_id_of
from .fields import checked_keys, record_of

__all__ = ["Record", "settle"]

T = TypeVar("T")
#: So many tasks are read together.
PORTION = 32


class Record:
    """What is known of all tasks.

    `open`, `finish` and `printed` are called for each task, in the controller's
    thread, and do next to nothing. All questions are answered by futures.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        #: The unfinished tasks, and those finished ones that are nowhere else yet.
        self._entries: dict[TaskKey, Entry] = {}
        self._watched: dict[TaskKey, list[Future[Entry]]] = {}
        #: It lacks what an earlier controller may have recorded.
        self.is_begun_anew = False
        self._own = uuid.uuid4().bytes
        self._numbers = itertools.count()

    def start(self, tell: Callable[[str], None]) -> None:
        """Begin to record.

        Parameters
        ----------
        tell
            Is told, by any thread, of a trouble that users should know of.
        """

    def close(self) -> None:
        """See that all is recorded, and end."""

    # What the dispatcher tells

    def open(
        self,
        key: TaskKey,
        submit: Submit,
        frames: Sequence[Any],
        code: bytes,
        now: float,
    ) -> None:
        """Take note of a task that was submitted `now`, seconds since the epoch."""
        raise NotImplementedError

    def finish(
        self,
        key: TaskKey,
        outcome: Outcome,
        frames: Sequence[Any] | None,
        engine_uuid: Uuid,
        now: float,
    ) -> None:
        """Take note of how a task ended; None is for frames that are not known."""
        raise NotImplementedError

    def started(self, key: TaskKey, past: Past) -> None:
        """Take note that a task is to be started again, and of its earlier starts."""
        if (entry := self.unfinished(key)) is not None:
            entry.past = past

    def printed(
        self, key: TaskKey, stdout: str, stderr: str, *, running: bool = False
    ) -> None:
        """Take note of what a task printed beside its result.

        What one prints that is `running` will be told again by its outcome.
        """
        raise NotImplementedError

    @property
    def is_on_disk(self) -> bool:
        """Tell whether what is written outlives this process."""
        return False

    def written(self) -> Future[None]:
        """Return what tells when all that was told so far is as safe as it will be."""
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def inherited(self) -> list[Entry]:
        """Return what an earlier controller left unfinished, if nobody asked for it."""
        return []

    def unfinished(self, key: TaskKey) -> Entry | None:
        """Return what is known of a task, if it is in hand and has not ended."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry.outcome is None else None

    def lose_inherited(self, now: float, but: Container[TaskKey] = ()) -> None:
        """End what an earlier controller left unfinished, and nobody asks for.

        Parameters
        ----------
        but
            Those that are being done.
        """

    @property
    def own(self) -> Uuid:
        """Whose tasks those are that no client has numbered."""
        return self._own

    def new_key(self) -> TaskKey:
        """Return a key for a task that no client has numbered."""
        return TaskKey(self._own, next(self._numbers))

    # What is asked

    def history(self) -> Future[list[str]]:
        """Return the ids of all recorded tasks, in the order of their submission."""
        return self._ask(lambda: [msg_id_of(key) for key in self._keys()])

    def find(
        self,
        query: Mapping[str, Any] | None,
        keys: str | Sequence[str] | None = None,
        make: Callable[[dict[str, Any]], Any] = lambda record: record,
    ) -> Future[list[Any]]:
        """Return the records that meet a query, oldest submission first.

        Parameters
        ----------
        keys
            What is wanted of each beside its `msg_id`; by default all but buffers.
        make
            Makes of each record what is returned of it. It is called for one after the
            other as they are read: all at once are much more than all that is on disk.

        Raises
        ------
        ValueError
            A key or an operator does not exist; or, from the future, buffers are
            asked for that were not kept.
        """
        conditions, wanted = parse(query), checked_keys(keys)
        return self._ask(lambda: self._find(conditions, wanted, make))

    def _find(
        self,
        conditions: Sequence[Condition],
        wanted: Sequence[str],
        make: Callable[[dict[str, Any]], Any],
    ) -> list[Any]:
        named = {*wanted, *(each.key for each in conditions)}
        frames = not named.isdisjoint(_FROM_FRAMES)
        found = [
            (entry.submitted, entry.key[1], make(record_of(entry, wanted)))
            for entry in self._select(conditions, frames=frames)
        ]
        found.sort(key=itemgetter(0, 1))
        return [made for _, _, made in found]

    def entries(
        self, msg_ids: Iterable[str], *, frames: bool = False
    ) -> Future[list[Entry]]:
        """Return what is known of these tasks, in their order; with frames, all of it.

        From the future comes a `KeyError` that names those that nobody knows.
        """
        wanted = list(msg_ids)
        return self._ask(lambda: self._known(wanted, frames=frames))

    def arguments(self, msg_ids: Sequence[str], most: int) -> Future[list[Entry]]:
        """Return all that is known of these tasks, in their order.

        From the future comes a `ValueError` if their arguments are more than so many
        bytes: they are read one after the other; or a `KeyError`, as of `entries`.
        """
        return self._ask(lambda: list(self._for_again(msg_ids, most)))

    def _for_again(self, msg_ids: Sequence[str], most: int) -> Iterator[Entry]:
        nbytes = 0
        for at in range(0, len(msg_ids), PORTION):
            for entry in self._known(msg_ids[at : at + PORTION], frames=True):
                nbytes += len(entry.submit.payload) + frames_nbytes(entry.frames or ())
                if nbytes > most:
                    raise ValueError(
                        f"the arguments of these {len(msg_ids):,} tasks are more than "
                        f"the {most >> 20:,} MiB that the controller may take in now: "
                        "resubmit some of them, and others once these have ended"
                    )
                yield msgspec.structs.replace(entry, result_frames=None)

    def ended(
        self, keys: Collection[TaskKey], *, frames: bool = False
    ) -> Future[list[Entry]]:
        """Return what is known of those of these tasks that have ended."""
        wanted = set(keys)

        def find() -> list[Entry]:
            found = self._get(wanted, frames=False).values()
            ended = {entry.key for entry in found if entry.outcome is not None}
            if frames and ended:
                found = self._get(ended, frames=True).values()
            return [entry for entry in found if entry.outcome is not None]

        return self._ask(find)

    def _known(self, msg_ids: Sequence[str], *, frames: bool = False) -> list[Entry]:
        keys = [task_key(msg_id) for msg_id in msg_ids]
        found = self._get({key for key in keys if key is not None}, frames=frames)
        missing = [m for m, k in zip(msg_ids, keys, strict=True) if k not in found]
        if missing:
            raise KeyError(_unknown(missing))
        return [found[key] for key in keys if key is not None]

    def is_open(self, msg_id: str) -> bool:
        """Tell whether a task is in hand: it has not ended, or not long ago."""
        return task_key(msg_id) in self._entries

    def watch(self, msg_id: str) -> Future[Entry]:
        """Return what is known of a task once it has ended, frames included.

        From the future comes a `KeyError` if nobody knows it. One that came to be
        known only after this was asked may come unfinished.
        """
        future: Future[Entry] = Future()
        key = task_key(msg_id)
        entry = self._entries.get(key) if key is not None else None
        if key is not None and entry is not None:
            if entry.outcome is None:
                self._watched.setdefault(key, []).append(future)
                future.add_done_callback(partial(self._unwatch, key))
            else:
                future.set_result(entry)
            return future
        known = self.entries([msg_id], frames=True)
        known.add_done_callback(lambda done: _pass_first(done, future))
        return future

    def purge(
        self, msg_ids: Collection[str] | None, engines: Collection[Uuid] = ()
    ) -> Future[None]:
        """Forget finished tasks: these and those of these engines, or, by None, all.

        From the future comes an `IndexError` that names those that are not finished,
        or a `KeyError` for those that nobody knows; nothing is forgotten then.
        """
        ids, uuids = None if msg_ids is None else list(msg_ids), set(engines)
        return self._ask(lambda: self._purge(ids, uuids))

    def _purge(self, msg_ids: list[str] | None, engines: set[Uuid]) -> None:
        if msg_ids is None:
            self._delete(None)
            return
        chosen = self._known(msg_ids)
        pending = [entry.msg_id for entry in chosen if entry.outcome is None]
        if pending:
            raise IndexError(
                f"{len(pending)} of the tasks to purge have not finished: "
                f"{', '.join(pending[:5])}{' …' * (len(pending) > 5)}"
            )
        if engines:
            where = Condition("engine_uuid", "$in", [uuid.hex() for uuid in engines])
            chosen += self._select([where], frames=False)
        self._delete([entry.key for entry in chosen if entry.outcome is not None])

    def resubmitted(self, pairs: Mapping[TaskKey, TaskKey]) -> Future[None]:
        """Take note that tasks were submitted again, and under which keys."""
        again = {old: msg_id_of(new) for old, new in pairs.items()}
        return self._ask(lambda: self._mark(again))

    # What a store does

    def _ask(self, do: Callable[[], T]) -> Future[T]:
        """Have something done where all recorded tasks can be reached."""
        future: Future[T] = Future()
        settle(future, do)
        return future

    def _keys(self) -> list[TaskKey]:
        """Return which tasks there are, oldest submission first."""
        raise NotImplementedError

    def _select(
        self, conditions: Sequence[Condition], *, frames: bool
    ) -> Iterator[Entry]:
        """Yield the tasks that meet all conditions, in no order."""
        raise NotImplementedError

    def _get(
        self, keys: Collection[TaskKey], *, frames: bool
    ) -> dict[TaskKey | None, Entry]:
        """Return those of these tasks that are known."""
        raise NotImplementedError

    def _delete(self, keys: Collection[TaskKey] | None) -> None:
        """Forget these tasks, or all finished ones."""
        raise NotImplementedError

    def _mark(self, again: Mapping[TaskKey, str]) -> None:
        """Note under which ids tasks were submitted again."""
        raise NotImplementedError

    def _unwatch(self, key: TaskKey, future: Future[Entry]) -> None:
        """Forget who does not want to know any more how a task ends."""
        watchers = self._watched.get(key)
        if watchers is not None and future.cancelled():
            watchers.remove(future)
            if not watchers:
                del self._watched[key]

    def _tell_watchers(self, key: TaskKey, entry: Entry) -> None:
        for future in self._watched.pop(key, ()):
            with suppress(InvalidStateError):
                future.set_result(entry)


_FROM_FRAMES = frozenset(
    {
        "buffers", "result_buffers", "content", "execute_input", "execute_result",
        "error", "result_content",
    }
)  # fmt: skip


def _unknown(msg_ids: Sequence[str]) -> str:
    shown = ", ".join(msg_ids[:5]) + " …" * (len(msg_ids) > 5)
    return (
        f"no record of {shown}: it is no task of this cluster, or it was purged, or "
        "so many came after it that it was dropped; hub_history() lists those that "
        "are known"
    )


def settle(future: Future[T], do: Callable[[], T]) -> None:
    """Do something, and have a future tell what came of it."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = do()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _pass_first(done: Future[list[Entry]], future: Future[Entry]) -> None:
    error = done.exception()
    with suppress(InvalidStateError):
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result()[0])
