"""The side thread hears its orders, and when it is not to wait any longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from parallel.engine.sender import Sender
from parallel.engine.side import (
    CONNECTION_BROKE,
    ORPHANED,
    SideThread,
)
from parallel.engine.turns import Turns
from parallel.protocol.messages import (
    Hello,
    Pong,
    Welcome,
)
from parallel.protocol.wire import NO_SESSION, engine_decoder
from parallel.transport.dealer import Dealer


class Main:
    """The main thread's half."""

    def __init__(self) -> None:
        self.turns = Turns()


@pytest.fixture
def side() -> Iterator[SideThread]:
    """Make a side thread that does not run: the tests are its clock."""
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket,
        context.socket(zmq.DEALER) as other,
    ):
        hello = Hello("engine", "control", b"u" * 16, "secret", "host", 1)
        line, work = (Dealer(each, hello, engine_decoder()) for each in (socket, other))
        line.welcome(Welcome(b"s" * 16, 0, []))
        sender, parent = Sender(work), os.getppid()
        side = SideThread(
            Main(), sender, line, work, print, None, "tcp://nowhere", 60, parent
        )
        yield side
        side.stop()


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


def test_who_loses_its_parent_while_it_is_away_goes_on_looking_for_a_while(
    side: SideThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(side, "_on_end", said.append)
    monkeypatch.setattr(side, "_parent", os.getppid())
    side._line.is_open = False
    began = side._line.away
    side._look_for_controller(began + 10)
    monkeypatch.setattr("os.getppid", lambda: 0)
    side._look_for_controller(began + 10.1)
    side._look_for_controller(began + 9.9 + ORPHANED)
    assert not said, "the next controller may be there already"
    side._look_for_controller(began + 10.1 + ORPHANED)
    assert said == [CONNECTION_BROKE]
