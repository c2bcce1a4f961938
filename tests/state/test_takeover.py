"""Tasks of an earlier machine end as it wanted them to."""

from __future__ import annotations

import pytest

from parallel.protocol.messages import Status
from parallel.protocol.terms import Terms
from parallel.state.events import (
    DeliverOutcome,
    EngineJoined,
    Holding,
    InterruptTask,
    SendTask,
    TaskFinished,
    TaskSubmitted,
    TellPast,
    TimePassed,
)
from parallel.state.naming import TaskKey
from parallel.state.past import Past
from parallel.state.scheduler import Scheduler

KEY = TaskKey(b"client", 7)


def ended(status: Status) -> list[object]:
    """Return what a machine does when a task ends so that it has taken over."""
    machine = Scheduler()
    held = EngineJoined(b"e", 0, holdings=[Holding(KEY, None, 3)], reach=3)
    machine.handle(held, now=0.0)
    machine.handle(EngineJoined(b"f", 1), now=0.0)
    terms = Terms(time_limit=2.0, retries=1)
    machine.handle(TaskSubmitted(KEY, "f(x)", terms=terms), now=0.1)
    return list(machine.handle(TaskFinished(b"e", 3, 0.1, "outcome", status), now=0.2))


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.ABORTED])
def test_one_that_was_stopped_is_not_tried_again(status: Status) -> None:
    (delivered,) = ended(status)
    assert isinstance(delivered, DeliverOutcome)
    assert delivered.outcome == "outcome"


def test_one_that_raised_is_tried_elsewhere() -> None:
    told, sent = ended(Status.ERROR)
    assert isinstance(told, TellPast)
    assert told.task.past == Past(starts=1, tries=1, refused=[0], deaths=[])
    assert isinstance(sent, SendTask)
    assert sent.uuid == b"f"


@pytest.mark.parametrize("suspended", [False, True])
def test_a_time_limit_goes_on_where_it_was(suspended: bool) -> None:
    machine = Scheduler()
    holding = Holding(KEY, None, 3, suspended, ran=1.5)
    machine.handle(EngineJoined(b"e", 0, holdings=[holding], reach=3), now=10.0)
    machine.handle(TaskSubmitted(KEY, "f(x)", terms=Terms(time_limit=2.0)), now=10.1)
    assert machine.wakeup == 10.5
    (interrupt,) = machine.handle(TimePassed(), now=10.5)
    assert isinstance(interrupt, InterruptTask)
    assert (interrupt.ordinal, interrupt.status) == (3, Status.TIMEOUT)


def test_one_whose_time_was_over_before_it_was_claimed_is_stopped_at_once() -> None:
    machine = Scheduler()
    holding = Holding(KEY, None, 3, ran=60.0)
    machine.handle(EngineJoined(b"e", 0, holdings=[holding], reach=3), now=10.0)
    machine.handle(TaskSubmitted(KEY, "f(x)", terms=Terms(time_limit=2.0)), now=10.1)
    assert machine.wakeup is not None
    assert machine.wakeup < 10.1
    (interrupt,) = machine.handle(TimePassed(), now=10.1)
    assert isinstance(interrupt, InterruptTask)
