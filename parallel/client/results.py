"""Results that are to come: `AsyncResult`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NoReturn

from ..protocol.messages import Status
from .deliveries import Delivered
from .displays import display_outputs
from .extensions import EXTENSIONS
from .metadata import Metadata
from .opened import without_payload
from .shown import NOTHING, News, Told
from .streaming import streaming
from .whole import Whole

__all__ = ["AsyncResult"]


class AsyncResult(Whole):
    """The result of one call, or of one call on several engines.

    Also a `concurrent.futures.Future`, and awaitable: to cancel who awaits it
    cancels it. What is known of its tasks, such as `engine_id` or `stdout`, are
    attributes and items: see `Metadata`.

    Parameters
    ----------
    fname
        What to call it in messages.
    single
        One bare value rather than a list of them.
    """

    #: Whether the result of one of its tasks is a bare value.
    _parts_are_single = True
    #: Its parts that somebody has.
    _cut: weakref.WeakValueDictionary[int, AsyncResult] | None = None

    # Its parts

    def origin(self, index: int) -> tuple[AsyncResult, int]:
        """Return the result that a task was submitted for, and its index there."""
        return self, index

    def split(self, *, wait: bool = True) -> tuple[AsyncResult, ...]:
        """Return a result for each task: this itself if there is one only.

        A part of a call on several engines is a result like that of a call on one. What
        `get` returns of a map's part is a list with one chunk of values.

        Parameters
        ----------
        wait
            Wait until all of a map is submitted: what is not has no part yet.
        """
        if wait and not self.sent:
            self.wait_for_send()
        if len(self._delivered) == 1 and self.sent:
            return (self,)
        return tuple(self._part(i) for i in range(len(self._delivered)))

    def _part(self, index: int) -> AsyncResult:
        """Return the part of one task: the same as long as somebody has it."""
        if self._cut is None:
            self._cut = weakref.WeakValueDictionary()
        part = self._cut.get(index)
        if part is None:
            part = Selection(
                self._fname, [self.origin(index)], single=self._parts_are_single
            )
            self._cut[index] = part
        return part

    @staticmethod
    def join(*results: AsyncResult) -> AsyncResult:
        """Return one result for the tasks of several, in their order.

        Its value is a list, also for a single task. What is not submitted yet of a map
        is waited for.

        Raises
        ------
        ValueError
            There are none, or they are of several clients.
        """
        if not results:
            raise ValueError("AsyncResult.join(*results): there are no results to join")
        if len({id(ar._connection) for ar in results}) > 1:
            raise ValueError("AsyncResult.join(*results): they are of several clients")
        for ar in results:
            ar.wait_for_send()
        parts = [ar.origin(i) for ar in results for i in range(len(ar._delivered))]
        return Selection(results[0]._fname, parts, single=False)

    def _sorted_out(self) -> tuple[set[AsyncResult], set[AsyncResult]]:
        parts = self.split(wait=False)
        done = {part for part in parts if Future.done(part)}
        return done, set(parts) - done

    # Showing

    def stream_output(self) -> AbstractContextManager[None]:
        """Show what its tasks print and display as it comes, in a `with` block."""
        return streaming(self)

    def display_outputs(self, groupby: str = "type", result_only: bool = False) -> None:
        """Show what its tasks printed and displayed, waiting for it.

        Parameters
        ----------
        groupby
            'type': all that was printed, then all displays; 'engine': one engine
            after the other; 'order': the first displays of all, then the second.
        result_only
            Show only the values of executed code.

        Raises
        ------
        ValueError
            `groupby` is none of these.
        """
        self.wait_for_output()
        tasks = range(len(self._delivered))
        shown = [i for i in tasks if self._has_value(i)] if result_only else tasks
        facts = [self._facts(i) for i in shown]
        display_outputs(facts, groupby, result_only=result_only, single=self._single)

    def debug(self, index: int | None = None) -> None:
        """Look at the variables where a task failed: a prompt of pdb's, here.

        Its commands are run on the engine that failed, as short tasks. What there is
        nothing to look at for is told in a line.

        Parameters
        ----------
        index
            Of the task; by default the first that failed.

        Raises
        ------
        IndexError
            There is no such task.
        """
        EXTENSIONS.call("debugger", self, self._client, index)

    def _has_value(self, index: int) -> bool:
        """Tell whether a task has a value to show, as executed code may have."""
        return False

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"an {self._kind} stays in its process: send what its get() returns"
        )


class Selection(AsyncResult):
    """Some tasks of other results, as a result of its own.

    Parameters
    ----------
    parts
        Each a result and an index in it, as `AsyncResult.origin` returns them.
    """

    def __init__(
        self, fname: str, parts: Sequence[tuple[AsyncResult, int]], *, single: bool
    ) -> None:
        first = parts[0][0]
        super().__init__(
            first._connection, fname, single=single, count=len(parts),
            terms=first._terms,
        )  # fmt: skip
        self._method = first._method
        self._return_exceptions = first._return_exceptions
        self._parts = list(parts)
        self._client = first._client
        times = [part._submitted_at(i) for part, i in parts]
        self._submitted = min([time for time in times if time], default=self._submitted)
        self._seqs = [part._seqs[i] for part, i in parts if i < len(part._seqs)]
        self._taking = threading.Lock()
        own: dict[AsyncResult, dict[int, list[int]]] = {}  # a task may be there twice
        for at, (part, index) in enumerate(parts):
            own.setdefault(part, {}).setdefault(index, []).append(at)
        for part, places in own.items():
            watch = partial(self._hear_of, part, places)
            part.watch(watch)
            for index in places:
                self._hear_of(part, places, index)
            if Future.done(part):
                self._hear_of(part, places, None)
                part._unwatch(watch)  # which it keeps: a circle

    def _hear_of(
        self, part: AsyncResult, places: dict[int, list[int]], index: int | None
    ) -> None:
        """Take what has come of a part; if that ended without all, end too."""
        if index is None:
            if part._failure is not None and any(
                self._delivered[at] is None for each in places.values() for at in each
            ):
                self.give_up(part._failure)
            return
        delivered = part._delivered[index]
        for at in places.get(index, ()):
            if delivered is None:  # it shows something
                self._tell(at)
            else:
                self._take(at, delivered)

    def _take(self, at: int, delivered: Delivered) -> None:
        with self._taking:  # whoever made this looks, and whoever reads the connection
            if self._delivered[at] is not None:
                return
            kept = without_payload(delivered.outcome)
            self._delivered[at] = Delivered(kept, (), delivered.received)
            part, index = self._parts[at]
            self._submitted = min(self._submitted, part._submitted_at(index))
            self._missing -= 1
            self._failed = self._failed or kept.status != Status.OK
            complete = not self._missing
        if self._watches:
            self._tell(at)
        if complete:
            self._finish()

    def origin(self, index: int) -> tuple[AsyncResult, int]:
        """Return the result that a task was submitted for, and its index there."""
        return self._parts[index]

    @property
    def msg_ids(self) -> list[str]:
        """The ids of its tasks."""
        known = [
            (part, part._seqs[i]) for part, i in self._parts if i < len(part._seqs)
        ]
        return [part._msg_id(seq) for part, seq in known]

    def _stop_tasks(self, *, interrupt: bool) -> None:
        super()._stop_tasks(interrupt=interrupt)
        of: dict[AsyncResult, list[int]] = {}
        for part, index in self._parts:
            of.setdefault(part, []).append(index)
        for part, indices in of.items():
            part.stop_recorded(indices, interrupt=interrupt)

    def _value(self, index: int) -> Any:
        part, at = self._parts[index]
        return part._value(at)

    def _facts(self, index: int) -> Metadata:
        part, at = self._parts[index]
        return part._facts(at)

    def _has_value(self, index: int) -> bool:
        part, at = self._parts[index]
        return part._has_value(at)

    def news(self, index: int, told: Told = NOTHING) -> News:
        """Return what a task printed and displayed since so much was told of it."""
        part, at = self._parts[index]
        return part.news(at, told)

    def engine_of(self, index: int) -> int | None:
        """Return the engine of a task, if it is known yet."""
        part, at = self._parts[index]
        return part.engine_of(at)
