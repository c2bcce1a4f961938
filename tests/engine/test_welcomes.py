"""Which welcomes an engine's main thread goes by."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import zmq

from parallel.engine.engine import Engine
from parallel.protocol.messages import Hello, Welcome
from parallel.protocol.wire import engine_decoder
from parallel.transport.dealer import Dealer

OLD, NEW = b"o" * 16, b"n" * 16


@pytest.fixture
def engine() -> Iterator[Any]:
    """Stand in for one whose side thread has met the fourth controller."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        hello = Hello("engine", "work", b"u" * 16, "secret", "host", 1)
        line = Dealer(socket, hello, engine_decoder())
        yield SimpleNamespace(_line=line, _epoch=4, _ending="", engine_id=0)
        line.close()


def test_one_of_a_controller_that_was_killed_since_opens_nothing(engine: Any) -> None:
    """It was on its way when the side thread met the next one."""
    Engine._on_welcome(engine, Welcome(OLD, 0, [], epoch=3))
    assert not engine._line.is_open
    Engine._on_welcome(engine, Welcome(NEW, 0, [], epoch=4))
    assert engine._line.is_open
    assert engine._line.stream.session == NEW
    assert not engine._ending
