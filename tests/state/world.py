"""An honest cluster around the scheduler machine, and a judge of what it decides.

The machine's actions travel to engines, and their answers travel back, each on a line
that keeps its order; nothing else is promised, so a test may let any line move at any
time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from parallel.aliases import EngineId, Uuid
from parallel.protocol.messages import Status
from parallel.protocol.terms import USUAL, Terms
from parallel.state.events import (
    Action,
    DeliverOutcome,
    EngineDrained,
    EngineDraining,
    EngineJoined,
    EngineLost,
    EngineResumed,
    Event,
    FailTask,
    InterruptTask,
    KillEngine,
    RevokeTasks,
    SendTask,
    TaskFinished,
    TasksAborted,
    TaskSubmitted,
    TimePassed,
)
from parallel.state.naming import TaskKey, task_key
from parallel.state.queue import rank_of
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import Engine, Needs, Task, TaskState
from tests.state.engines import FakeEngine
from tests.state.plain import can_hold, follows, holds

CLIENT = b"the only client!"


def msg_id(key: TaskKey) -> str:
    """Return the id by which users know a task."""
    return f"{key.client.hex()}_{key.seq}"


class World:
    """The machine, its engines, and all that has become of each task."""

    def __init__(self, **options: Any) -> None:
        self.machine = Scheduler(**options)
        self.now = 0.0
        self.engines: list[FakeEngine] = []
        self.dead: list[FakeEngine] = []
        #: Those that the machine wants dead.
        self.doomed: list[FakeEngine] = []
        #: Results and answers that were heard already, or whose engine is dead.
        self.stale: list[Event] = []
        self.submitted: dict[TaskKey, Terms] = {}
        self.submitted_at: dict[TaskKey, float] = {}
        self.outcomes: dict[TaskKey, EngineId] = {}
        self.failures: dict[TaskKey, str] = {}
        self.statuses: dict[TaskKey, Status] = {}
        self.notes: dict[TaskKey, str] = {}
        #: How each task ended, and where.
        self.ends: dict[TaskKey, tuple[bool, EngineId]] = {}
        #: How many engines died while they ran a task.
        self.deaths: Counter[TaskKey] = Counter()
        #: Engines that a task failed on, or did not suit.
        self.refused: dict[TaskKey, set[EngineId]] = defaultdict(set)
        self.aborted: set[TaskKey] = set()
        self._ids = count()
        self._seqs = count()
        self.sent_at: dict[TaskKey, float] = {}
        #: Engines that had nothing in hand any more, as was told.
        self.drained: list[Uuid] = []

    # What can happen

    def join(
        self,
        resources: Mapping[str, float] | None = None,
        labels: Sequence[str] = (),
        heeds: bool = True,
        left: float = 0.0,
    ) -> FakeEngine:
        """Let one more engine join, which may know how much time it has left."""
        engine = FakeEngine(next(self._ids), resources or {}, labels, heeds)
        self.engines.append(engine)
        until = self.now + left if left else 0.0
        joined = EngineJoined(
            engine.uuid, engine.engine_id, engine.resources, labels, until=until
        )
        self.tell(joined)
        return engine

    def empty(self, engine: FakeEngine, *, leaves: bool = False) -> None:
        """Have an engine drain."""
        self.tell(EngineDraining(engine.uuid, "it is not needed", leaves))

    def resume(self, engine: FakeEngine) -> None:
        """Let a drained engine have work again."""
        self.tell(EngineResumed(engine.uuid))

    def free(self, engine: FakeEngine) -> None:
        """Let an engine have work again, or die if it is about to end."""
        self.resume(engine)
        known = self.machine.engines[engine.uuid]
        if known.drains or known.until:
            self.die(engine)

    def submit(self, pinned: EngineId | None = None, **terms: Any) -> TaskKey:
        """Submit a task."""
        submission = self._submission(pinned, terms)
        self.tell(submission)
        return submission.key

    def submit_many(self, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Submit tasks that arrive together, each under its terms."""
        self.tell_all([self._submission(None, terms) for terms in wanted])

    def _submission(
        self, pinned: EngineId | None, terms: Mapping[str, Any]
    ) -> TaskSubmitted:
        key = TaskKey(CLIENT, next(self._seqs))
        self.submitted[key] = agreed = Terms(**terms) if terms else USUAL
        self.submitted_at[key] = self.now
        return TaskSubmitted(key, None, pinned, agreed)

    def abort(self, *keys: TaskKey, interrupt: bool = False) -> None:
        """Give tasks up."""
        self.aborted.update(key for key in keys if key not in self.ends)
        seqs = [key.seq for key in keys]
        self.tell(TasksAborted(CLIENT, seqs, interrupt))
        for key in keys:
            task = self.machine.tasks.get(key)
            assert key in self.ends or (task and task.state is TaskState.ASSIGNED)

    def start(self, engine: FakeEngine) -> None:
        """Let an engine start its next task; nobody else may be at it."""
        before = list(engine.started)
        started = engine.start()
        if started is None:
            return
        key = started.task.key
        assert key not in self.ends, f"task {key.seq} was started after its end"
        assert not [s for s in before if s.task.key == key], "twice on one engine"
        # Nobody is at it who lives; none ever was if no death is to be survived.
        others = [e for e in self.engines if e is not engine and key not in e.raised]
        if started.task.terms.engine_retries == 0:
            others += [e for e in self.dead if key not in e.raised]
        rivals = [e for e in others for s in e.started if s.task.key == key]
        assert not rivals, f"task {key.seq} was started twice: {rivals[0].engine_id}"

    def hear_result(self, engine: FakeEngine) -> None:
        """Let an engine's next result arrive, or that a task waits, or goes on."""
        said = engine.results.popleft()
        if isinstance(said, TaskFinished):
            self.stale.append(said)
            if said.status is not Status.OK:
                self.refused[said.outcome].add(engine.engine_id)
        self.tell(said)
        if isinstance(said, TaskFinished) and said.status is Status.OK:
            assert said.outcome in self.outcomes

    def hear_results(self, engine: FakeEngine) -> None:
        """Let all results that an engine has sent arrive together."""
        told = [said for said in engine.results if isinstance(said, TaskFinished)]
        if len(told) < len(engine.results):
            self.hear_result(engine)  # what else it says comes in its order
            return
        engine.results.clear()
        self.stale += told
        for said in told:
            if said.status is not Status.OK:
                self.refused[said.outcome].add(engine.engine_id)
        self.tell_all(told)

    def hear_answer(self, engine: FakeEngine) -> None:
        """Let an engine's next answer to a request arrive."""
        answer = engine.answers.popleft()
        self.stale.append(answer)
        self.tell(answer)

    def hear_again(self, stale: Event) -> None:
        """Let something arrive twice, or after its engine's death."""
        actions = self.tell(stale)
        kinds = RevokeTasks, InterruptTask
        assert not [a for a in actions if not isinstance(a, kinds)], actions

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and tell the machine if it asked for that."""
        self.now += seconds
        wakeup = self.machine.wakeup
        if wakeup is not None and self.now >= wakeup:
            self.tell(TimePassed())
        for key, terms in self.submitted.items():
            if terms.timeout is not None and key not in self.sent_at:
                late = self.now >= self.submitted_at[key] + terms.timeout
                assert not late or key in self.ends, f"task {key.seq} is overdue"

    def die(
        self, engine: FakeEngine, *, known: bool = True, proved: bool = True
    ) -> None:
        """Let an engine die, or be given up.

        Parameters
        ----------
        known
            It is known which task it had started last.
        proved
            It is dead for certain; else none of its tasks may be run again.
        """
        machine = self.machine.engines[engine.uuid]
        held, nested = dict(machine.inhand), set(machine.nested)
        page = engine.page if known else next(iter(held), 0)
        guilty = {page} if page in held else nested
        self.engines.remove(engine)
        self.dead.append(engine)
        if engine in self.doomed:
            self.doomed.remove(engine)
        results = [r for r in engine.results if isinstance(r, TaskFinished)]
        self.stale += [*results, *engine.answers]
        position = engine.page if known else None
        reach = engine.reach if known else None
        self.tell(EngineLost(engine.uuid, "killed", position, proved, reach))
        ordinals = [started.ordinal for started in engine.started]
        for ordinal, task in held.items():
            blamed = not proved or ordinal in guilty
            if known and proved and blamed:
                assert ordinal in ordinals, "a task was blamed that had not started"
            if task.terms.engine_retries == 0:  # it must not be started twice at all
                blamed |= not known or ordinal <= engine.reach
            self._judge_loss(task, blamed, proved)

    def _judge_loss(self, task: Task, blamed: bool, proved: bool) -> None:
        """Assert that a dead engine's task ended, or is to run again, as it should."""
        if task.stopping is not None:
            assert self.statuses[task.key] is task.stopping[0]
            return
        if not task.aborting:
            self.deaths[task.key] += blamed
            assert len(task.deaths) == self.deaths[task.key]
        assert len(task.deaths) <= task.terms.engine_retries + 1
        gone = task.pinned is not None or not proved or task.aborting
        if gone or len(task.deaths) > task.terms.engine_retries:
            assert task.key in self.failures
        elif task.key in self.failures:
            assert self.statuses[task.key] is Status.IMPOSSIBLE

    # How it all ends

    def drain(self, stuck: Sequence[FakeEngine] = ()) -> None:
        """Let all come to its end, but for engines whose running tasks do not end.

        These still answer; so nothing is left but what they run, and what no other
        engine may run.
        """
        idle_rounds = 0
        for engine in [each for each in self.engines if each not in stuck]:
            self.free(engine)
        while idle_rounds < 4:
            before = self.progress()
            for engine in list(self.doomed):
                self.die(engine)
            if all(engine in stuck for engine in self.engines):
                self.join()
            for engine in list(self.engines):
                if engine in stuck:
                    self.hold_up(engine)
                else:
                    self.work_off(engine, 1e-3)
            for engine in self.engines:  # else what it got is too late, time and again
                if engine.can_start:
                    self.start(engine)
            wakeup = self.machine.wakeup
            self.pass_time(max(3e-3, wakeup - self.now if wakeup else 0))
            idle_rounds = 0 if self.progress() != before else idle_rounds + 1
        ids = {engine.engine_id for engine in stuck}
        held = {sent.task.key for e in stuck for sent in e.stack}
        for engine in self.machine.engines.values():
            for task in engine.inhand.values():
                fixed = task.pinned in ids or not task.is_movable
                assert fixed or task.key in held, f"{task} stands still"
        assert self.machine.queue.plain.head() is None
        if not stuck:
            self.give_all_they_need()

    def progress(self) -> tuple[int, int]:
        """Return what changes when a task ends, or goes somewhere."""
        engines = [*self.engines, *self.dead]
        return len(self.ends), sum(len(e.tasks) + e.position for e in engines)

    def give_all_they_need(self) -> None:
        """Let such engines join that nothing has to wait any more."""
        while self.machine.tasks:
            before = len(self.ends)
            engine = self.join({"gpu": 1e6}, ["fast", "big"])
            for fake in self.engines:
                self.work_off(fake, 1e-3)
            assert len(self.ends) > before, f"stuck: {self.machine.tasks}"
            self.work_off(engine, 1e-3)

    def hold_up(self, engine: FakeEngine) -> None:
        """Let an engine answer and be heard, while its task does not end."""
        while engine.can_start:
            self.start(engine)
        self.hear_all(engine)

    def hear_all(self, engine: FakeEngine) -> None:
        """Let an engine answer what it is asked, and all that it says arrive."""
        while engine.requests:
            engine.give_back()
        while engine.results:
            self.hear_result(engine)
        while engine.answers:
            self.hear_answer(engine)

    def work_off(
        self, engine: FakeEngine, duration: float, status: Status = Status.OK
    ) -> None:
        """Let an engine do all it has, and be heard."""
        while engine in self.engines and any(self.moves(engine)):
            if engine.requests:
                engine.give_back()
            if engine.running is not None:
                engine.finish(duration, status)
            if engine.can_start:
                self.start(engine)
            elif engine.suspended:
                engine.resume()
            if engine.results:
                self.hear_result(engine)
            if engine.answers:
                self.hear_answer(engine)

    def moves(self, engine: FakeEngine) -> list[object]:
        """Return what an engine has to do or to say."""
        lines = [engine.tasks, engine.requests, engine.results, engine.answers]
        return [engine.stack, *lines]

    # What the machine decides

    def tell(self, event: Event) -> list[Action]:
        """Tell the machine what happened, and carry out what it says."""
        return self.tell_all([event])

    def tell_all(self, events: Sequence[Event]) -> list[Action]:
        """Tell the machine what happened at once, and carry out what it says."""
        statuses = {e.outcome: e.status for e in events if isinstance(e, TaskFinished)}
        inhand = [e.inhand.values() for e in self.machine.engines.values()]
        held = {task.key for tasks in inhand for task in tasks}
        actions = self.machine.handle_all(events, self.now)
        for action in actions:
            match action:
                case SendTask():
                    self._send(action)
                case RevokeTasks():
                    self._ask(action)
                case InterruptTask(uuid, ordinal):
                    task = self.machine.engines[uuid].inhand[ordinal]
                    assert task.stopping is not None
                    self.engine(uuid).requests.append(action)
                case EngineDrained(uuid):
                    assert not self.machine.engines[uuid].inhand
                    self.drained.append(uuid)
                case KillEngine(uuid):
                    engine = self.engine(uuid)
                    self._judge_killing(engine)
                    self.doomed += [engine] if engine not in self.doomed else []
                case DeliverOutcome(task, engine_id, outcome, note):
                    assert outcome == task.key, "another task's result"
                    ended = statuses[outcome]
                    self._end(task, ended is Status.OK, engine_id)
                    self.outcomes[task.key] = engine_id
                    self._judge_note(task, ended, note)
                case FailTask(task, engine_id, reason, _, status):
                    self._judge_failure(task, status, task.key in held)
                    self._end(task, False, engine_id)
                    self.failures[task.key] = reason
                    self.statuses[task.key] = status
        self.machine.check()
        self.check_whereabouts()
        self.check_waiting()
        return actions

    def _end(self, task: Task, ok: bool, engine_id: EngineId) -> None:
        assert task.key not in self.ends, "a task ended twice"
        self.ends[task.key] = ok, engine_id

    def _ask(self, action: RevokeTasks) -> None:
        engine = self.engine(action.uuid)
        inhand = self.machine.engines[action.uuid].inhand
        assert action.ordinals
        tasks = [inhand[ordinal] for ordinal in action.ordinals]
        if any(task.aborting for task in tasks):
            pass  # their user wants none of them
        elif self.machine.engines[action.uuid].drains:
            assert all(task.pinned is None for task in tasks)
        else:
            assert all(task.is_movable for task in tasks)
            assert min(action.ordinals) > self.machine.engines[action.uuid].running
        engine.requests.append(action)

    def _send(self, action: SendTask) -> None:
        engine, task = self.engine(action.uuid), action.task
        engine.tasks.append(action)
        assert task.key not in self.ends
        assert task.key not in self.aborted or task.key not in self.sent_at
        self.sent_at[task.key] = self.now
        known = self.machine.engines[action.uuid]
        if task.pinned is not None:
            assert task.pinned == engine.engine_id
            assert not known.leaving
            return
        self._judge_time(known, task)
        self._judge_place(engine, task)
        rank = rank_of(task), task.arrival
        for other in self.machine.queue:
            if other.needs == task.needs:
                assert (rank_of(other), other.arrival) > rank, "out of turn"
            if not (has_dependencies(other) or has_dependencies(task)):
                assert (other.key < task.key) == (other.arrival < task.arrival)

    def _judge_time(self, engine: Engine, task: Task) -> None:
        """Assert that an engine is to get tasks, and has the time for this one."""
        others = [o for o in engine.suspended if o != task.ordinal]
        assert not engine.drains or others, "a draining engine gets more"
        if engine.until and not engine.drains:
            mean, limit = engine.depth.mean or 0.0, task.terms.time_limit
            assert self.now + (mean if limit is None else limit) <= engine.until

    def _judge_place(self, engine: FakeEngine, task: Task) -> None:
        """Assert that a task may run now, and there."""
        terms = task.terms
        assert terms.targets is None or engine.engine_id in terms.targets
        assert set(terms.labels) <= set(engine.labels)
        assert engine.engine_id not in self.refused[task.key], "there again"
        for condition in (terms.after, terms.follow):
            assert condition is None or holds(condition, self.ends)
        if terms.follow and terms.follow.msg_ids:
            assert engine.engine_id in follows(terms.follow, self.ends)
        for name in terms.resources:
            line = self.machine.engines[engine.uuid].line
            shares = [t.terms.resources.get(name, 0) for _, t in line if not t.pinned]
            assert sum(shares) <= engine.resources.get(name, 0), "oversubscribed"

    def _judge_killing(self, engine: FakeEngine) -> None:
        """Assert that what was interrupted has had its time to hear of it."""
        machine = self.machine.engines[engine.uuid]
        last = max(machine.inhand)
        stopping = [o for o, t in machine.inhand.items() if t.stopping is not None]
        assert any(o == last or o not in machine.suspended for o in stopping)

    def _judge_note(self, task: Task, status: Status, note: str) -> None:
        """Assert that a task which raised was tried as often as it could be."""
        self.notes[task.key] = note
        terms, tried = task.terms, len(self.refused[task.key])
        if note:
            assert status is Status.ERROR
            assert task.tries <= terms.retries
            suiting = [e for e in self.machine.engines.values() if e.suits(task.needs)]
            assert not suiting, "an engine was left"
        elif status is Status.ERROR and task.pinned is None and not task.aborting:
            assert task.tries == terms.retries
            assert tried > terms.retries

    def _judge_failure(self, task: Task, status: Status, held: bool) -> None:
        """Assert that a task has no outcome for a reason."""
        terms = task.terms
        conditions = [c for c in (terms.after, terms.follow) if c is not None]
        named = [task_key(name) for c in conditions for name in c.msg_ids]
        if status is Status.TIMEOUT and task.stopping is None:
            assert not held, "an assigned task cannot be late"
            assert terms.timeout is not None
            assert self.now >= self.submitted_at[task.key] + terms.timeout
        elif status is Status.TIMEOUT:
            assert terms.time_limit is not None
            assert self.now >= self.sent_at[task.key] + terms.time_limit
        elif status is Status.ABORTED:
            assert task.key in self.aborted
        elif status is Status.INVALID:
            assert [k for k in named if k not in self.submitted or k == task.key]
        elif status is Status.IMPOSSIBLE:
            possible = all(can_hold(c, self.ends) for c in conditions)
            apart = terms.follow is not None and not follows(terms.follow, self.ends)
            assert not possible or apart or self.is_hopeless(task.needs)

    def is_hopeless(self, needs: Needs | None) -> bool:
        """Tell whether no engine is among those that may run a task."""
        assert needs is not None
        assert needs.allowed is not None
        return not any(
            engine.engine_id in needs.allowed - needs.refused
            and needs.labels <= set(engine.labels)
            and all(engine.resources.get(k, 0) >= v for k, v in needs.resources)
            and not self.machine.engines[engine.uuid].leaving
            for engine in self.engines
            if engine.uuid in self.machine.engines
        )

    def engine(self, uuid: Uuid) -> FakeEngine:
        """Return a living engine: the machine may speak to no other."""
        (found,) = [engine for engine in self.engines if engine.uuid == uuid]
        return found

    @property
    def ended(self) -> set[TaskKey]:
        """The tasks whose client was told how they ended."""
        return set(self.outcomes) | set(self.failures)

    def check_whereabouts(self) -> None:
        """Assert that each task is in one place: queued, in one hand, or ended.

        Those in line behind another that could run elsewhere make an engine crowded.
        """
        places = [task.key for task in self.machine.queue]
        places += [task.key for task in self.waiting()]
        crowded = self.machine._placement.crowded
        for engine in self.machine.engines.values():
            places += [task.key for task in engine.inhand.values()]
            balanced = [task.is_movable for task in engine.inhand.values()]
            assert engine.balanced == sum(balanced)
            if any(task.is_movable for _, task in engine.line[1:]):
                assert engine.uuid in crowded
            elif not engine.suspended:
                assert engine.uuid not in crowded
        places += self.ends
        assert len(places) == len(self.submitted)
        assert set(places) == set(self.submitted)

    def waiting(self) -> list[Task]:
        """Return the tasks that wait for others to end."""
        return list(self.machine._ledger._dependencies.waiting)

    def check_waiting(self) -> None:
        """Assert that of each waiting task nothing can be said yet."""
        for task in self.waiting():
            terms = task.terms
            conditions = [c for c in (terms.after, terms.follow) if c is not None]
            ready = all(holds(c, self.ends) for c in conditions)
            if ready and terms.follow and terms.follow.msg_ids:
                ready = bool(follows(terms.follow, self.ends))
            assert not ready, "it could go"
            assert all(can_hold(c, self.ends) for c in conditions), "it never can"

    def check_empty(self) -> None:
        """Assert that the machine holds nothing any more of work or of engines."""
        machine = self.machine
        assert not machine.tasks
        assert not machine.queue.size
        assert not self.waiting()
        assert not machine._ledger._dependencies._watches
        assert not machine._placement.crowded
        for engine in machine.engines.values():
            assert not engine.inhand
            assert not engine.revoking
            assert not engine.nested
            assert not engine.unheard
        assert not machine._placement.piled
        for fake in list(self.engines):
            self.die(fake, known=True)
        assert not machine.engines
        assert not machine.by_id
        assert not machine._placement.draining
        assert not machine._placement.timed
        assert not len(machine._deadlines)
        assert not machine._placement.policy.loads


def has_dependencies(task: Task) -> bool:
    """Tell whether a task was queued later than it was submitted."""
    return task.terms.after is not None or task.terms.follow is not None
