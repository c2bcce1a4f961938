"""What must not be started twice is listed as long as its end may be unknown."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import zmq

from parallel.engine.guarding import Guard
from parallel.engine.once import Once
from parallel.engine.page import LISTED, Page, open_page
from parallel.engine.sender import Sender
from parallel.protocol.kinds import Status
from parallel.protocol.messages import Hello, Result, Welcome
from parallel.protocol.wire import engine_decoder
from parallel.transport.dealer import Dealer


class Engine:
    """The lines and the page of one that runs no task."""

    def __init__(self, work: Dealer, control: Dealer, page: Page) -> None:
        self.work, self.control, self.page = work, control, page
        self.sender = Sender(work)
        self.once = Once(page, Guard(self.sender, control, work, lambda: None))

    def result(self, task: bytes) -> Result:
        return Result(1, Status.OK, b"", 0, 0, 0, task=task)


@pytest.fixture
def engine() -> Iterator[Engine]:
    descriptor = open_page()
    page = Page(descriptor)
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket,
        context.socket(zmq.DEALER) as other,
    ):
        hello = Hello("engine", "control", b"u" * 16, "secret", "host", 1)
        lines = [Dealer(each, hello, engine_decoder()) for each in (socket, other)]
        for line in lines:
            line.welcome(Welcome(b"s" * 16, 0, []))
        engine = Engine(*lines, page)
        yield engine
        for line in lines:
            line.close()
    page.close()
    os.close(descriptor)


def test_only_those_stay_whose_ends_may_be_unknown(engine: Engine) -> None:
    names = [b"%024d" % number for number in range(LISTED + 1)]
    running, said, carried, held, *others, last = names
    for name in names[:-1]:
        engine.once.note(name, [running, name])
    assert engine.page.listed() == names[:-1]
    engine.work.say([engine.result(said)])
    engine.control.say([engine.result(carried)])
    engine.sender.hold(engine.result(held), ())
    engine.once.note(last, [running, last])
    listed = engine.page.listed()
    assert listed is not None
    assert set(listed) == {running, said, carried, held, last}
    assert others


def test_a_list_that_lacked_some_is_whole_again_later(engine: Engine) -> None:
    names = [b"%024d" % number for number in range(LISTED + 1)]
    for name in names:
        engine.once.note(name, [name])
        engine.work.say([engine.result(name)])
    assert engine.page.listed() is None, "nobody has confirmed any of them"
    engine.work.stream.confirm(LISTED)
    more = [b"more%020d" % number for number in range(LISTED // 4 + 1)]
    for name in more:
        engine.once.note(name, [name])
        engine.work.say([engine.result(name)])
    listed = engine.page.listed()
    assert listed is not None
    assert set(listed) == {names[-1], *more}
