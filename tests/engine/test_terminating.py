"""What ends an engine does not come between the frames of a message."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import pytest

from parallel.engine.sender import Sender
from parallel.engine.terminating import is_speaking, repeat
from parallel.protocol.messages import Message, Resumed
from tests.waiting import wait_until


class Line:
    """A line on which each message is interrupted by a signal."""

    def say(self, messages: Sequence[Message], frames: Sequence[Any] = ()) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def heard() -> Iterator[list[bool]]:
    """Note of each SIGTERM whether it came while something was said."""
    found: list[bool] = []

    def note(signum: int, frame: FrameType | None) -> None:
        found.append(is_speaking(frame))

    before = signal.signal(signal.SIGTERM, note)
    yield found
    signal.signal(signal.SIGTERM, before)


def test_it_is_known_that_something_is_being_said(heard: list[bool]) -> None:
    line: Any = Line()
    sender = Sender(line)
    sender.hold(Resumed(1), ())
    assert heard == []
    sender.flush()
    assert heard == [True]
    signal.raise_signal(signal.SIGTERM)
    assert heard == [True, False]


def test_a_signal_that_came_too_early_comes_again(heard: list[bool]) -> None:
    repeat(signal.SIGTERM)
    wait_until(lambda: heard == [False], what="the signal")
