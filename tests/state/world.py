"""An honest cluster around the scheduler machine, and a judge of what it decides.

The machine's actions travel to engines, and their answers travel back, each on a line
that keeps its order; nothing else is promised, so a test may let any line move at any
time. An engine takes its tasks in order, knows how far it is, and does not start what
it has given back: as `parallel.engine.engine` does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from itertools import count

from parallel.aliases import EngineId, Uuid
from parallel.state.events import (
    Action,
    DeliverOutcome,
    EngineJoined,
    EngineLost,
    Event,
    FailTask,
    RevokeTasks,
    SendTask,
    TaskFinished,
    TasksRevoked,
    TaskSubmitted,
    TimePassed,
)
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import TaskKey

CLIENT = b"client"


class FakeEngine:
    """An engine, and the four lines that join it with the machine."""

    def __init__(self, engine_id: EngineId) -> None:
        self.engine_id = engine_id
        self.uuid: Uuid = b"engine %d" % engine_id
        #: On their way here: tasks, and requests to give some back.
        self.tasks: deque[SendTask] = deque()
        self.requests: deque[list[int]] = deque()
        #: On their way from here.
        self.results: deque[TaskFinished] = deque()
        self.answers: deque[TasksRevoked] = deque()
        self.running: SendTask | None = None
        #: The ordinal looked at last, and the one really started last.
        self.position = self.page = 0
        self.started: list[SendTask] = []
        self.given_back: set[int] = set()

    def start(self) -> SendTask | None:
        """Take up the next task, unless it was given back; return it if it runs."""
        task = self.tasks.popleft()
        assert task.ordinal > self.position, "tasks came out of order"
        self.position = task.ordinal
        if task.ordinal in self.given_back:
            return None
        self.page = task.ordinal
        self.running = task
        self.started.append(task)
        return task

    def finish(self, duration: float) -> None:
        """End the running task."""
        assert self.running is not None
        done = self.running
        self.running = None
        key = done.task.key
        self.results.append(TaskFinished(self.uuid, done.ordinal, duration, key))

    def give_back(self) -> None:
        """Answer a request for tasks that were not started."""
        asked = self.requests.popleft()
        given = [ordinal for ordinal in asked if ordinal > self.position]
        self.given_back.update(given)
        self.answers.append(TasksRevoked(self.uuid, asked, given))


class World:
    """The machine, its engines, and all that has become of each task."""

    def __init__(self, *, engine_retries: int = 2) -> None:
        self.machine = Scheduler(engine_retries=engine_retries)
        self.now = 0.0
        self.engines: list[FakeEngine] = []
        self.dead: list[FakeEngine] = []
        #: Results and answers that were heard already, or whose engine is dead.
        self.stale: list[Event] = []
        self.submitted: set[TaskKey] = set()
        self.outcomes: dict[TaskKey, EngineId] = {}
        self.failures: dict[TaskKey, str] = {}
        #: How many engines died while they ran a task.
        self.deaths: Counter[TaskKey] = Counter()
        self._ids = count()
        self._seqs = count()
        self._sent: set[TaskKey] = set()

    # What can happen

    def join(self) -> FakeEngine:
        """Let one more engine join."""
        engine = FakeEngine(next(self._ids))
        self.engines.append(engine)
        self.tell(EngineJoined(engine.uuid, engine.engine_id))
        return engine

    def submit(self, pinned: EngineId | None = None) -> TaskKey:
        """Submit a task."""
        key = TaskKey(CLIENT, next(self._seqs))
        self.submitted.add(key)
        self.tell(TaskSubmitted(key, None, pinned))
        return key

    def start(self, engine: FakeEngine) -> None:
        """Let an engine start its next task; nobody else may be at it."""
        started = engine.start()
        if started is None:
            return
        key = started.task.key
        others = [e for e in self.engines if e is not engine]
        rivals = [e for e in others for s in e.started if s.task.key == key]
        assert not rivals, f"task {key.seq} was started twice: {rivals[0].engine_id}"

    def hear_result(self, engine: FakeEngine) -> None:
        """Let an engine's next result arrive."""
        result = engine.results.popleft()
        self.stale.append(result)
        self.tell(result)
        assert result.outcome in self.outcomes

    def hear_answer(self, engine: FakeEngine) -> None:
        """Let an engine's next answer to a request arrive."""
        answer = engine.answers.popleft()
        self.stale.append(answer)
        self.tell(answer)

    def hear_again(self, stale: Event) -> None:
        """Let something arrive twice, or after its engine's death."""
        assert not [a for a in self.tell(stale) if not isinstance(a, RevokeTasks)]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and tell the machine if it asked for that."""
        self.now += seconds
        wakeup = self.machine.wakeup
        if wakeup is not None and self.now >= wakeup:
            self.tell(TimePassed())

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
        held = dict(self.machine.engines[engine.uuid].inhand)
        guilty = engine.page if known else next(iter(held), 0)
        self.engines.remove(engine)
        self.dead.append(engine)
        self.stale += [*engine.results, *engine.answers]
        position = engine.page if known else None
        self.tell(EngineLost(engine.uuid, "killed", position, proved))
        for ordinal, task in held.items():
            self.deaths[task.key] += not proved or ordinal == guilty
            assert len(task.deaths) == self.deaths[task.key]
            assert len(task.deaths) <= self.machine.engine_retries + 1
            gone = task.pinned is not None or not proved
            gone = gone or len(task.deaths) > self.machine.engine_retries
            assert (task.key in self.failures) == gone
        ordinals = [started.ordinal for started in engine.started]
        if known and proved and guilty in held:
            assert guilty in ordinals, "a task was blamed that had not started"

    def drain(self, stuck: Sequence[FakeEngine] = ()) -> None:
        """Let all come to its end, but for engines whose running tasks do not end.

        These still answer; so nothing is left but what they run, and what no other
        engine may run.
        """
        free = [engine for engine in self.engines if engine not in stuck]
        idle_rounds = 0
        while idle_rounds < 3:
            before = len(self.ended)
            for engine in stuck:
                self.hold_up(engine)
            for engine in free:
                self.work_off(engine, 1e-3)
            self.pass_time(3e-3)
            idle_rounds = 0 if len(self.ended) > before else idle_rounds + 1
        ids = {engine.engine_id for engine in stuck}
        held = {e.running.task.key for e in stuck if e.running}
        for engine in self.machine.engines.values():
            for task in engine.inhand.values():
                assert task.pinned in ids or task.key in held, f"{task} stands still"
        assert not self.machine.queue

    def hold_up(self, engine: FakeEngine) -> None:
        """Let an engine answer and be heard, while its task does not end."""
        while engine.running is None and engine.tasks:
            self.start(engine)
        while engine.requests:
            engine.give_back()
        while engine.results:
            self.hear_result(engine)
        while engine.answers:
            self.hear_answer(engine)

    def work_off(self, engine: FakeEngine, duration: float) -> None:
        """Let an engine do all it has, and be heard."""
        while any(self.moves(engine)):
            if engine.requests:
                engine.give_back()
            if engine.running is not None:
                engine.finish(duration)
            if engine.tasks:
                self.start(engine)
            if engine.results:
                self.hear_result(engine)
            if engine.answers:
                self.hear_answer(engine)

    def moves(self, engine: FakeEngine) -> list[object]:
        """Return what an engine has to do or to say."""
        lines = [engine.tasks, engine.requests, engine.results, engine.answers]
        return [engine.running, *lines]

    # What the machine decides

    def tell(self, event: Event) -> list[Action]:
        """Tell the machine what happened, and carry out what it says."""
        actions = self.machine.handle(event, self.now)
        for action in actions:
            match action:
                case SendTask():
                    self._send(action)
                case RevokeTasks(uuid, ordinals):
                    engine = self.engine(uuid)
                    lines = {t.ordinal: t for t in [*engine.tasks, *engine.started]}
                    assert ordinals
                    assert min(ordinals) > next(iter(self.machine.engines[uuid].inhand))
                    assert not [o for o in ordinals if lines[o].task.pinned is not None]
                    engine.requests.append(ordinals)
                case DeliverOutcome(task, engine_id, outcome):
                    assert outcome == task.key, "another task's result"
                    assert task.key not in self.ended, "a task ended twice"
                    self.outcomes[task.key] = engine_id
                case FailTask(task, _, reason):
                    assert task.key not in self.ended, "a task ended twice"
                    self.failures[task.key] = reason
        self.machine.check()
        self.check_whereabouts()
        return actions

    def _send(self, action: SendTask) -> None:
        engine, task = self.engine(action.uuid), action.task
        assert task.pinned in (None, engine.engine_id)
        engine.tasks.append(action)
        if task.pinned is None and task.key not in self._sent:
            waiting = [other.key for other in self.machine.queue]
            assert self._sent.isdisjoint(waiting), "who was sent before comes first"
            assert all(task.key < key for key in waiting), "first come, first served"
        self._sent.add(task.key)

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
        places = Counter(task.key for task in self.machine.queue)
        for engine in self.machine.engines.values():
            tasks = list(engine.inhand.values())
            places.update(task.key for task in tasks)
            balanced = [i for i, task in enumerate(tasks) if task.pinned is None]
            assert engine.balanced == len(balanced)
            assert (engine.uuid in self.machine.crowded) == any(balanced)
        places.update(self.ended)
        assert places == Counter(self.submitted)

    def check_empty(self) -> None:
        """Assert that the machine holds nothing any more of work or of engines."""
        machine = self.machine
        assert not machine.queue
        assert not machine.crowded
        for engine in machine.engines.values():
            assert not engine.inhand
            assert not engine.revoking
        for fake in list(self.engines):
            self.die(fake, known=True)
        assert not machine.engines
        assert not machine.by_id
        assert not len(machine.policy)
