"""A cluster whose controller may be killed at any moment, without any process.

The scheduler and the reunion are those of the controller that lives. All else lasts:
engines keep what they have started, and results until they are confirmed; the client
keeps its tasks until it has got their outcomes, or is killed for good; the record is
behind; what was on its way is lost.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import count
from typing import Any

from parallel.protocol.messages import Status
from parallel.protocol.terms import USUAL, Condition, Terms
from parallel.state.dependencies import named_in
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
    TellPast,
    TimePassed,
)
from parallel.state.history import FAILED, OK, end_of
from parallel.state.naming import TaskKey
from parallel.state.past import FIRST, Past, after, past_in, tail_of
from parallel.state.reunion.reunion import Reunion
from parallel.state.reunion.starts import Told
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import UNCLAIMED, Task
from tests.state.engines import FakeEngine
from tests.state.lagging import LaggingRecord

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
        #: An agent can tell what it had started.
        self.is_watched = True
        #: What it was told of earlier starts, and how tasks ended, by ordinal.
        self.pasts: dict[int, Past] = {}
        self.statuses: dict[int, Status] = {}

    def finish(self, duration: float, status: Status = Status.OK) -> None:
        super().finish(duration, status)
        said = self.results[-1]
        assert isinstance(said, TaskFinished)
        self.kept.append(said)
        self.statuses[said.ordinal] = status

    def begin_again(self) -> None:
        """Take note of another controller: nothing of the last one's is started."""
        for line in (self.tasks, self.requests, self.results, self.answers):
            line.clear()
        self.given_back.clear()
        self.position = max(self.position, self.reach) + LEAP

    def forget(self, ended: set[TaskKey], pasts: dict[TaskKey, Past]) -> None:
        """Forget how tasks ended, or starts of others of which their client knows."""
        self.kept = [
            kept
            for kept in self.kept
            if kept.outcome not in ended
            and self.pasts[kept.ordinal].starts >= pasts.get(kept.outcome, FIRST).starts
        ]

    def holdings(self) -> list[Holding]:
        """Return all that it has."""
        top = self.stack[-1] if self.stack else None
        started = [
            Holding(
                s.task.key,
                UNKNOWN,
                s.ordinal,
                s is not top or s.ordinal in self.waits,
                past=self.pasts[s.ordinal],
            )
            for s in self.stack
        ]
        ended = [
            Holding(kept.outcome, UNKNOWN, kept.ordinal, past=self.pasts[kept.ordinal])
            for kept in self.kept
        ]
        return started + ended

    def listed(self) -> list[TaskKey] | None:
        """Return what it had started that must not be started twice."""
        if not self.is_watched:
            return None
        started = [sent.task for sent in self.started]
        return [task.key for task in started if not task.terms.engine_retries]


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
        #: On its way to the client: ends of tasks, and of starts but for the last.
        self.told: deque[tuple[TaskKey, Status | Past]] = deque()
        #: What the client knows of earlier starts; and how often tasks have raised.
        self.pasts: dict[TaskKey, Past] = {}
        self.raised: Counter[TaskKey] = Counter()
        self.deaths = self.kills = 0
        #: How many died of which nobody can tell what they had started.
        self.unwatched = 0
        self._seqs, self._ids = count(), count()
        self.machine = Scheduler()
        self.reunion: Reunion | None = None
        self.is_client_there = True
        #: It was killed, too, and does not come back; and is not waited for any more.
        self.is_client_gone = False
        self.is_taken_up = True
        self.record = LaggingRecord()
        #: The record has yet to answer.
        self.is_asked = False

    # What can happen

    def join(self, *, is_watched: bool = True) -> LastingEngine:
        """Let an engine join."""
        engine = LastingEngine(next(self._ids))
        engine.is_watched = is_watched
        self.engines.append(engine)
        self._tell([EngineJoined(engine.uuid, engine.engine_id)])
        return engine

    def submit(
        self,
        pinned: int | None = None,
        after: TaskKey | None = None,
        *,
        once: bool = False,
        strict: bool = False,
        retries: int = 0,
    ) -> TaskKey:
        """Let the client submit a task; it may know of no controller yet."""
        key = TaskKey(CLIENT, next(self._seqs))
        terms: dict[str, Any] = {"engine_retries": 0} if once else {}
        if retries:
            terms["retries"] = retries
        if after is not None:
            name = f"{after.client.hex()}_{after.seq}"
            terms["after"] = Condition([name], success=True, failure=not strict)
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
        alive = [each for each in before if each.is_alive]
        assert len(alive) <= self.raised[key], f"task {key.seq} started twice"
        running = [e for e in self.engines for s in e.stack if s.task.key == key]
        assert len(running) == 1, f"task {key.seq} runs twice at a time"
        if event.terms.engine_retries == 0:
            assert len(before) <= self.raised[key], "once means once"
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

    def fail(self, engine: LastingEngine) -> None:
        """Let the running task of an engine raise."""
        assert engine.running is not None
        key = engine.running.task.key
        self.raised[key] += 1
        engine.finish(1e-3, Status.ERROR)

    def hear(self, engine: LastingEngine) -> None:
        """Let the next that an engine says arrive."""
        if engine.uuid in self.machine.engines:
            self._tell([engine.results.popleft()])
            if self.reunion is not None and self.reunion.is_stale:
                self._release()

    def receive(self) -> None:
        """Let the next outcome arrive at the client, which confirms it."""
        key, what = self.told.popleft()
        if isinstance(what, Past):
            self.pasts[key] = what
        else:
            self._get(key, what)

    def settle(self) -> None:
        """Let engines hear what they may forget: what client and record have."""
        done = {
            key for key in self.record.over if self.is_client_gone or key in self.got
        }
        for engine in self.engines:
            if self.reunion is None or engine.uuid not in self.reunion.awaited:
                engine.forget(done, self.pasts)

    def _get(self, key: TaskKey, status: Status) -> None:
        if key in self.got:
            raise AssertionError(f"task {key.seq} ended twice")
        self.got[key] = status

    def die(self, engine: LastingEngine) -> None:
        """Let an engine die; nobody has noticed yet."""
        self.deaths += 1
        self.unwatched += not engine.is_watched
        engine.is_alive = False
        self.engines.remove(engine)
        self.unnoticed.append(engine)

    def notice(self) -> None:
        """Let the agent tell of a death."""
        engine = self.unnoticed.pop(0)
        self.noticed.append(engine)
        if self.reunion is not None and engine.uuid in self.reunion.awaited:
            self.machine.departed[engine.engine_id] = "killed"
            self._miss(engine)
            self._release()
        else:
            page, reach = engine.page, engine.reach
            self._tell([EngineLost(engine.uuid, "killed", page, True, reach)])
            if self.reunion is not None:
                self._take_up()

    def kill(self) -> None:
        """Kill the controller; another takes its place, and knows next to nothing."""
        self.kills += 1
        self.told.clear()
        self.record.lose()
        self.is_taken_up = False
        self.machine = Scheduler()
        everybody = [*self.engines, *self.unnoticed, *self.noticed]
        self.reunion = Reunion(
            {engine.uuid: engine.engine_id for engine in everybody},
            self.machine.tasks,
            self.machine.knows,
            self.now,
        )
        for engine in everybody:
            engine.begin_again()
        for engine in self.noticed:  # the roster has those that died of late
            self._miss(engine)
        self.is_client_there = self.is_asked = False

    def leave(self) -> None:
        """Kill the client for good; the controller takes note, if it knows it."""
        self.is_client_gone, self.is_client_there = True, False
        self.told.clear()
        if self.reunion is not None:
            for key, told in self.reunion.left(CLIENT).items():
                self.record.end(key, told.status)
            self._release()

    def hurry(self) -> None:
        """Let time pass after which the client is not waited for."""
        reunion = self.reunion
        assert reunion is not None
        reunion.hurry()
        if not reunion.is_back(CLIENT):
            for key in [k for k in reunion.ended if k in self.record.begun]:
                status = reunion.ended.pop(key).status
                if status is not Status.LOST:
                    self._note(key, status)
        self._release()

    def expire(self) -> None:
        """Let time pass after which nobody comes back any more."""
        reunion = self.reunion
        assert reunion is not None
        for key in [key for key in reunion.ended if not reunion.is_back(key.client)]:
            del reunion.ended[key]

    def _take_up(self) -> None:
        """Let the record's unfinished tasks begin again, if nobody else wants them."""
        reunion = self.reunion
        assert reunion is not None
        if self.is_taken_up or reunion.is_patient or reunion.awaited:
            return
        self.is_taken_up = True
        if reunion.is_back(CLIENT):
            return
        ends = [(key, end_of(s), -1) for key, s in self.record.ends.items()]
        self._tell([TasksEnded(ends)])
        going: dict[TaskKey, TaskSubmitted] = {}
        for event in [self.submitted[key] for key in self.record.left()]:
            if event.key not in self.machine.tasks and event.terms.engine_retries:
                others = named_in(event.terms)
                if all(each in going or self.machine.knows(each) for each in others):
                    going[event.key] = event
        self._tell(list(going.values()))

    def _miss(self, engine: LastingEngine) -> None:
        """Have the agent tell of a death, and of what must not be started twice."""
        assert self.reunion is not None
        self.reunion.gone(engine.uuid, engine.listed(), "was killed")

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
        pasts = {key: past for key, past in self.pasts.items() if key not in self.got}
        self.reunion.reopen(CLIENT, len(self.submitted), unfinished, pasts)
        self.is_asked = True
        for seq in unfinished:
            self._take(self.submitted[TaskKey(CLIENT, seq)])

    def answer(self) -> None:
        """Let the record answer how tasks ended of which the client wants to know."""
        self.is_asked = False
        if self.reunion is not None:
            ends = self.record.ends.items()
            told = {key: Told(status, status, final=True) for key, status in ends}
            self.reunion.answered(CLIENT, told)
            self._release()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        wakeup = self.machine.wakeup
        if wakeup is not None and self.now >= wakeup:
            self._tell([TimePassed()])

    # What is decided

    def _take(self, event: TaskSubmitted) -> None:
        self.record.begin(event.key)
        known = self.machine.tasks.get(event.key)
        if known is not None and known.terms is not UNCLAIMED:
            if self.reunion is not None:
                self.reunion.told_of(event.key)
            return  # it was taken up
        if self.reunion is None or not self.reunion.is_busy:
            self._tell([event])
            return
        found = self.reunion.submit(event)
        if isinstance(found, Told):
            self._tell_end(event.key, found.status)
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
                self._tell_end(event.key, told.status)
        self._tell(going)
        self._take_up()

    def _tell(self, events: list[Any]) -> None:
        by_uuid = {engine.uuid: engine for engine in [*self.engines, *self.unnoticed]}
        for action in self.machine.handle_all(events, self.now):
            match action:
                case SendTask(uuid, ordinal, task):
                    by_uuid[uuid].tasks.append(action)
                    by_uuid[uuid].pasts[ordinal] = past_in(tail_of(task.past))
                case TellPast(task):
                    self.told.append((task.key, task.past))
                case RevokeTasks(uuid) | InterruptTask(uuid):
                    by_uuid[uuid].requests.append(action)
                case DeliverOutcome(task):
                    assert task.holder is not None
                    engine = by_uuid[task.holder.uuid]
                    self._end(task, engine.statuses[task.ordinal])
                case FailTask(task, status=status):
                    self._end(task, status)
                case KillEngine():
                    raise AssertionError("nobody asked for that")
        self.machine.check()

    def _tell_end(self, key: TaskKey, status: Status) -> None:
        """Tell the client, and the machine, which left that to the client's terms."""
        self._say(key, status)
        self._tell([TasksEnded([(key, end_of(status), -1)])])

    def _say(self, key: TaskKey, status: Status) -> None:
        self.ended.add(key)
        self.record.end(key, status)
        if self.is_client_there:
            self.told.append((key, status))

    def _note(self, key: TaskKey, status: Status) -> None:
        """Have record and machine know how a task ended, and nobody else."""
        self.ended.add(key)
        self.record.end(key, status)
        self._tell([TasksEnded([(key, end_of(status), -1)])])

    def _end(self, task: Task, status: Status) -> None:
        key = task.key
        if task.body != UNKNOWN:
            self._say(key, status)
            return
        reunion, holder = self.reunion, task.holder
        assert reunion is not None
        assert holder is not None
        past = after(task.past, status, holder.engine_id)
        lost = status is Status.LOST
        if lost and reunion.has_had(key):
            return
        if not reunion.keep(key, Told(status, status, past=past)):
            left = key in self.record.left() and not reunion.is_back(CLIENT)
            if lost and left and self.submitted[key].terms.engine_retries:
                self.is_taken_up = False
            else:
                self._note(key, status)

    # How it ends

    def drain(self) -> None:
        """Let all come back, and all come to its end."""
        while self.unnoticed:
            self.notice()
        reunion = self.reunion
        if reunion is not None:
            if self.is_client_gone:
                self.hurry()
            elif not self.is_client_there:
                self.come_back()
            self.answer()
            for engine in [e for e in self.engines if e.uuid in reunion.awaited]:
                self.speak(engine)
        if not self.engines:
            self.join()
        self._work_it_all_off()
        if self.machine.tasks:  # they may have raised on all engines that are left
            self.join()
            self._work_it_all_off()
        if reunion is not None:
            self.expire()

    def _work_it_all_off(self) -> None:
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
        assert Status.INVALID not in self.record.ends.values(), "all named what was"
        assert self.is_client_gone or not missing, f"nothing came of {missing}"
        starts = Counter({key: len(where) for key, where in self.starts.items()})
        for key, status in self.got.items():
            event = self.submitted[key]
            retries, raised = event.terms.retries, self.raised[key]
            assert raised <= retries + 1 + self.deaths, (
                f"task {key.seq} raised {raised}"
            )
            if status in (Status.OK, Status.ERROR):
                assert starts[key], f"task {key.seq} never ran"
                assert status is Status.OK or raised, f"task {key.seq} did not raise"
                continue
            if status is Status.IMPOSSIBLE:
                assert event.terms.after is not None
                (name,) = event.terms.after.msg_ids
                before = TaskKey(CLIENT, int(name.rpartition("_")[2]))
                was_good = self.got[before] is Status.OK
                assert raised or not was_good, f"{before.seq} was good"
                continue
            may_fail = event.pinned is not None or event.terms.engine_retries == 0
            assert self.deaths, "nobody died"
            assert may_fail or starts[key] > 2, f"task {key.seq} ended by {status}"
            was_started = starts[key] or event.pinned is not None
            assert was_started or self.unwatched, f"task {key.seq} was never started"
        assert not self.machine.tasks
        if self.reunion is not None:
            assert not self.reunion.is_busy
            assert not self.reunion.ended
