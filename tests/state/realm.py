"""A cluster whose controller may be killed at any moment, without any process.

The scheduler and the reunion are those of the controller that lives. All else lasts:
engines keep what they have started, and results until they are confirmed; the client
keeps its tasks until it has got their outcomes; what was on its way is lost.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import count
from typing import Any

from parallel.protocol.messages import Status
from parallel.protocol.terms import USUAL, Condition, Terms
from parallel.state.events import (
    DeliverOutcome,
    EngineJoined,
    EngineLost,
    Event,
    FailTask,
    Holding,
    InterruptTask,
    KillEngine,
    RevokeTasks,
    SendTask,
    TaskFinished,
    TasksEnded,
    TaskSubmitted,
    TimePassed,
)
from parallel.state.history import FAILED, OK
from parallel.state.reunion import Reunion, Told
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import TaskKey
from tests.state.engines import FakeEngine

CLIENT = b"the only client!"
UNKNOWN = "what no client has told of"
LEAP = 1000


class LastingEngine(FakeEngine):
    """An engine that outlives its controllers."""

    def __init__(self, engine_id: int) -> None:
        super().__init__(engine_id, {}, [])
        #: What it has said and must say again, until it is confirmed.
        self.kept: list[TaskFinished] = []
        self.is_alive = True

    def finish(self, duration: float, status: Status = Status.OK) -> None:
        super().finish(duration, status)
        said = self.results[-1]
        assert isinstance(said, TaskFinished)
        self.kept.append(said)

    def begin_again(self) -> None:
        """Take note of another controller: nothing of the last one's is started."""
        for line in (self.tasks, self.requests, self.results, self.answers):
            line.clear()
        self.given_back.clear()
        self.position = max(self.position, self.reach) + LEAP

    def holdings(self) -> list[Holding]:
        """Return all that it has."""
        top = self.stack[-1] if self.stack else None
        started = [
            Holding(
                s.task.key, UNKNOWN, s.ordinal, s is not top or s.ordinal in self.waits
            )
            for s in self.stack
        ]
        ended = [Holding(kept.outcome, UNKNOWN, kept.ordinal) for kept in self.kept]
        return started + ended


class Realm:
    """The cluster, and a judge of what becomes of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.engines: list[LastingEngine] = []
        #: Those of whose death no controller has heard.
        self.unnoticed: list[LastingEngine] = []
        #: The other dead ones.
        self.noticed: list[LastingEngine] = []
        self.starts: dict[TaskKey, list[LastingEngine]] = {}
        #: What the client has submitted, and what it has got.
        self.submitted: dict[TaskKey, TaskSubmitted] = {}
        self.got: dict[TaskKey, Status] = {}
        #: Tasks that have ended somewhere, be it that nobody knows.
        self.ended: set[TaskKey] = set()
        #: On its way to the client.
        self.told: deque[tuple[TaskKey, Status]] = deque()
        self.deaths = self.kills = 0
        self._seqs, self._ids = count(), count()
        self.machine = Scheduler()
        self.reunion: Reunion | None = None
        self.is_client_there = True
        #: The record has yet to answer.
        self.is_asked = False

    # What can happen

    def join(self) -> LastingEngine:
        """Let an engine join."""
        engine = LastingEngine(next(self._ids))
        self.engines.append(engine)
        self._tell([EngineJoined(engine.uuid, engine.engine_id)])
        return engine

    def submit(
        self,
        pinned: int | None = None,
        after: TaskKey | None = None,
        *,
        once: bool = False,
    ) -> TaskKey:
        """Let the client submit a task; it may know of no controller yet."""
        key = TaskKey(CLIENT, next(self._seqs))
        terms: dict[str, Any] = {"engine_retries": 0} if once else {}
        if after is not None:
            name = f"{after.client.hex()}_{after.seq}"
            terms["after"] = Condition([name], success=True, failure=True)
        event = TaskSubmitted(key, "call", pinned, Terms(**terms) if terms else USUAL)
        self.submitted[key] = event
        if self.is_client_there:
            self._take(event)
        return key

    def start(self, engine: LastingEngine) -> None:
        """Let an engine start its next task."""
        started = engine.start()
        if started is None:
            return
        key = started.task.key
        before = self.starts.setdefault(key, [])
        assert key not in self.got, f"task {key.seq} was started after its end"
        event = self.submitted[key]
        assert not [e for e in before if e.is_alive], f"task {key.seq} started twice"
        assert not (before and event.terms.engine_retries == 0), "once means once"
        assert not (before and event.pinned is not None), "a direct task, again"
        if event.terms.after is not None:
            (name,) = event.terms.after.msg_ids
            assert TaskKey(CLIENT, int(name.rpartition("_")[2])) in self.ended
        before.append(engine)

    def finish(self, engine: LastingEngine) -> None:
        """Let the running task of an engine end."""
        assert engine.running is not None
        self.ended.add(engine.running.task.key)
        engine.finish(1e-3)

    def hear(self, engine: LastingEngine) -> None:
        """Let the next that an engine says arrive."""
        if engine.uuid in self.machine.engines:
            self._tell([engine.results.popleft()])

    def receive(self) -> None:
        """Let the next outcome arrive at the client, which confirms it."""
        key, status = self.told.popleft()
        self._get(key, status)

    def _get(self, key: TaskKey, status: Status) -> None:
        if key in self.got:
            raise AssertionError(f"task {key.seq} ended twice")
        self.got[key] = status
        for engine in self.engines:
            engine.kept = [kept for kept in engine.kept if kept.outcome != key]

    def die(self, engine: LastingEngine) -> None:
        """Let an engine die; nobody has noticed yet."""
        self.deaths += 1
        engine.is_alive = False
        self.engines.remove(engine)
        self.unnoticed.append(engine)

    def notice(self) -> None:
        """Let the agent tell of a death."""
        engine = self.unnoticed.pop(0)
        self.noticed.append(engine)
        if self.reunion is not None and engine.uuid in self.reunion.awaited:
            self.machine.departed[engine.engine_id] = "killed"
            self.reunion.gone(engine.uuid)
            self._release()
        else:
            page, reach = engine.page, engine.reach
            self._tell([EngineLost(engine.uuid, "killed", page, True, reach)])

    def kill(self) -> None:
        """Kill the controller; another takes its place, and knows next to nothing."""
        self.kills += 1
        self.told.clear()
        self.machine = Scheduler()
        everybody = [*self.engines, *self.unnoticed, *self.noticed]
        self.reunion = Reunion(
            {engine.uuid: engine.engine_id for engine in everybody},
            self.machine.tasks.__contains__,
            self.machine.knows,
            self.now,
        )
        for engine in everybody:
            engine.begin_again()
        for engine in self.noticed:  # the roster has those that died of late
            self.reunion.gone(engine.uuid)
        self.is_client_there = False

    def speak(self, engine: LastingEngine) -> None:
        """Let an engine tell the controller what it has."""
        assert self.reunion is not None
        held = engine.holdings()
        uuid, reach = engine.uuid, engine.position
        joined = EngineJoined(uuid, engine.engine_id, holdings=held, reach=reach)
        self._tell([joined])
        self._release(self.reunion.spoke(uuid, [each.key for each in held]))
        engine.results.extend(engine.kept)

    def come_back(self) -> None:
        """Let the client tell the controller what it has under way."""
        assert self.reunion is not None
        self.is_client_there = True
        ends = [(k, OK if s is Status.OK else FAILED, -1) for k, s in self.got.items()]
        self._tell([TasksEnded(ends)])
        unfinished = [key.seq for key in self.submitted if key not in self.got]
        self.reunion.reopen(CLIENT, len(self.submitted), unfinished)
        self.is_asked = True
        for seq in unfinished:
            self._take(self.submitted[TaskKey(CLIENT, seq)])

    def answer(self) -> None:
        """Let the record answer that it knows of nothing."""
        self.is_asked = False
        if self.reunion is not None:
            self.reunion.answered(CLIENT, {})
            self._release()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        wakeup = self.machine.wakeup
        if wakeup is not None and self.now >= wakeup:
            self._tell([TimePassed()])

    # What is decided

    def _take(self, event: TaskSubmitted) -> None:
        if self.reunion is None or not self.reunion.is_busy:
            self._tell([event])
            return
        found = self.reunion.submit(event)
        if isinstance(found, Told):
            self._say(event.key, found.status)
        elif found is not None:
            self._tell([found])
        if self.reunion.is_stale:
            self._release()

    def _release(self, keys: list[TaskKey] | None = None) -> None:
        assert self.reunion is not None
        going: list[Event] = []
        for event, told in self.reunion.release(keys):
            if told is None:
                going.append(event)
            else:
                self._say(event.key, told.status)
        self._tell(going)

    def _tell(self, events: list[Any]) -> None:
        by_uuid = {engine.uuid: engine for engine in [*self.engines, *self.unnoticed]}
        for action in self.machine.handle_all(events, self.now):
            match action:
                case SendTask(uuid):
                    by_uuid[uuid].tasks.append(action)
                case RevokeTasks(uuid) | InterruptTask(uuid):
                    by_uuid[uuid].requests.append(action)
                case DeliverOutcome(task):
                    self._end(task.key, task.body, Status.OK)
                case FailTask(task, status=status):
                    self._end(task.key, task.body, status)
                case KillEngine():
                    raise AssertionError("nobody asked for that")
        self.machine.check()

    def _say(self, key: TaskKey, status: Status) -> None:
        self.ended.add(key)
        self.told.append((key, status))

    def _end(self, key: TaskKey, body: Any, status: Status) -> None:
        if body != UNKNOWN:
            self._say(key, status)
            return
        assert self.reunion is not None
        if self.reunion.wants(key):
            self.reunion.ended[key] = Told(status, status)

    # How it ends

    def drain(self) -> None:
        """Let all come back, and all come to its end."""
        while self.unnoticed:
            self.notice()
        reunion = self.reunion
        if reunion is not None:
            if not self.is_client_there:
                self.come_back()
            self.answer()
            for engine in [e for e in self.engines if e.uuid in reunion.awaited]:
                self.speak(engine)
        if not self.engines:
            self.join()
        for _ in range(len(self.submitted) * 4 + 20):
            for engine in list(self.engines):
                self._work_off(engine)
            while self.told:
                self.receive()
            self.pass_time(3e-3)

    def _work_off(self, engine: LastingEngine) -> None:
        while engine.requests:
            engine.give_back()
        while engine.answers:
            self._tell([engine.answers.popleft()])
        while engine.results:
            self.hear(engine)
        if engine.running is not None:
            self.finish(engine)
        elif engine.can_start:
            self.start(engine)
        elif engine.suspended:
            engine.resume()

    def judge(self) -> None:
        """Assert that each task has ended, and well if it could."""
        missing = [key.seq for key in self.submitted if key not in self.got]
        assert not missing, f"nothing came of {missing}"
        starts = Counter({key: len(where) for key, where in self.starts.items()})
        for key, status in self.got.items():
            event = self.submitted[key]
            if status is Status.OK:
                assert starts[key], f"task {key.seq} never ran"
                continue
            may_fail = event.pinned is not None or event.terms.engine_retries == 0
            assert self.deaths, "nobody died"
            assert may_fail or starts[key] > 2, f"task {key.seq} ended by {status}"
        assert not self.machine.tasks
        if self.reunion is not None:
            assert self.reunion.is_settled
