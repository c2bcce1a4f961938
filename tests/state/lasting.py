"""An engine that outlives its controllers, without a process."""

from __future__ import annotations

from collections.abc import Mapping

from parallel.protocol.messages import (
    EngineDied,
    EngineInfo,
    Held,
    HeldTask,
    Stage,
    Status,
)
from parallel.state.events import InterruptTask, SendTask, TaskFinished
from parallel.state.naming import NAME_NBYTES, TaskKey
from parallel.state.past import past_in
from tests.state.engines import FakeEngine

__all__ = ["LastingEngine"]

#: What another controller sends is numbered from so far up.
LEAP = 1000


class LastingEngine(FakeEngine):
    """An engine that keeps what it has started, and results until they are confirmed.

    Parameters
    ----------
    is_watched
        An agent can tell what it had started.
    """

    def __init__(self, engine_id: int, *, is_watched: bool) -> None:
        super().__init__(engine_id, {}, [])
        self.is_watched = is_watched
        self.is_alive = True
        #: What it has said and must say again, until it is confirmed.
        self.kept: list[TaskFinished] = []
        #: By ordinal: what it knows tasks by, how they ended, and how they are to end.
        self.tokens: dict[int, bytes] = {}
        self.statuses: dict[int, Status] = {}
        self.orders: dict[int, Status] = {}

    def __repr__(self) -> str:
        return f"<engine {self.engine_id}>"

    @property
    def info(self) -> EngineInfo:
        """Who it is."""
        return EngineInfo(self.engine_id, self.uuid, "host", 1)

    def send(self, action: SendTask) -> None:
        """Take a task into its line."""
        self.tasks.append(action)
        self.tokens[action.ordinal] = action.task.token

    def give_back(self) -> None:
        request = self.requests[0]
        if isinstance(request, InterruptTask):
            self.orders[request.ordinal] = request.status
        super().give_back()

    def finish(self, duration: float, status: Status = Status.OK) -> None:
        top = self.running
        assert top is not None
        if status is not Status.OK:
            status = self.orders.get(top.ordinal, status)
        super().finish(duration, status)
        said = self.results[-1]
        assert isinstance(said, TaskFinished)
        self.kept.append(said)
        self.statuses[said.ordinal] = said.status

    def begin_again(self) -> None:
        """Take note of another controller: nothing of the last one's is started."""
        for line in (self.tasks, self.requests, self.results, self.answers):
            line.clear()
        self.given_back.clear()
        self.position = max(self.position, self.reach) + LEAP

    def forget(self, ended: set[TaskKey], starts: Mapping[TaskKey, int]) -> None:
        """Forget how tasks ended, or starts of others of which their client knows."""
        self.kept = [
            kept
            for kept in self.kept
            if kept.outcome not in ended
            and self._starts(kept.ordinal) >= starts.get(kept.outcome, 0)
        ]

    def _starts(self, ordinal: int) -> int:
        return past_in(self.tokens[ordinal][NAME_NBYTES:]).starts

    def held(self) -> Held:
        """Return all that it has."""
        top = self.stack[-1] if self.stack else None
        tasks = []
        for sent in self.stack:
            waits = sent is not top or sent.ordinal in self.waits
            stage = Stage.SUSPENDED if waits else Stage.RUNNING
            tasks.append(HeldTask(self.tokens[sent.ordinal], sent.ordinal, stage))
        for kept in self.kept:
            token = self.tokens[kept.ordinal]
            tasks.append(HeldTask(token, kept.ordinal, Stage.ENDED))
        return Held(self.position, tasks)

    def died(self) -> EngineDied:
        """Return what is told of its death to a controller that has not heard of it."""
        once = None
        if self.is_watched:
            started = [s for s in self.started if not s.task.terms.engine_retries]
            once = [self.tokens[sent.ordinal] for sent in started]
        return EngineDied(self.uuid, "was killed", 0, self.engine_id, once=once)
