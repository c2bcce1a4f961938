"""Tasks of an earlier machine end as it wanted them to."""

from __future__ import annotations

import pytest

from parallel.protocol.messages import Status
from parallel.protocol.terms import Terms
from parallel.state.events import (
    DeliverOutcome,
    EngineJoined,
    Holding,
    SendTask,
    TaskFinished,
    TaskSubmitted,
)
from parallel.state.scheduler import Scheduler
from parallel.state.tasks import TaskKey

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
    (sent,) = ended(Status.ERROR)
    assert isinstance(sent, SendTask)
    assert sent.uuid == b"f"
