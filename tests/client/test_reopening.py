"""A controller that was started again is told once what is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from parallel.client.line import Line
from parallel.client.opentasks import OpenTasks
from parallel.client.questions import Questions
from parallel.client.reopening import Reopening
from parallel.client.sent import SentFunctions
from parallel.protocol.messages import Hello, Reopen, WantCredit
from parallel.transport.endpoints import new_context


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Give a work line whose controller is gone."""
    context = new_context(encrypted=False)
    socket = context.socket(zmq.DEALER)
    socket.connect(f"ipc://{tmp_path}/nobody")
    found = Line(socket, Hello("client", "work", b"u" * 16, "secret", "host", 1))
    yield found
    found.close()
    context.destroy(0)


def test_one_that_is_killed_before_it_was_told_leaves_nothing_to_be_told_twice(
    line: Line,
) -> None:
    tasks = OpenTasks()
    unused: Any = None
    sent = SentFunctions(tasks.digests)
    reopening = Reopening(tasks, Questions(unused, unused), sent)
    for _ in range(2):
        reopening.begin(line, 0, [], wants_credit=True)
    said = Counter(type(message) for message, _ in line.outbox)
    assert said == {Reopen: 1, WantCredit: 1}
