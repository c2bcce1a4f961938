"""A session loses nothing and repeats nothing, whatever becomes of its batches."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel.protocol.messages import Mark, Need
from parallel.protocol.wire import Decoder
from parallel.state.stream import SILENT, SILENT_NBYTES, Stream

SESSION = b"s" * 16
decoder: Decoder[Any] = Decoder(list[Mark | Need])


def read(stream: Stream, parts: list[Any]) -> list[bytes]:
    """Return what a batch tells, if it is its turn; the frames are left out."""
    session, (mark, *messages) = decoder.decode(bytes(parts[0]))
    assert session == SESSION
    nbytes = sum(map(len, parts))
    return [m.digest for m in messages] if stream.take(mark, nbytes) else []


def say(stream: Stream, number: int) -> list[Any]:
    return stream.pack([Need(b"%d" % number)])


@pytest.fixture
def pair() -> tuple[Stream, Stream]:
    return Stream(SESSION), Stream(SESSION)


def test_a_batch_is_read_once(pair: tuple[Stream, Stream]) -> None:
    one, other = pair
    parts = say(one, 1)
    assert read(other, parts) == [b"1"]
    assert read(other, parts) == []


def test_a_batch_waits_for_those_before_it(pair: tuple[Stream, Stream]) -> None:
    one, other = pair
    first, second = say(one, 1), say(one, 2)
    assert read(other, second) == []
    assert other.lacks(Mark(2, 0))
    assert not other.lacks(Mark(1, 0))
    assert read(other, first) + read(other, second) == [b"1", b"2"]


def test_what_is_not_confirmed_is_sent_again(pair: tuple[Stream, Stream]) -> None:
    one, other = pair
    batches = [say(one, number) for number in range(3)]
    read(other, batches[0])
    assert one.resume(other.seen) == batches[1:]
    for parts in batches[1:]:
        read(other, parts)
    assert one.resume(other.seen) == []


def test_every_batch_confirms_those_of_the_other_side(
    pair: tuple[Stream, Stream],
) -> None:
    one, other = pair
    assert one.is_fresh
    read(other, say(one, 1))
    read(one, say(other, 1))
    assert not one.is_fresh
    assert one.resume(0) == []


def test_who_says_nothing_confirms_now_and_then(pair: tuple[Stream, Stream]) -> None:
    one, other = pair
    for number in range(SILENT):
        assert not other.owes
        read(other, say(one, number))
    assert other.owes
    assert read(one, other.confirmation()) == []
    assert not other.owes
    assert one.resume(0) == []


def test_who_has_read_much_confirms_at_once(pair: tuple[Stream, Stream]) -> None:
    _, other = pair
    other.take(Mark(1, 0), SILENT_NBYTES)
    assert other.owes


def test_nonsense_confirms_nothing_that_was_not_said(
    pair: tuple[Stream, Stream],
) -> None:
    one, _ = pair
    one.confirm(10**9)
    kept = say(one, 1)
    assert one.resume(0) == [kept]


@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.9),
    count=st.integers(0, 40),
)
def test_all_arrives_once_and_in_order(seed: int, loss: float, count: int) -> None:
    chance = random.Random(seed)
    ends = Stream(SESSION), Stream(SESSION)
    heard: tuple[list[bytes], list[bytes]] = [], []
    lines: tuple[list[Any], list[Any]] = [], []  # towards each end, in order
    said = [0, 0]
    while min(said) < count or min(map(len, heard)) < count:
        at = chance.randrange(2)
        if said[at] < count:
            lines[1 - at].append(say(ends[at], said[at]))
            said[at] += 1
        if chance.random() < loss:  # the connection breaks
            for end in (0, 1):
                stays = chance.randrange(len(lines[end]) + 1)
                late = lines[end][stays:] if chance.random() < 0.5 else []
                again = ends[1 - end].resume(ends[end].seen)
                lines[end][:] = late + list(again)
        for parts in lines[at][: chance.randrange(4)]:
            heard[at].extend(read(ends[at], parts))
            lines[at].pop(0)
    assert heard[0] == heard[1] == [b"%d" % number for number in range(count)]
