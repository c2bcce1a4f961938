"""What waits to be sent leaves in pieces, and no faster than it is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from parallel.client.line import BATCH, BATCH_NBYTES, WINDOW, Line
from parallel.protocol.messages import Hello, Method, Submit
from parallel.transport.endpoints import new_context

EACH = bytes(100_000)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Give a line that was welcomed, and on which nobody reads."""
    context = new_context(encrypted=False)
    socket = context.socket(zmq.DEALER)
    socket.connect(f"ipc://{tmp_path}/nobody")
    found = Line(socket, Hello("client", "work", b"u" * 16, "secret", "host", 1))
    found.is_open = True
    yield found
    found.close()
    context.destroy(0)


def submit(line: Line, count: int, frame: bytes = EACH) -> None:
    for seq in range(count):
        message = Submit(seq, Method.APPLY, b"", b"", 1 if frame else 0)
        line.outbox.append((message, (frame,) if frame else ()))


def test_no_more_is_sent_than_a_window_that_is_not_confirmed(line: Line) -> None:
    submit(line, 2 * WINDOW // len(EACH))
    line.flush()
    assert WINDOW <= line.stream.unread < WINDOW + BATCH_NBYTES + len(EACH)
    assert line.outbox
    assert not line.has_room


def test_what_is_confirmed_makes_room_for_more(line: Line) -> None:
    submit(line, 2 * WINDOW // len(EACH))
    line.flush()
    waiting = len(line.outbox)
    line.stream.confirm(line.stream.sent // 2)
    assert line.has_room
    line.flush()
    assert 0 < len(line.outbox) < waiting
    line.stream.confirm(line.stream.sent)
    line.flush()
    assert not line.outbox


def test_who_leaves_sends_all_of_it(line: Line) -> None:
    submit(line, 2 * WINDOW // len(EACH))
    line.flush(whole=True)
    assert not line.outbox


def test_a_batch_is_of_so_many_messages_or_bytes(line: Line) -> None:
    submit(line, 3 * BATCH, frame=b"")
    line.flush()
    assert line.stream.sent == 3
    submit(line, 3 * BATCH_NBYTES // len(EACH))
    line.flush()
    assert line.stream.sent == 6


def test_one_message_is_sent_however_large_it_is(line: Line) -> None:
    submit(line, 2, frame=bytes(2 * WINDOW))
    line.flush()
    assert (line.stream.sent, len(line.outbox)) == (1, 1)
