"""Gives queued tasks to engines: which of them, to whom, and how many in a row."""

from __future__ import annotations

from .choosing import Choosing
from .events import SendTask
from .ledger import Ledger
from .levelling import Levelling
from .placement import Placement
from .stopping import Stopping
from .tasks import Engine, Task

__all__ = ["AT_REST", "Assigning"]

#: Engines that all wait for so long may wait for something in the queue, seconds.
AT_REST = 0.1


class Assigning:
    """Assigns while there are tasks, and engines that have room for them.

    What is to be done is added to the ledger's actions.
    """

    def __init__(
        self,
        placement: Placement,
        choosing: Choosing,
        ledger: Ledger,
        stopping: Stopping,
        levelling: Levelling,
    ) -> None:
        self._placement = placement
        self._choosing = choosing
        self._ledger = ledger
        self._queue = ledger.queue
        self._deadlines = ledger.deadlines
        self._stopping = stopping
        self._levelling = levelling

    def dispatch(self, now: float) -> None:
        """Assign what can be assigned, and even out lines for those that are idle."""
        placement, queue = self._placement, self._queue
        if queue.size and (
            placement.policy.loads or placement.piled or placement.timed
        ):
            if queue.lanes:
                self._dispatch_lanes(now)
            self._dispatch_plain(now)
        if placement.crowded and placement.policy.idle():
            self._levelling.level(now)

    def _dispatch_plain(self, now: float) -> None:
        """Assign while there are tasks that any engine may run, and room."""
        queue, placement = self._queue, self._placement
        engines = placement.engines
        choose, plain = placement.policy.choose, queue.plain
        suit = self._choosing.choose
        while (task := plain.head()) is not None:
            uuid = choose(task.near)
            engine = engines[uuid] if uuid else suit(None, task.terms.depth)
            if engine is None:
                return
            if engine.until and self._lacks_time(task, engine, now):
                continue
            waiting = queue.size
            share = placement.share(engine, waiting) if uuid and waiting > 1 else 1
            while task is not None and share > 0:
                queue.pop(plain)
                self.assign(task, engine, now)
                task = plain.head()
                share = share - 1 if task is None or task.near is None else 0
                if engine.until and task and task.terms.time_limit is not None:
                    break  # it may lack the time for that
            placement.settle(engine)

    def _lacks_time(self, task: Task, engine: Engine, now: float) -> bool:
        """Tell whether the next plain task may take too long for an engine.

        It stands in another lane then, for those that have the time.
        """
        if engine.has_time(task.terms.time_limit, now):
            return False
        self._queue.pop(self._queue.plain)
        task.settle_needs(timed=True)
        self._queue.push(task)
        self._dispatch_lanes(now)
        return True

    def _dispatch_lanes(self, now: float) -> None:
        """Assign in turn while there are tasks that only some engines may run."""
        placed, placement, choose = True, self._placement, self._choosing.choose
        while placed and (placement.policy.loads or placement.piled or placement.timed):
            placed = False
            for task, lane in self._queue.by_rank():
                engine = choose(lane.needs, task.terms.depth)
                if engine is not None:
                    self._queue.pop(lane)
                    self.assign(task, engine, now)
                    placement.settle(engine)
                    placed = True
                    break
                if lane.needs is not None and not (
                    lane.reserved and lane.reserved.reserved
                ):
                    lane.reserved = self._choosing.reserve(lane.needs)

    def assign(self, task: Task, engine: Engine, now: float) -> None:
        """Put a task in an engine's line, and send it: settle the engine after that."""
        ordinal = self._placement.give(task, engine, now)
        self._ledger.actions.append(SendTask(engine.uuid, ordinal, task))
        if task.terms.time_limit is not None and engine.running == ordinal:
            self._stopping.limit_running(engine, now)

    def watch_piles(self, now: float) -> None:
        """See to it that engines do not wait for what only they could run.

        For a moment they may seem to: what they wait for has ended, on its way.
        """
        if not self._queue.size or not self._placement.is_at_rest():
            self._deadlines.call_off(("rest",))
        elif ("rest",) not in self._deadlines:
            self._deadlines.set(("rest",), now + AT_REST)

    def on_rest(self, now: float) -> None:
        """Let engines have what they may be waiting for."""
        self._choosing.lenient = True
        self.dispatch(now)
        self._choosing.lenient = False
