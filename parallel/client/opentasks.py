"""What a client has submitted and not got back, and where each outcome goes."""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeAlias

from ..aliases import Digest, EngineId
from ..errors import ParallelError
from ..protocol.messages import (
    Again,
    EndedTask,
    Outcome,
    Published,
    StartedTask,
    Status,
    Submit,
    TaskOutput,
)
from .ends import Ends, ended

__all__ = ["Open", "OpenTasks", "Sink"]

_log = logging.getLogger("parallel.client")

#: Beyond so many unfinished tasks, or so many bytes of their arguments, a submitter
#: waits while results come quickly, until half of that is left: to wait for less
#: would send what follows one by one. More bytes than these are memory that each
#: process touches for the first time (80 kB each: 3,500 tasks/s instead of 4,300).
AHEAD, AHEAD_NBYTES = 2048, 32 << 20
#: Output that comes after its task's result finds the task among so many. Of these a
#: controller that was started again is told how they ended: its record may not know.
RECENT = 2048


class Sink(Protocol):
    """Where the outcome of a task goes."""

    def deliver(self, index: int, outcome: Outcome, frames: Sequence[Any]) -> None:
        """Take the outcome of the task of this index."""

    def show(self, index: int, output: TaskOutput) -> None:
        """Take what a task printed while it ran, or after its result."""

    def publish(self, index: int, published: Published, frames: Sequence[Any]) -> None:
        """Take what a task shows while it runs, other than text."""

    def give_up(self, error: ParallelError) -> None:
        """Take note that no outcome will come any more."""


#: A task that has not come back: where the outcome goes, as which part, the bytes of
#: its arguments; and what submitted it, maybe with others, to be said again. A named
#: tuple would take six times as long.
Open: TypeAlias = tuple[Sink, int, int, Submit, Sequence[Any]]


class OpenTasks:
    """Unfinished tasks by number."""

    def __init__(self) -> None:
        self.open: dict[int, Open] = {}
        #: What is known of those that they depend on.
        self.ends = Ends()
        #: Those that were given up, and whether they are to be interrupted.
        self.aborted: dict[int, bool] = {}
        #: How earlier starts ended of those that are to be started again.
        self.started: dict[int, StartedTask] = {}
        #: The bytes of arguments under way, those that travel in frames.
        self.nbytes = 0
        #: Balanced maps by their `id`: of some, more is to be submitted.
        self.maps: weakref.WeakValueDictionary[int, Future[Any]] = (
            weakref.WeakValueDictionary()
        )
        #: How many have ended so far.
        self.finished = 0
        #: The tasks that finished last: what they print now still finds them.
        self._recent: deque[
            tuple[int, weakref.ref[Sink], int, tuple[Status, EngineId]]
        ] = deque(maxlen=RECENT)

    def load(self) -> float:
        """Return how much is under way; 1.0 is as much as ever speeds things up."""
        return max(len(self.open) / AHEAD, self.nbytes / AHEAD_NBYTES)

    def digests(self) -> set[Digest]:
        """Return the functions of all of them."""
        return {found[3].digest for found in self.open.copy().values()}

    def part_of(self, seq: int) -> tuple[Sink, int] | None:
        """Return which part of what a task is; None if it has ended."""
        found = self.open.get(seq)
        return None if found is None else found[:2]

    def name_of(self, seq: int) -> str:
        """Return what users call the function of a task."""
        sink, *_ = self.open.get(seq, (None,))
        return str(getattr(sink, "_fname", "a task"))

    def sinks(self) -> list[Sink]:
        """Return where their outcomes go, each once."""
        found = [each[0] for each in self.open.copy().values()]
        return list({id(sink): sink for sink in found}.values())

    def unfinished_maps(self) -> list[Future[Any]]:
        """Return the maps of which not all has come, or is submitted."""
        maps = [reference() for reference in self.maps.valuerefs()]
        return [each for each in maps if each is not None and not each.done()]

    def on_outcome(self, outcome: Outcome, frames: Sequence[Any]) -> None:
        """Deliver an outcome."""
        found = self.open.pop(outcome.seq, None)
        if found is not None:
            self.finished += 1
            sink, index, nbytes, *_ = found
            self.nbytes -= nbytes
            try:
                sink.deliver(index, outcome, frames)
            except Exception as error:  # who waits for others waits on
                _log.exception("an outcome cannot be delivered")
                why = f"an outcome came, and cannot be delivered: {error!r}"
                sink.give_up(ParallelError(why))
            if self.ends:
                self.ends.ended(outcome)
            if self.aborted:
                self.aborted.pop(outcome.seq, None)
            if self.started:
                self.started.pop(outcome.seq, None)
            end = outcome.status, outcome.engine_id
            self._recent.append((outcome.seq, weakref.ref(sink), index, end))

    def known_ends(self) -> list[EndedTask]:
        """Return how tasks ended that others depend on, or may yet."""
        recent = list(self._recent)
        return [*self.ends.all(), *(ended(seq, *end) for seq, *_, end in recent)]

    def note_aborted(self, seqs: Iterable[int], interrupt: bool) -> None:
        """Take note that tasks were given up."""
        for seq in seqs:
            self.aborted[seq] = interrupt or self.aborted.get(seq, False)

    def on_again(self, again: Again) -> None:
        """Take note that a task is to be started again: another controller is told."""
        if again.task.seq in self.open:
            self.started[again.task.seq] = again.task

    def on_output(self, output: TaskOutput) -> None:
        """Show what a task printed."""
        sink, index = self._sink_of(output.seq)
        if sink is not None:
            sink.show(index, output)

    def on_published(self, published: Published, frames: Sequence[Any]) -> None:
        """Pass on what a task shows."""
        sink, index = self._sink_of(published.seq)
        if sink is not None:
            sink.publish(index, published, frames)

    def _sink_of(self, seq: int) -> tuple[Sink | None, int]:
        """Return where what a task says goes, if it is not long finished."""
        sink, index, *_ = self.open.get(seq, (None, 0))
        if sink is None:
            for number, reference, place, _ in self._recent:
                if number == seq:
                    return reference(), place
        return sink, index

    def give_up(self, error: ParallelError) -> None:
        """Tell all that wait that nothing will come any more."""
        waiting = self.sinks()
        self.open.clear()
        for sink in waiting:
            sink.give_up(error)
