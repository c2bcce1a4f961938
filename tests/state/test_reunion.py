"""The controller may be killed at any moment: nothing is lost, nor started twice."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from parallel.protocol.messages import Status
from parallel.state.naming import TaskKey
from parallel.state.reunion.clients import PATIENCE
from tests.state.lasting import LastingEngine
from tests.state.patron import Patron
from tests.state.realm import Realm
from tests.state.verdict import judge


class Kills(RuleBasedStateMachine):
    """Tasks come and run, engines, clients and controllers die, and may come back."""

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
        return self.realm.awaited(self.realm.engines)

    def away(self) -> list[Patron]:
        """Return the clients that have yet to come back."""
        return [client for client in self.realm.clients if client.is_away]

    def present(self) -> list[Patron]:
        """Return those that have not left for good."""
        return [client for client in self.realm.clients if not client.is_gone]

    def recent(self) -> list[TaskKey]:
        """Return some tasks that others may depend on."""
        return [key for each in self.realm.clients for key in [*each.submitted][-6:]]

    # Clients

    @precondition(lambda self: self.present())
    @rule(
        data=st.data(),
        number=st.integers(1, 4),
        retries=st.integers(0, 2),
        terms=st.fixed_dictionaries({"once": st.booleans(), "bulky": st.booleans()}),
    )
    def submit(
        self, data: st.DataObject, number: int, retries: int, terms: dict[str, bool]
    ) -> None:
        client = data.draw(st.sampled_from(self.present()))
        for _ in range(number):
            self.realm.submit(client=client, retries=retries, **terms)

    @precondition(lambda self: self.recent() and self.present())
    @rule(
        data=st.data(), strict=st.booleans(), follows=st.booleans(), once=st.booleans()
    )
    def submit_behind_others(
        self, data: st.DataObject, strict: bool, follows: bool, once: bool
    ) -> None:
        client = data.draw(st.sampled_from(self.present()))
        others = st.lists(st.sampled_from(self.recent()), min_size=1, max_size=2)
        named = data.draw(others)
        after, follow = ((), named) if follows else (named, ())
        self.realm.submit(None, after, follow, client=client, strict=strict, once=once)

    @precondition(lambda self: self.realm.engines and self.present())
    @rule(data=st.data())
    def submit_direct(self, data: st.DataObject) -> None:
        engine = data.draw(st.sampled_from(self.realm.engines))
        client = data.draw(st.sampled_from(self.present()))
        self.realm.submit(engine.engine_id, client=client)

    @precondition(lambda self: any(client.open for client in self.present()))
    @rule(data=st.data(), interrupt=st.booleans())
    def abort(self, data: st.DataObject, interrupt: bool) -> None:
        unfinished = [key for client in self.present() for key in client.open]
        self.realm.abort(data.draw(st.sampled_from(unfinished)), interrupt=interrupt)

    @precondition(lambda self: any(each.told for each in self.realm.clients))
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        able = [each for each in self.realm.clients if each.told]
        data.draw(st.sampled_from(able)).receive()

    @precondition(lambda self: len(self.realm.clients) < 3)
    @rule()
    def connect(self) -> None:
        self.realm.connect()

    @precondition(lambda self: self.present())
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.realm.leave(data.draw(st.sampled_from(self.present())))

    @precondition(lambda self: self.present())
    @rule(data=st.data(), has_written=st.booleans())
    def lose_client_and_controller(
        self, data: st.DataObject, has_written: bool
    ) -> None:
        if has_written:
            self.realm.record.write()
        client = data.draw(st.sampled_from(self.present()))
        client.is_gone = True
        self.realm.kill()

    @precondition(lambda self: self.away())
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        self.realm.come_back(data.draw(st.sampled_from(self.away())))

    # Engines

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
    @rule(data=st.data(), refuses=st.booleans())
    def fail(self, data: st.DataObject, refuses: bool) -> None:
        able = [e for e in self.realm.engines if e.running]
        engine = data.draw(st.sampled_from(able))
        (self.realm.refuse if refuses else self.realm.fail)(engine)

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

    @precondition(lambda self: any(e.requests for e in self.back()))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        able = [e for e in self.back() if e.requests]
        self.realm.give_back(data.draw(st.sampled_from(able)))

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

    @precondition(lambda self: self.awaited())
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        self.realm.speak(data.draw(st.sampled_from(self.awaited())))

    @precondition(lambda self: self.awaited() and self.away())
    @rule()
    def come_back_after_all_engines(self) -> None:
        for engine in self.awaited():
            self.realm.speak(engine)
            while engine.results:
                self.realm.hear(engine)
        self.realm.come_back(self.away()[0])

    # The controller

    @rule()
    def write(self) -> None:
        self.realm.record.write()

    @precondition(lambda self: self.realm.record.questions)
    @rule()
    def answer(self) -> None:
        self.realm.answer()

    @rule(are_silent=st.booleans())
    def settle(self, are_silent: bool) -> None:
        self.realm.settle(are_silent=are_silent)

    @rule()
    def pass_time(self) -> None:
        self.realm.pass_time(3e-3)

    @precondition(lambda self: self.realm.kills < 4)
    @rule()
    def kill_controller(self) -> None:
        self.realm.kill()

    @precondition(lambda self: len(self.realm.engines) > 1 and self.realm.deaths < 3)
    @rule(data=st.data())
    def die_with_the_controller(self, data: st.DataObject) -> None:
        busy = [e for e in self.realm.engines if e.stack] or self.realm.engines
        self.realm.die(data.draw(st.sampled_from(busy)))
        self.realm.kill()

    @precondition(lambda self: self.realm.loop.is_to_come(PATIENCE))
    @rule()
    def hurry(self) -> None:
        self.realm.hurry()

    @precondition(lambda self: self.realm.kills and not self.awaited())
    @rule()
    def expire(self) -> None:
        if not self.realm.unnoticed:
            self.realm.hurry()
            self.realm.answer_all()
            self.realm.expire()

    def teardown(self) -> None:
        if hasattr(self, "realm"):
            self.realm.drain()
            judge(self.realm)


TestKills = pytest.mark.timeout(300)(pytest.mark.slow(Kills.TestCase))
TestKills.settings = settings(max_examples=100, stateful_step_count=50)


def status_of(realm: Realm, key: TaskKey) -> Status | None:
    """Return how a task ended for its client."""
    return realm.client_of(key).status(key)


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
    realm.answer_all()
    realm.receive()
    assert status_of(realm, once) is Status.LOST


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
    realm.answer_all()
    assert not realm.clients[0].got, "nobody has told yet what the dead one had started"
    realm.notice()
    realm.drain()
    assert status_of(realm, started) is Status.LOST
    assert status_of(realm, queued) is status_of(realm, behind) is Status.OK


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
    realm.answer_all()
    realm.drain()
    assert status_of(realm, started) is status_of(realm, queued) is Status.LOST


def test_what_may_have_ended_is_not_started_twice_if_the_record_is_lost() -> None:
    realm = Realm()
    engine = realm.join()
    queued, other = realm.submit(once=True), realm.submit()
    realm.is_reliant = realm.record.is_begun_anew = True
    realm.kill()
    realm.speak(engine)
    realm.come_back()
    realm.answer_all()
    later = realm.submit(once=True)
    realm.drain()
    assert status_of(realm, queued) is Status.LOST
    assert status_of(realm, other) is status_of(realm, later) is Status.OK


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
    realm.answer_all()
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
    client = realm.clients[0]
    client.is_there = True
    assert realm.reopening is not None
    realm.loop.do(realm.reopening.reopen, client.uuid, client.reopen(), 0.0)
    realm.answer_all()
    realm.take(client, [key])  # its function had to come first
    realm.receive()
    assert status_of(realm, key) is Status.OK
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
        behind = realm.submit(after=[task], strict=True)
    realm.kill()
    realm.speak(holder)
    realm.die(holder)
    realm.notice()
    realm.come_back()
    if is_new:
        behind = realm.submit(after=[task], strict=True)
    realm.drain()
    judge(realm)
    assert status_of(realm, behind) is status_of(realm, task) is Status.OK


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
    judge(realm)
    assert status_of(realm, key) is Status.OK
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
    assert realm.reopening is not None
    assert realm.reopening._reunion.ended, "its client may be slow to come back"
    realm.drain()
    judge(realm)


@pytest.mark.parametrize("interrupt", [False, True])
def test_what_runs_is_not_given_up_as_if_it_had_not_begun(interrupt: bool) -> None:
    """Its client is back, and gives it up, before its engine has spoken."""
    realm = Realm()
    engine = realm.join()
    task = realm.submit()
    realm.start(engine)
    realm.kill()
    realm.come_back()
    realm.abort(task, interrupt=interrupt)
    realm.answer_all()
    realm.speak(engine)
    realm.give_back(engine)
    assert (engine.running is None) is interrupt
    realm.drain()
    judge(realm)
    assert status_of(realm, task) is (Status.ABORTED if interrupt else Status.OK)


def test_what_is_given_up_that_nobody_has_does_not_begin() -> None:
    realm = Realm()
    engine = realm.join()
    tasks = [realm.submit(), realm.submit(engine.engine_id), realm.submit(once=True)]
    realm.kill()
    for task in tasks:
        realm.abort(task)
    realm.come_back()
    realm.answer_all()
    realm.speak(engine)
    realm.receive()
    assert [status_of(realm, task) for task in tasks] == [Status.ABORTED] * 3
    realm.drain()
    judge(realm)
    assert not realm.starts


@pytest.mark.parametrize("dies", [False, True])
def test_an_earlier_start_does_not_change_how_a_task_ended(dies: bool) -> None:
    """Its client has the result; an engine may keep what the start before that gave."""
    realm = Realm()
    realm.join(), realm.join()
    task = realm.submit(retries=1)
    realm.record.write()
    (first,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(first)
    realm.fail(first)
    realm.hear(first)
    (second,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(second)
    realm.finish(second)
    realm.hear(second)
    realm.receive()
    realm.kill()
    realm.come_back()
    realm.answer_all()
    if dies:
        realm.die(second)
        realm.notice()
    else:
        realm.speak(second)
        realm.hear(second)
    realm.speak(first)
    behind = realm.submit(after=[task], strict=True)
    realm.drain()
    judge(realm)
    assert status_of(realm, behind) is Status.OK
    assert realm.record.over[task] is Status.OK


def test_who_waits_for_a_task_that_came_later_goes_when_that_does() -> None:
    realm = Realm()
    engine, first, second = realm.join(), realm.clients[0], realm.connect()
    tasks = [realm.submit(client=first) for _ in range(2)]
    realm.kill()
    realm.come_back(second)
    behind = realm.submit(after=tasks, client=second)
    realm.come_back(first)
    realm.answer_all()
    realm.hurry()
    realm.answer_all()
    realm.speak(engine)
    for _ in tasks:
        realm.start(engine)
        realm.finish(engine)
        realm.hear(engine)
    realm.start(engine)
    assert engine.running is not None
    assert engine.running.task.key == behind


def test_what_is_left_is_done_though_the_record_was_slow_to_open() -> None:
    realm = Realm()
    engine = realm.join()
    task = realm.submit()
    realm.record.write()
    realm.leave()
    realm.kill()
    realm.speak(engine)
    realm.hurry()
    assert not engine.can_start, "nobody knows of it"
    realm.answer_all()
    realm.start(engine)
    realm.finish(engine)
    realm.hear(engine)
    assert realm.record.ends == {task: Status.OK}


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_left_goes_by_how_others_ended_that_are_given_up(strict: bool) -> None:
    realm = Realm()
    engine = realm.join()
    first = realm.submit(once=True)
    second = realm.submit(after=[first], strict=strict)
    third = realm.submit(after=[second], strict=True)
    realm.record.write()
    realm.leave()
    realm.kill()
    realm.speak(engine)
    realm.drain()
    judge(realm)
    end = Status.IMPOSSIBLE if strict else Status.OK
    assert realm.record.over == {first: Status.LOST, second: end, third: end}


def test_what_is_left_goes_on_when_another_client_is_late() -> None:
    realm = Realm()
    engine, gone, late = realm.join(), realm.clients[0], realm.connect()
    first = realm.submit(once=True, client=late)
    second = realm.submit(after=[first], client=gone, strict=True)
    realm.record.write()
    realm.leave(gone)
    realm.kill()
    realm.speak(engine)
    realm.hurry()
    realm.answer_all()
    realm.come_back(late)
    realm.drain()
    judge(realm)
    assert realm.record.over == {first: Status.OK, second: Status.OK}


def test_what_ends_when_its_client_is_late_is_kept_for_it() -> None:
    """The record does not know of it: the controller was killed just before."""
    realm = Realm()
    engine = realm.join()
    task = realm.submit()
    realm.start(engine)
    realm.kill()
    realm.speak(engine)
    realm.hurry()
    realm.answer_all()
    realm.finish(engine)
    realm.hear(engine)
    realm.drain()
    judge(realm)
    assert status_of(realm, task) is Status.OK
    assert len(realm.starts[task]) == 1


@pytest.mark.parametrize("dies", [False, True])
def test_who_waits_for_an_end_that_nobody_asks_for_is_told_of_it(dies: bool) -> None:
    realm = Realm()
    engine, gone, other = realm.join(), realm.clients[0], realm.connect()
    task = realm.submit(client=gone)
    realm.start(engine)
    realm.leave(gone)
    realm.kill()
    realm.speak(engine)
    realm.come_back(other)
    behind = realm.submit(after=[task], client=other, strict=True)
    if dies:
        realm.join()
        realm.die(engine)
        realm.notice()
    else:
        realm.fail(engine)
        realm.hear(engine)
    realm.drain()
    judge(realm)
    assert status_of(realm, behind) is Status.IMPOSSIBLE


def test_an_earlier_start_does_not_hide_a_later_one_of_another_engine() -> None:
    """Nobody had told its client that it was to be started again."""
    realm = Realm()
    realm.join(), realm.join()
    task = realm.submit(retries=2)
    (first,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(first)
    realm.fail(first)
    realm.hear(first)
    (second,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(second)
    realm.kill()
    realm.come_back()
    realm.answer_all()
    realm.speak(first)
    realm.speak(second)
    realm.drain()
    judge(realm)
    assert status_of(realm, task) is Status.OK
    assert realm.starts[task] == [first, second]


def test_what_an_end_leads_to_does_not_overtake_what_was_sent_before() -> None:
    realm = Realm()
    engine = realm.join()
    first = realm.submit()
    realm.start(engine)
    behind, other = realm.submit(after=[first]), realm.submit()
    realm.record.write()
    realm.leave()
    realm.kill()
    realm.answer_all()
    realm.speak(engine)
    realm.hurry()
    realm.answer_all()
    realm.fail(engine)
    realm.hear(engine)
    realm.drain()
    judge(realm)
    assert [len(realm.starts[key]) for key in (first, behind, other)] == [1, 1, 1]


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("refuses", [False, True])
def test_what_is_left_is_tried_again_where_it_has_not_raised(
    is_late: bool, refuses: bool
) -> None:
    realm = Realm()
    for _ in range(2):
        realm.join()
    task = realm.submit(retries=1)
    realm.record.write()
    (holder,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(holder)
    realm.leave()
    realm.kill()
    for engine in realm.engines:
        realm.speak(engine)
    if is_late:
        realm.hurry()
        realm.answer_all()
    (realm.refuse if refuses else realm.fail)(holder)
    realm.hear(holder)
    realm.drain()
    judge(realm)
    assert realm.record.over == {task: Status.OK}
    assert realm.starts[task] == [holder, other_than(holder, realm)]


def test_what_is_left_raises_no_more_often_than_it_may() -> None:
    realm = Realm()
    for _ in range(3):
        realm.join()
    task = realm.submit(retries=1)
    realm.record.write()
    realm.leave()
    raise_once(realm)
    realm.record.write()
    realm.settle()
    realm.kill()
    for engine in realm.engines:
        realm.speak(engine)
    realm.hurry()
    realm.answer_all()
    raise_once(realm)
    realm.drain()
    judge(realm)
    assert realm.record.over == {task: Status.ERROR}
    assert len(set(realm.starts[task])) == 2


def test_what_is_left_kills_no_more_engines_than_it_may() -> None:
    realm = Realm()
    realm.join()
    task = realm.submit()
    realm.record.write()
    realm.leave()
    for _ in range(3):
        realm.join()
        (holder,) = [engine for engine in realm.engines if engine.can_start]
        realm.start(holder)
        realm.die(holder)
        realm.notice()
        realm.record.write()
        realm.kill()
        for engine in realm.engines:
            realm.speak(engine)
        realm.hurry()
        realm.answer_all()
    realm.drain()
    judge(realm)
    assert realm.record.over == {task: Status.LOST}
    assert len(realm.starts[task]) == 3


def test_what_cannot_be_tried_again_says_why() -> None:
    realm = Realm()
    realm.join(), realm.join()
    task = realm.submit(retries=1, bulky=True)
    realm.record.write()
    (holder,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(holder)
    realm.leave()
    realm.kill()
    realm.fail(holder)
    realm.drain()
    judge(realm)
    outcome = realm.record.disk[task].outcome
    assert outcome is not None
    assert outcome.status is Status.ERROR
    assert "too large to be recorded" in outcome.note


@pytest.mark.parametrize("is_direct", [False, True])
@pytest.mark.parametrize("is_done", [False, True])
def test_what_its_client_asks_for_too_late_is_not_started_twice(
    is_direct: bool, is_done: bool
) -> None:
    """The record never had it, and nobody keeps for ever how it ended."""
    realm = Realm()
    engine = realm.join()
    pinned = engine.engine_id if is_direct else None
    task, other = realm.submit(pinned, once=not is_direct), realm.submit()
    realm.start(engine)
    realm.kill()
    realm.speak(engine)
    realm.hurry()
    realm.answer_all()
    if not is_done:
        realm.expire()
        realm.answer_all()
    realm.finish(engine)
    realm.hear(engine)
    realm.expire()
    realm.answer_all()
    realm.settle()
    realm.drain()
    judge(realm)
    assert status_of(realm, task) is Status.LOST
    assert status_of(realm, other) is Status.OK
    assert len(realm.starts[task]) == 1
    (warning,) = realm.clients[0].warnings
    assert "how 1 of its tasks ended" in warning


def raise_once(realm: Realm) -> None:
    """Have the task run that is given to an engine, and raise."""
    (holder,) = [engine for engine in realm.engines if engine.can_start]
    realm.start(holder)
    realm.fail(holder)
    realm.hear(holder)


def other_than(engine: LastingEngine, realm: Realm) -> LastingEngine:
    """Return the other one of two engines."""
    (other,) = [each for each in realm.engines if each is not engine]
    return other
