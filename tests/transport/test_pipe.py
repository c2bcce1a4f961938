"""Messages come through a pipe whole and in order, however their bytes come."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from parallel.protocol.messages import Retire, Stop, ToAgent, Up
from parallel.transport.pipe import Pipe
from tests.waiting import wait_until

messages = st.lists(
    st.builds(
        Stop, targets=st.none() | st.lists(st.integers(0, 100)), hub=st.booleans()
    )
    | st.builds(Up, urls=st.lists(st.text()))
    | st.builds(Retire, uuids=st.lists(st.binary())),
    max_size=4,
)


class Ends:
    """A pipe, and the bare socket at its other end."""

    def __init__(self) -> None:
        near, self.far = socket.socketpair()
        self.pipe = Pipe(near, list[ToAgent])

    def close(self) -> None:
        self.pipe.close()
        self.far.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def said(batch: list[Any]) -> bytes:
    """Return the bytes that a pipe sends for some messages."""
    near, far = socket.socketpair()
    with near, far:
        assert Pipe(near, list[ToAgent]).send(batch)
        return far.recv(1 << 20)


def test_messages_come_through() -> None:
    near, far = socket.socketpair()
    first, second = Pipe(near, list[ToAgent]), Pipe(far, list[ToAgent])
    batch = [Up(["ipc:///socket"]), Stop(hub=True)]
    assert first.send(batch)
    assert second.receive() == batch
    assert second.send([Stop()])
    assert first.receive() == [Stop()]
    first.close()
    assert second.receive() is None
    second.close()


@settings(max_examples=40)
@given(st.lists(messages, max_size=4), st.integers(1, 20))
def test_bytes_may_come_in_any_pieces(batches: list[list[Any]], nbytes: int) -> None:
    ends = Ends()
    whole = b"".join(map(said, batches))
    found = []
    for at in range(0, len(whole), nbytes):
        ends.far.sendall(whole[at : at + nbytes])
        found += ends.pipe.receive() or []
    ends.far.close()
    assert ends.pipe.receive() is None
    ends.pipe.close()
    assert found == [message for batch in batches for message in batch]


def test_several_batches_may_come_at_once(ends: Ends) -> None:
    ends.far.sendall(said([Stop()]) * 3)
    assert ends.pipe.receive() == [Stop()] * 3


def test_a_part_of_a_batch_is_none_yet(ends: Ends) -> None:
    ends.far.sendall(said([Stop()])[:-1])
    assert ends.pipe.receive() == []


def test_a_large_batch_comes_through() -> None:
    batch = [Retire([bytes(1000) for _ in range(60)])]
    ends = Ends()
    ends.far.sendall(said(batch))
    found: list[Any] = []

    def receive() -> list[Any]:
        found.extend(ends.pipe.receive() or [])
        return found

    assert wait_until(receive) == batch
    ends.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"garbage", b"\x91\x91\x63", b"\x91\x92\x34\x91\xa1\xff", b"\x91" * 100_000],
    ids=["nothing", "garbage", "an unknown message", "no UTF-8", "nested"],
)
def test_what_is_no_message_of_ours_is_passed_over(
    ends: Ends, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    ends.far.sendall(framed(body)[: 1 << 16])
    ends.far.sendall(framed(body)[1 << 16 :] + said([Stop()]))
    assert wait_until(ends.pipe.receive) == [Stop()]
    assert "not a message of ours" in caplog.text


def test_who_does_not_read_is_not_waited_for() -> None:
    near, far = socket.socketpair()
    offering, reading = Pipe(near, list[ToAgent]), Pipe(far, list[ToAgent])
    taken = 0
    while offering.offer([Up([str(taken)]), Retire([bytes(10_000)])]):
        taken += 1
    assert taken > 10, "for a while there is room"
    found: list[Any] = []

    def read() -> bool:
        found.extend(reading.receive() or [])
        return bool(found) and found[-1] == Stop()

    wait_until(lambda: read() or offering.offer([Stop()]))
    wait_until(read)
    offering.close()
    reading.close()
    ups = [message.urls for message in found if isinstance(message, Up)]
    assert ups == [[str(number)] for number in range(taken)]


def test_a_side_that_is_gone_takes_nothing(ends: Ends) -> None:
    ends.far.close()
    assert ends.pipe.receive() is None
    assert wait_until(lambda: not ends.pipe.send([Stop()]))


def test_a_closed_pipe_has_nothing(ends: Ends) -> None:
    assert ends.pipe.fileno() > 0
    ends.pipe.close()
    ends.pipe.close()
    assert ends.pipe.receive() is None
    assert not ends.pipe.send([Stop()])
