"""What the main thread holds back for too long, or cannot say, is said in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from parallel.engine.guarding import HELD_LONGER, HELD_MOST, Guard
from parallel.engine.sender import Sender
from parallel.protocol.kinds import Status
from parallel.protocol.messages import (
    Hello,
    Pong,
    Result,
    Resumed,
    Suspended,
    Welcome,
)
from parallel.protocol.wire import engine_decoder
from parallel.transport.dealer import Dealer


class Lines:
    """The lines of an engine, and their guard: the tests are its clock."""

    def __init__(self, control: Any, work: Any) -> None:
        hello = Hello("engine", "control", b"u" * 16, "secret", "host", 1)
        self.control = Dealer(control, hello, engine_decoder())
        self.work = Dealer(work, hello, engine_decoder())
        self.control.welcome(Welcome(b"s" * 16, 0, []))
        self.work.welcome(Welcome(b"w" * 16, 0, []))
        self.sender = Sender(self.work)
        #: How often the side thread was roused, and what it said.
        self.roused = 0
        self.said: list[Any] = []
        self.guard = Guard(self.sender, self.control, self.work, self.rouse)

    def rouse(self) -> None:
        self.roused += 1


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket,
        context.socket(zmq.DEALER) as other,
    ):
        lines = Lines(socket, other)
        monkeypatch.setattr(
            lines.control, "say", lambda held, frames: lines.said.append(held)
        )
        yield lines
        lines.control.close()
        lines.work.close()


def test_what_is_young_may_still_travel_with_the_next_one(lines: Lines) -> None:
    now = 1000.0
    lines.sender.flushed = now - HELD_MOST / 2
    lines.sender.hold(Pong(), [])
    lines.guard.begin()
    lines.guard.look(now)
    lines.guard.settle()
    assert not lines.said
    lines.guard.look(now + HELD_MOST)
    assert lines.said == [[Pong()]]
    lines.guard.settle()
    assert not lines.guard.is_on, "nothing is held any more"


def test_it_guards_no_longer_than_there_may_be_something_to_hold(lines: Lines) -> None:
    now = 1000.0
    lines.guard.begin()
    lines.sender.flushed = now - HELD_LONGER / 2
    lines.guard.look(now)
    assert lines.guard.is_on, "more may come"
    lines.guard.look(now + HELD_LONGER)
    assert not lines.guard.is_on
    lines.guard.begin()
    assert lines.guard.is_on


def test_the_side_thread_is_roused_once(lines: Lines) -> None:
    lines.guard.begin()
    lines.guard.begin()
    assert lines.roused == 1


def test_what_is_said_on_a_broken_line_is_carried_by_the_other_one_once(
    lines: Lines,
) -> None:
    sender, guard, work = lines.sender, lines.guard, lines.work
    result = Result(3, Status.OK, b"", 0, 0, 1, task=b"t" * 24)
    sender.say([Suspended(4), Pong()])
    guard.carry()
    assert not lines.said, "it is not broken"
    work.cut = True
    guard.carry()
    assert not lines.said, "it may be mended at once"
    sender.say([result, Resumed(4)])
    guard.carry()
    assert lines.said == [[Suspended(4)], [result, Resumed(4)]]
    sender.say([Suspended(5)])
    guard.carry()
    guard.carry()
    assert lines.said[2:] == [[Suspended(5)]]
    work.renew()
    sender.say([Resumed(5)])
    guard.carry()
    assert lines.said[3:] == [[Resumed(5)]]
