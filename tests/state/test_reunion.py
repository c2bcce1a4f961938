"""The controller may be killed at any moment: nothing is lost, nor started twice."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from parallel.protocol.messages import Status
from tests.state.realm import CLIENT, LastingEngine, Realm


class Kills(RuleBasedStateMachine):
    """Tasks come and run, engines and controllers die, and all come back."""

    @initialize(engines=st.integers(1, 3))
    def begin(self, engines: int) -> None:
        self.realm = Realm()
        for _ in range(engines):
            self.realm.join()

    def back(self) -> list[LastingEngine]:
        """Return the engines that the controller knows."""
        known = self.realm.machine.engines
        return [engine for engine in self.realm.engines if engine.uuid in known]

    def awaited(self) -> list[LastingEngine]:
        """Return those that have yet to speak."""
        reunion = self.realm.reunion
        wanted = reunion.awaited if reunion else {}
        return [engine for engine in self.realm.engines if engine.uuid in wanted]

    @rule(number=st.integers(1, 4), once=st.booleans())
    def submit(self, number: int, once: bool) -> None:
        for _ in range(number):
            self.realm.submit(once=once)

    @precondition(lambda self: self.realm.submitted)
    @rule(data=st.data())
    def submit_behind_another(self, data: st.DataObject) -> None:
        recent = list(self.realm.submitted)[-6:]
        self.realm.submit(after=data.draw(st.sampled_from(recent)))

    @precondition(lambda self: self.realm.engines)
    @rule(data=st.data())
    def submit_direct(self, data: st.DataObject) -> None:
        engine = data.draw(st.sampled_from(self.realm.engines))
        self.realm.submit(engine.engine_id)

    @precondition(
        lambda self: any(e.can_start or e.running for e in self.realm.engines)
    )
    @rule(data=st.data(), suspends=st.booleans())
    def work(self, data: st.DataObject, suspends: bool) -> None:
        able = [e for e in self.realm.engines if e.can_start or e.running]
        engine = data.draw(st.sampled_from(able))
        if engine.running and suspends:
            engine.suspend()
        elif engine.running:
            self.realm.finish(engine)
        if engine.can_start:
            self.realm.start(engine)

    @precondition(lambda self: any(e.suspended for e in self.realm.engines))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        able = [e for e in self.realm.engines if e.suspended]
        data.draw(st.sampled_from(able)).resume()

    @precondition(lambda self: any(e.results for e in self.back()))
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        able = [e for e in self.back() if e.results]
        self.realm.hear(data.draw(st.sampled_from(able)))

    @precondition(lambda self: self.realm.told)
    @rule()
    def receive(self) -> None:
        self.realm.receive()

    @rule()
    def pass_time(self) -> None:
        self.realm.pass_time(3e-3)

    # Deaths

    @precondition(lambda self: len(self.realm.engines) > 1 and self.realm.deaths < 3)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.realm.die(data.draw(st.sampled_from(self.realm.engines)))

    @precondition(lambda self: self.realm.unnoticed)
    @rule()
    def notice(self) -> None:
        self.realm.notice()

    @precondition(lambda self: len(self.realm.engines) < 3)
    @rule()
    def join(self) -> None:
        self.realm.join()

    @precondition(lambda self: self.realm.kills < 4)
    @rule()
    def kill_controller(self) -> None:
        self.realm.kill()

    @precondition(lambda self: self.awaited())
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        self.realm.speak(data.draw(st.sampled_from(self.awaited())))

    @precondition(lambda self: self.awaited() and not self.realm.is_client_there)
    @rule()
    def come_back_after_all_engines(self) -> None:
        for engine in self.awaited():
            self.realm.speak(engine)
            while engine.results:
                self.realm.hear(engine)
        self.realm.come_back()

    @precondition(lambda self: len(self.realm.engines) > 1 and self.realm.deaths < 3)
    @rule(data=st.data())
    def die_with_the_controller(self, data: st.DataObject) -> None:
        busy = [e for e in self.realm.engines if e.stack] or self.realm.engines
        self.realm.die(data.draw(st.sampled_from(busy)))
        self.realm.kill()

    @precondition(lambda self: not self.realm.is_client_there)
    @rule()
    def come_back(self) -> None:
        self.realm.come_back()

    @precondition(lambda self: self.realm.is_asked)
    @rule()
    def answer(self) -> None:
        self.realm.answer()

    def teardown(self) -> None:
        if hasattr(self, "realm"):
            self.realm.drain()
            self.realm.judge()


TestKills = pytest.mark.timeout(300)(pytest.mark.slow(Kills.TestCase))
TestKills.settings = settings(max_examples=150, stateful_step_count=60)


def test_what_may_have_run_on_a_dead_engine_is_not_started_twice() -> None:
    realm = Realm()
    first, second = realm.join(), realm.join()
    once = realm.submit(once=True)
    realm.start(first)
    realm.die(first)
    realm.kill()
    realm.speak(second)
    realm.notice()
    realm.come_back()
    realm.answer()
    realm.receive()
    assert realm.got[once] is Status.LOST


def test_an_engine_whose_task_waits_for_others_gets_more() -> None:
    realm = Realm()
    engine = realm.join()
    outer = realm.submit()
    realm.start(engine)
    engine.suspend()
    realm.kill()
    realm.speak(engine)
    inner = realm.submit()
    realm.come_back()
    realm.answer()
    realm.start(engine)
    assert [sent.task.key for sent in engine.stack] == [outer, inner]


def test_what_has_ended_before_its_client_tells_of_it_ends_at_once() -> None:
    realm = Realm()
    engine = realm.join()
    key = realm.submit()
    realm.start(engine)
    realm.finish(engine)
    realm.kill()
    realm.speak(engine)
    realm.hear(engine)
    assert realm.reunion is not None
    realm.reunion.reopen(CLIENT, 1, [key.seq])
    realm.answer()
    realm._take(realm.submitted[key])  # its function had to come first
    realm.receive()
    assert realm.got == {key: Status.OK}
    assert len(realm.starts[key]) == 1
    assert not realm.machine.tasks
