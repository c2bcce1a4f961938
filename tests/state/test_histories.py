"""The scheduler keeps its rules, in any history of an honest cluster.

`World` judges what it decides; here are the histories.
"""

from __future__ import annotations

from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from parallel.protocol.messages import Status
from parallel.protocol.terms import Condition
from parallel.state.naming import TaskKey
from parallel.state.policies import SCHEMES
from tests.state.engines import FakeEngine
from tests.state.world import CLIENT, World, msg_id

#: Seconds that tasks take: of each kind that `Depth` tells apart.
DURATIONS = (1e-5, 2e-3, 0.1)

places = st.fixed_dictionaries(
    {},
    optional={
        "targets": st.lists(st.integers(0, 5), max_size=3),
        "labels": st.sampled_from([["fast"], ["big"], ["fast", "big"]]),
        "resources": st.sampled_from(
            [{"gpu": 1}, {"gpu": 0.5}, {"gpu": 0.25}, {"gpu": 0}]
        ),
    },
)
limits = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(-2, 2),
        "depth": st.integers(0, 3),
        "retries": st.integers(0, 5),
        "engine_retries": st.integers(0, 2),
        "timeout": st.sampled_from([0, 1e-3, 0.5]),
        "time_limit": st.sampled_from([1e-3, 0.5]),
    },
)
equipment = st.sampled_from(
    [({}, []), ({}, []), ({"gpu": 1}, []), ({"gpu": 0.5}, ["fast"]), ({}, ["big"])]
)


class Histories(RuleBasedStateMachine):
    """Engines join, work and die while tasks come, and every line has its own pace."""

    @initialize(
        scheme=st.sampled_from(["leastload", "leastload", *SCHEMES]),
        hwm=st.sampled_from([None, None, 0, 1, 3]),
        engines=st.integers(0, 3),
        warm=st.booleans(),
        pile=st.sampled_from([1, 2, 32]),
    )
    def begin(
        self, scheme: str, hwm: int | None, engines: int, warm: bool, pile: int
    ) -> None:
        self.world = World(policy=SCHEMES[scheme](Random(0)), hwm=hwm, pile=pile)
        for _ in range(engines):
            engine = self.world.join()
            if warm:  # its tasks are known to be short: it gets many at once
                self.world.submit(engine.engine_id)
                self.world.work_off(engine, DURATIONS[0])

    def one_of(self, data: st.DataObject, line: str) -> FakeEngine | None:
        """Return one of the engines that have something on a line."""
        able = [e for e in self.world.engines if getattr(e, line)]
        return data.draw(st.sampled_from(able)) if able else None

    def some(self, data: st.DataObject) -> list[TaskKey]:
        """Return some of the tasks that were ever submitted, the later more often."""
        keys = list(self.world.submitted)
        if not keys:
            return []
        recent = st.sampled_from(keys[-6:]) | st.sampled_from(keys)
        return data.draw(st.lists(recent, min_size=1, max_size=3))

    @rule(
        equipment=equipment,
        heeds=st.booleans(),
        left=st.sampled_from([0, 0, 0.3, 5.05, 8.0]),
    )
    def join(
        self,
        equipment: tuple[dict[str, float], list[str]],
        heeds: bool,
        left: float,
    ) -> None:
        if len(self.world.engines) < 4:
            self.world.join(*equipment, heeds, left)

    @precondition(lambda self: self.world.engines)
    @rule(data=st.data(), leaves=st.sampled_from([False, False, True]))
    def empty(self, data: st.DataObject, leaves: bool) -> None:
        engine = data.draw(st.sampled_from(self.world.engines))
        self.world.empty(engine, leaves=leaves)

    @precondition(lambda self: self.world.engines)
    @rule(data=st.data())
    def resume_engine(self, data: st.DataObject) -> None:
        self.world.resume(data.draw(st.sampled_from(self.world.engines)))

    # Tasks come

    @rule(number=st.integers(1, 12))
    def submit_balanced(self, number: int) -> None:
        for _ in range(number):
            self.world.submit()

    @rule(wanted=st.lists(st.just({}) | limits, min_size=1, max_size=12))
    def submit_together(self, wanted: list[dict[str, Any]]) -> None:
        self.world.submit_many(wanted)

    @precondition(lambda self: self.world.engines)
    @rule(
        data=st.data(),
        number=st.integers(1, 3),
        limit=st.sampled_from([None, None, 1e-3]),
    )
    def submit_direct(
        self, data: st.DataObject, number: int, limit: float | None
    ) -> None:
        engine = data.draw(st.sampled_from(self.world.engines))
        terms = {} if limit is None else {"time_limit": limit}
        for _ in range(number):
            self.world.submit(engine.engine_id, **terms)

    @rule()
    def submit_to_nobody(self) -> None:
        key = self.world.submit(99)
        assert (
            self.world.failures[key] == "there is no engine 99: it left, or never was"
        )

    @rule(limits=limits, places=st.just({}) | places, number=st.integers(1, 3))
    def submit_with_terms(
        self, limits: dict[str, Any], places: dict[str, Any], number: int
    ) -> None:
        for _ in range(number):
            self.world.submit(**limits, **places)

    @rule(
        data=st.data(),
        limits=st.just({}) | limits,
        places=st.just({}) | places,
        words=st.sampled_from([["after"], ["follow"], ["after", "follow"]]),
        known=st.integers(0, 20),
    )
    def submit_dependent(
        self,
        data: st.DataObject,
        limits: dict[str, Any],
        places: dict[str, Any],
        words: list[str],
        known: int,
    ) -> None:
        terms = {**limits, **places}
        for word in words:
            ids = [msg_id(key) for key in self.some(data)]
            if not known:
                ids.append(msg_id(TaskKey(CLIENT, 10_000)))
            ends = data.draw(
                st.sampled_from([(True, False), (False, True), (True, True)])
            )
            terms[word] = Condition(ids, data.draw(st.booleans()), *ends)
        key = self.world.submit(**terms)
        assert known or self.world.statuses[key] is Status.INVALID

    # Tasks run

    @rule(
        data=st.data(),
        duration=st.sampled_from(DURATIONS),
        status=st.sampled_from([Status.OK, Status.OK, Status.ERROR, Status.UNMET]),
        suspends=st.booleans(),
    )
    def work(
        self, data: st.DataObject, duration: float, status: Status, suspends: bool
    ) -> None:
        able = [e for e in self.world.engines if e.can_start or e.running]
        if able:
            engine = data.draw(st.sampled_from(able))
            if engine.running and suspends:
                engine.suspend()
            elif engine.running:
                engine.finish(duration, status)
            if engine.can_start:
                self.world.start(engine)

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        if engine := self.one_of(data, "suspended"):
            engine.resume()

    @rule(
        data=st.data(),
        duration=st.sampled_from(DURATIONS),
        status=st.sampled_from([Status.OK, Status.ERROR, Status.UNMET]),
    )
    def work_off(self, data: st.DataObject, duration: float, status: Status) -> None:
        if self.world.engines:
            engine = data.draw(st.sampled_from(self.world.engines))
            self.world.work_off(engine, duration, status)

    @rule(data=st.data(), together=st.booleans())
    def hear_result(self, data: st.DataObject, together: bool) -> None:
        if engine := self.one_of(data, "results"):
            hear = self.world.hear_results if together else self.world.hear_result
            hear(engine)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if engine := self.one_of(data, "requests"):
            engine.give_back()

    @rule(data=st.data())
    def hear_answer(self, data: st.DataObject) -> None:
        if engine := self.one_of(data, "answers"):
            self.world.hear_answer(engine)

    @precondition(lambda self: self.world.stale)
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        self.world.hear_again(data.draw(st.sampled_from(self.world.stale)))

    # Tasks are given up

    @rule(data=st.data(), interrupt=st.booleans())
    def abort(self, data: st.DataObject, interrupt: bool) -> None:
        self.world.abort(*self.some(data), interrupt=interrupt)

    @rule(seconds=st.sampled_from([1e-4, 3e-3, 0.6, 6.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.engines)
    @rule(
        data=st.data(), known=st.booleans(), proved=st.sampled_from([True, True, False])
    )
    def die(self, data: st.DataObject, known: bool, proved: bool) -> None:
        engine = data.draw(st.sampled_from(self.world.engines))
        self.world.die(engine, known=known, proved=proved)

    @precondition(lambda self: self.world.doomed)
    @rule()
    def carry_out_a_killing(self) -> None:
        self.world.die(self.world.doomed[0])

    @invariant()
    def direct_tasks_keep_their_order(self) -> None:
        for engine in [*self.world.engines, *self.world.dead]:
            tasks = [started.task for started in engine.started]
            seqs = [task.key.seq for task in tasks if task.pinned is not None]
            assert seqs == sorted(seqs)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            if not self.world.engines:
                self.world.join()
            self.world.drain(stuck=self.world.engines[1:])
            self.world.drain()
            self.world.check_empty()


TestHistories = pytest.mark.timeout(300)(pytest.mark.slow(Histories.TestCase))
TestHistories.settings = settings(max_examples=120, stateful_step_count=80)
