"""When a submitter waits, raises, or goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from parallel.client import pace
from parallel.client.opentasks import OpenTasks
from parallel.client.pace import Pace
from parallel.client.waits import Waits
from parallel.errors import ConnectionClosed, ParallelError, TooMuchUnderWay
from parallel.protocol.messages import FREE, Credit, Message, WantCredit

CREDIT = Credit(5000, 8 << 20)


class Pumped:
    """Plays the pump: who reads is up to the test."""

    in_callback = False
    elsewhere = False

    def reads(self) -> bool:
        return self.in_callback

    def is_read_elsewhere(self) -> bool:
        return self.elsewhere

    @contextmanager
    def submitting(self) -> Iterator[None]:
        yield


class Submitting:
    """Plays the connection: a wait ends some tasks, if the test says so."""

    session = "cafe"
    questions: Any = None

    def __init__(self) -> None:
        self.tasks = OpenTasks()
        self.closed: ParallelError | None = None
        self.waits = Waits(self._wait)
        self.waits.explain_after = None
        self.said: list[Message] = []
        self.waited = 0
        #: So many tasks end in each wait.
        self.ends = 0
        self.pump = Pumped()
        self.pace = Pace(self, self.pump)  # type: ignore[arg-type]

    @property
    def outstanding(self) -> list[int]:
        return list(self.tasks.open)

    def order(self, message: Message, *, behind: bool = False) -> None:
        self.said.append(message)
        self.pace.on_credit(CREDIT)

    def _wait(
        self, done: Callable[[], bool], follow: object, deadline: float | None
    ) -> bool:
        if not done():
            self.waited += 1
            for seq in self.outstanding[: self.ends]:
                del self.tasks.open[seq]
                self.tasks.finished += 1
        return done()

    def open(self, count: int) -> None:
        """Have so many tasks under way."""
        sink: Any = None
        self.tasks.open = dict.fromkeys(range(count), (sink, 0, 0, b""))


@pytest.fixture
def submitting() -> Submitting:
    return Submitting()


def hold_back(submitting: Submitting, *, raises: bool = False) -> None:
    submitting.pace.hold_back(raises=raises)


def test_it_asks_once_for_what_it_may_have(submitting: Submitting) -> None:
    assert (submitting.pace.tasks, submitting.pace.nbytes) == (FREE.tasks, FREE.nbytes)
    submitting.open(FREE.tasks)
    hold_back(submitting)
    hold_back(submitting)
    assert submitting.said == [WantCredit()]


def test_it_goes_on_by_quarters_while_tasks_are_long(submitting: Submitting) -> None:
    submitting.open(FREE.tasks)
    hold_back(submitting)
    assert submitting.waited == 1
    assert submitting.pace.tasks == FREE.tasks * 1.25


def test_who_is_held_up_gives_freed_memory_back_now_and_then(
    submitting: Submitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []
    monkeypatch.setattr(pace, "give_back", lambda: given.append(True))
    submitting.open(3000)
    for _ in range(5):
        submitting.pace.hold_back(raises=False)
    assert given == [True]


def test_it_goes_on_no_further_than_its_credit(submitting: Submitting) -> None:
    for count in (2100, 2700, 3400, 4300):
        submitting.open(count)
        hold_back(submitting)
    assert submitting.pace.tasks == CREDIT.tasks
    submitting.open(CREDIT.tasks)
    submitting.ends = 100
    hold_back(submitting)
    assert len(submitting.outstanding) == 4300  # at most 7/8 of the credit


def test_bytes_are_credited_like_tasks(submitting: Submitting) -> None:
    submitting.tasks.nbytes = CREDIT.nbytes
    with pytest.raises(TooMuchUnderWay, match="0 tasks with 8 MiB of arguments"):
        hold_back(submitting, raises=True)


def test_who_raises_does_not_wait(submitting: Submitting) -> None:
    submitting.open(CREDIT.tasks - 1)
    hold_back(submitting, raises=True)
    submitting.open(CREDIT.tasks)
    with pytest.raises(TooMuchUnderWay, match="no more than 5,000 tasks, or 8 MiB"):
        hold_back(submitting, raises=True)
    assert submitting.waited == 0


def test_a_callback_neither_waits_nor_raises(submitting: Submitting) -> None:
    submitting.open(2 * CREDIT.tasks)
    submitting.pump.in_callback = True
    hold_back(submitting)
    hold_back(submitting, raises=True)
    assert submitting.waited == 0
    assert submitting.said == []


def test_nobody_waits_on_what_is_closed(submitting: Submitting) -> None:
    submitting.open(2 * CREDIT.tasks)
    submitting.closed = ConnectionClosed("by the test")
    hold_back(submitting)
    assert submitting.waited == 0


def test_who_may_be_what_another_reader_waits_for_goes_on(
    submitting: Submitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("parallel.client.pace.monotonic", lambda: next(now))
    submitting.pump.elsewhere = True
    submitting.open(CREDIT.tasks)
    hold_back(submitting)
    hold_back(submitting)  # a quarter more may be under way by now
    submitting.open(CREDIT.tasks + 1000)
    before = submitting.waited
    hold_back(submitting)
    assert submitting.waited == before


def test_who_asked_is_to_ask_the_next_controller_too(submitting: Submitting) -> None:
    assert not submitting.pace.has_asked
    submitting.open(FREE.tasks)
    hold_back(submitting)
    assert submitting.pace.has_asked
    assert submitting.said == [WantCredit()]
