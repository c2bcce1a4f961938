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

    @initialize(engines=st.integers(1, 3), are_watched=st.booleans())
    def begin(self, engines: int, are_watched: bool) -> None:
        self.realm = Realm()
        for number in range(engines):
            self.realm.join(is_watched=are_watched or number > 0)

    def back(self) -> list[LastingEngine]:
        """Return the engines that the controller knows."""
        known = self.realm.machine.engines
        return [engine for engine in self.realm.engines if engine.uuid in known]

    def awaited(self) -> list[LastingEngine]:
        """Return those that have yet to speak."""
        reunion = self.realm.reunion
        wanted = reunion.awaited if reunion else {}
        return [engine for engine in self.realm.engines if engine.uuid in wanted]

    def is_client_away(self) -> bool:
        """Tell whether the client has yet to come back."""
        return not (self.realm.is_client_there or self.realm.is_client_gone)

    @precondition(lambda self: not self.realm.is_client_gone)
    @rule(number=st.integers(1, 4), once=st.booleans(), retries=st.integers(0, 2))
    def submit(self, number: int, once: bool, retries: int) -> None:
        for _ in range(number):
            self.realm.submit(once=once, retries=retries)

    @precondition(lambda self: self.realm.submitted and not self.realm.is_client_gone)
    @rule(data=st.data())
    def submit_behind_another(self, data: st.DataObject) -> None:
        recent = list(self.realm.submitted)[-6:]
        after, strict = data.draw(st.sampled_from(recent)), data.draw(st.booleans())
        self.realm.submit(after=after, strict=strict)

    @precondition(lambda self: self.realm.engines and not self.realm.is_client_gone)
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

    @precondition(lambda self: any(e.running for e in self.realm.engines))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        able = [e for e in self.realm.engines if e.running]
        self.realm.fail(data.draw(st.sampled_from(able)))

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
    def write(self) -> None:
        self.realm.record.write()

    @rule()
    def settle(self) -> None:
        self.realm.settle()

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

    @precondition(lambda self: self.awaited() and self.is_client_away())
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

    @precondition(lambda self: self.is_client_away())
    @rule()
    def come_back(self) -> None:
        self.realm.come_back()

    @precondition(lambda self: not self.realm.is_client_gone)
    @rule(has_written=st.booleans())
    def lose_client_and_controller(self, has_written: bool) -> None:
        if has_written:
            self.realm.record.write()
        self.realm.leave()
        self.realm.kill()

    @precondition(lambda self: self.realm.reunion and self.realm.reunion.is_patient)
    @rule()
    def hurry(self) -> None:
        self.realm.hurry()

    @precondition(lambda self: self.realm.is_asked)
    @rule()
    def answer(self) -> None:
        self.realm.answer()

    def teardown(self) -> None:
        if hasattr(self, "realm"):
            self.realm.drain()
            self.realm.judge()


TestKills = pytest.mark.timeout(300)(pytest.mark.slow(Kills.TestCase))
TestKills.settings = settings(max_examples=100, stateful_step_count=50)


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


def test_what_was_not_started_on_a_dead_engine_goes_on() -> None:
    realm = Realm()
    first, second = realm.join(), realm.join()
    started, queued = realm.submit(once=True), realm.submit(once=True)
    behind = realm.submit(once=True)
    realm.start(first)
    realm.die(first)
    realm.kill()
    realm.speak(second)
    realm.come_back()
    realm.answer()
    assert not realm.got, "nobody has told yet what the dead one had started"
    realm.notice()
    realm.drain()
    assert realm.got[started] is Status.LOST
    assert realm.got[queued] is realm.got[behind] is Status.OK


def test_what_an_engine_had_started_that_nobody_watches_is_not_known() -> None:
    realm = Realm()
    first, second = realm.join(is_watched=False), realm.join()
    started, queued = realm.submit(once=True), realm.submit(once=True)
    realm.start(first)
    realm.die(first)
    realm.kill()
    realm.speak(second)
    realm.notice()
    realm.come_back()
    realm.answer()
    realm.drain()
    assert realm.got[started] is realm.got[queued] is Status.LOST


def test_what_may_have_ended_is_not_started_twice_if_the_record_is_lost() -> None:
    realm = Realm()
    engine = realm.join()
    queued, other = realm.submit(once=True), realm.submit()
    realm.kill()
    assert realm.reunion is not None
    realm.reunion.lost_record()
    realm.speak(engine)
    realm.come_back()
    realm.answer()
    later = realm.submit(once=True)
    realm.drain()
    assert realm.got[queued] is Status.LOST
    assert realm.got[other] is realm.got[later] is Status.OK


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
    realm.is_client_there = True
    realm.reunion.reopen(CLIENT, 1, [key.seq])
    realm.answer()
    realm._take(realm.submitted[key])  # its function had to come first
    realm.receive()
    assert realm.got == {key: Status.OK}
    assert len(realm.starts[key]) == 1
    assert not realm.machine.tasks


@pytest.mark.parametrize("is_new", [False, True])
def test_what_is_run_again_has_not_failed_for_those_behind_it(is_new: bool) -> None:
    realm = Realm()
    for _ in range(2):
        realm.join()
    task = realm.submit()
    (holder,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(holder)
    if not is_new:
        behind = realm.submit(after=task, strict=True)
    realm.kill()
    realm.speak(holder)
    realm.die(holder)
    realm.notice()
    realm.come_back()
    if is_new:
        behind = realm.submit(after=task, strict=True)
    realm.drain()
    realm.judge()
    assert realm.got[behind] is realm.got[task] is Status.OK


def test_what_a_killed_client_had_is_not_started_again() -> None:
    """Its engine keeps it until the record has written how it ended."""
    realm = Realm()
    engine = realm.join()
    key = realm.submit()
    realm.record.write()
    realm.start(engine)
    realm.finish(engine)
    realm.hear(engine)
    realm.receive()
    realm.settle()
    realm.leave()
    realm.kill()
    realm.speak(engine)
    realm.drain()
    assert len(realm.starts[key]) == 1
    assert realm.record.ends == {key: Status.OK}


def test_the_last_start_counts_whoever_tells_of_it_first() -> None:
    realm = Realm()
    engines = [realm.join(), realm.join()]
    key = realm.submit(retries=1)
    (first,) = [engine for engine in engines if engine.can_start]
    realm.start(first)
    realm.fail(first)
    realm.hear(first)
    realm.receive()
    (second,) = [engine for engine in engines if engine.can_start]
    realm.start(second)
    realm.finish(second)
    realm.kill()
    for engine in (second, first):
        realm.speak(engine)
        realm.hear(engine)
    realm.come_back()
    realm.drain()
    realm.judge()
    assert realm.got == {key: Status.OK}
    assert len(realm.starts[key]) == 2


def test_an_end_of_a_task_that_nobody_else_knows_is_forgotten_in_time() -> None:
    """Neither its client nor the controller that wrote the record is there any more."""
    realm = Realm()
    engine = realm.join(is_watched=False)
    realm.submit(engine.engine_id)
    realm.start(engine)
    realm.fail(engine)
    realm.leave()
    realm.kill()
    realm.speak(engine)
    realm.hear(engine)
    realm.hurry()
    assert realm.reunion is not None
    assert realm.reunion.ended, "its client may be slow to come back"
    realm.drain()
    realm.judge()
