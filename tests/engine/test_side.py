"""The side thread sends what the main thread holds back for too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from parallel.engine.sender import Sender
from parallel.engine.side import CONNECTION_BROKE, HELD_MOST, OUTPUT_EVERY, SideThread
from parallel.engine.turns import Turns
from parallel.protocol.messages import Hello, Pong, Welcome
from parallel.protocol.wire import NO_SESSION, engine_decoder
from parallel.transport.dealer import Dealer


class Main:
    """The main thread's half: it holds back, and has printed nothing."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.sender = Sender(None)  # type: ignore[arg-type] # nothing is sent by it
        self.take_held = self.sender.take_held
        self.is_holding = self.sender.is_holding

    def take_output(self) -> list[Any]:
        return []


@pytest.fixture
def main() -> Main:
    return Main()


@pytest.fixture
def side(main: Main) -> Iterator[SideThread]:
    """Make a side thread that does not run: the tests are its clock."""
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket,
        context.socket(zmq.DEALER) as other,
    ):
        hello = Hello("engine", "control", b"u" * 16, "secret", "host", 1)
        line, work = (Dealer(each, hello, engine_decoder()) for each in (socket, other))
        line.welcome(Welcome(b"s" * 16, 0, []))
        side = SideThread(main, line, work, print, None, "tcp://nowhere", 60)
        yield side
        side.stop()


def test_it_guards_what_is_young_when_it_looks_for_output(
    main: Main, side: SideThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(side._line, "say", lambda held, frames: said.append(held))
    now = 1000.0
    side._looked = now - OUTPUT_EVERY
    main.sender.flushed = now - HELD_MOST / 2
    main.sender.hold(Pong(), [])
    side.guard()
    side._look_after_main(now)
    assert not said, "it may still travel with the next one"
    side._look_after_main(now + HELD_MOST)
    assert said == [[Pong()]]
    side._look_after_main(now + OUTPUT_EVERY)
    assert not side._guarding, "nothing is held any more"


def test_an_order_that_fails_leaves_the_others_heard(
    side: SideThread, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[Any] = []

    def fail(message: Any) -> None:
        raise ZeroDivisionError

    side._safely(fail, Pong())
    side._safely(done.append, Pong())
    assert done == [Pong()]
    assert "cannot do as told: Pong()" in caplog.text


def test_what_it_did_not_foresee_ends_the_engine_in_words(
    side: SideThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(side, "_on_end", said.append)

    def fail() -> None:
        raise OSError("broken")

    monkeypatch.setattr(side, "_look_at_lines", fail)
    side.run()
    assert said == ["the thread that hears the controller failed: OSError('broken')"]
    assert isinstance(side.failure, OSError)


def test_a_controller_that_has_never_answered_is_given_up_as_well(
    side: SideThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(side, "_on_end", said.append)
    side._line.stream.session = NO_SESSION
    began = side._line.away
    side._look_for_controller(began + 59)
    assert not said
    side._look_for_controller(began + 61)
    assert said == [CONNECTION_BROKE]
