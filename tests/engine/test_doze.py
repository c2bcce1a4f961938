"""Who has nothing to do waits for work, and is woken for other things."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import zmq

from parallel.engine.doze import Doze

#: So long a wait that nothing ended would have taken, seconds.
LONG = 20.0


@pytest.fixture
def pair() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """Give two sockets that are connected."""
    with (
        zmq.Context() as context,
        context.socket(zmq.PAIR) as near,
        context.socket(zmq.PAIR) as far,
    ):
        near.bind("inproc://doze")
        far.connect("inproc://doze")
        yield near, far


@pytest.fixture
def doze(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> Iterator[Doze]:
    """Give what waits for the near one."""
    doze = Doze(pair[0])
    yield doze
    doze.close()


def test_it_ends_when_something_comes(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]], doze: Doze
) -> None:
    near, far = pair
    far.send(b"work")
    began = time.monotonic()
    doze.wait(LONG)
    assert time.monotonic() - began < LONG / 4
    assert near.recv(zmq.NOBLOCK) == b"work"


def test_it_ends_when_another_thread_says_so_be_it_before(doze: Doze) -> None:
    began = time.monotonic()
    for _ in range(100_000):  # more than a pipe holds
        doze.wake()
    doze.wait(LONG)
    thread = threading.Timer(0.05, doze.wake)
    thread.start()
    doze.wait(LONG)
    thread.join()
    assert time.monotonic() - began < LONG / 4


def test_it_ends_after_a_while(doze: Doze) -> None:
    doze.wait(0.01)
    doze.wake()
    doze.wait(LONG)
    doze.wait(0.01)
