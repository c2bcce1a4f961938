"""What a client does not read waits on disk, and follows in order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from parallel.controller import backlogs, peers
from parallel.controller.backlogs import Room
from parallel.controller.peer import Peer
from parallel.controller.peers import Peers
from parallel.protocol.messages import Hello, Mark, Outcome, Status
from parallel.protocol.wire import client_decoder


class Line:
    """A peer, and the numbers of the outcomes that it was sent."""

    def __init__(self, role: str = "client", room: Room | None = None) -> None:
        self.peers = Peers(self._take, room)
        hello = Hello(role, "work", b"1" * 16, "secret", "host", 1)
        self.peer: Peer = self.peers.welcome(hello, b"route", 7)
        self.came: list[int] = []
        self.frames: list[bytes] = []
        self.batches = 0

    def _take(self, parts: Sequence[Any]) -> bool:
        _, head, *frames = parts
        mark, *messages = client_decoder().decode(head)[1]
        assert isinstance(mark, Mark)
        self.batches = mark.number
        self.came += [message.seq for message in messages]
        self.frames += [bytes(frame) for frame in frames]
        return True

    def say(self, seq: int, frame: bytes = b"") -> None:
        """Say one outcome, in a turn of its own."""
        frames = [frame] if frame else []
        outcome = Outcome(seq, Status.OK, b"", len(frames), 0, 0, 0)
        self.peers.say(self.peer, outcome, frames)
        self.peers.flush()

    def read(self) -> None:
        """Confirm all that came."""
        self.peer.stream.confirm(self.batches)
        self.peers.flush()


@pytest.fixture(autouse=True)
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlogs, "WINDOW", 2500)


@pytest.fixture
def line() -> Iterator[Line]:
    """Return a client's line, and forget what waits in the end."""
    made = Line()
    yield made
    made.peers.remove(made.peer)


def test_who_does_not_read_gets_no_more(line: Line) -> None:
    for seq in range(20):
        line.say(seq, b"x" * 200)
    assert 4 <= len(line.came) <= 6


def test_who_reads_again_gets_the_rest_in_order(line: Line) -> None:
    for seq in range(20):
        line.say(seq, b"%d" % seq * 100)
    seen = []
    while line.came != seen:
        seen = list(line.came)
        line.read()
    assert line.came == list(range(20))
    assert line.frames == [b"%d" % seq * 100 for seq in range(20)]
    line.say(20)
    assert line.came[-1] == 20


def test_what_is_said_to_who_is_away_follows_its_welcome(line: Line) -> None:
    line.peers.lose(line.peer)
    line.say(0)
    line.say(1, b"frame")
    assert line.came == []
    line.peer.away = False
    line.say(2)
    assert line.came == [0, 1, 2]
    assert line.frames == [b"frame"]


def test_an_engine_gets_all_at_once() -> None:
    """What it is sent is bounded by what clients may have under way."""
    line = Line("engine")
    for seq in range(20):
        line.say(seq, b"x" * 200)
    assert line.came == list(range(20))


def test_what_waits_for_who_leaves_is_dropped(line: Line) -> None:
    for seq in range(20):
        line.say(seq, b"x" * 200)
    line.peers.remove(line.peer)
    before = list(line.came)
    line.read()
    assert line.came == before


def test_for_whom_too_much_waits_on_disk_is_told_with_the_option() -> None:
    line = Line(room=Room(on_disk=10 << 20))
    for seq in range(11):
        line.say(seq, bytes(1 << 20))
    why = line.peers.overdue[line.peer]
    assert why.startswith("10 MiB that it has not read wait in /")
    assert why.endswith(", where 10 MiB may (unread_nbytes)")
    line.peers.remove(line.peer)


def test_for_whom_too_much_waits_in_memory_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/self")  # where there is no room
    line = Line(room=Room(in_memory=5 << 19))
    for seq in range(3):
        line.say(seq, bytes(1 << 20))
    assert line.peers.overdue == {}
    line.say(3, bytes(1 << 20))
    assert line.peers.overdue == {
        line.peer: "3 MiB that it has not read wait in memory, for there is no room in "
        "/proc/self"
    }
    line.peers.remove(line.peer)


def test_room_is_there_again_when_what_waited_is_read() -> None:
    line = Line(room=Room(on_disk=10 << 20))
    for again in range(5):
        for seq in range(8):
            line.say(seq, bytes(1 << 20))
        while len(line.came) < 8 * (again + 1):
            line.read()
        line.read()
    assert line.peers.overdue == {}


def test_an_engine_that_confirms_nothing_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "UNCONFIRMED", 5000)
    line = Line("engine")
    for seq in range(10):
        line.say(seq)
    assert line.peers.overdue == {}
    for seq in range(10, 20):
        line.say(seq)
    why = line.peers.overdue.pop(line.peer)
    assert why.startswith("it has not confirmed 5,")
    line.peers.excuse(line.peer)  # it is its work
    line.say(20)
    assert line.peers.overdue == {}
    for seq in range(30):
        line.say(seq)
    assert line.peer in line.peers.overdue
