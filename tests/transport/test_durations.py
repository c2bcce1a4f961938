"""A poll takes whatever users wait for."""

from __future__ import annotations

import math
import select
import socket

import pytest

from parallel.transport.durations import LONGEST, milliseconds
from parallel.transport.watcher import wait_readable


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (None, None),
        (0, 0),
        (-1.0, 0),
        (-math.inf, 0),
        (1e-9, 1),
        (0.25, 250),
        (4_294_967, LONGEST),
        (1e300, LONGEST),
        (math.inf, LONGEST),
    ],
)
def test_seconds_become_milliseconds_that_a_poll_takes(
    timeout: float | None, expected: int | None
) -> None:
    assert milliseconds(timeout) == expected


@pytest.mark.parametrize("timeout", [4_294_967.0, 1e9, math.inf])
def test_a_wait_may_be_longer_than_a_poll(timeout: float) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.send(b"x")
        wait_readable([], [here.fileno()], timeout)
        poller = select.poll()
        poller.register(here, select.POLLIN)
        assert poller.poll(milliseconds(timeout))
