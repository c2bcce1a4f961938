"""An engine's batches are confirmed once clients have what came of them."""

from __future__ import annotations

from typing import Any

import pytest

from parallel.protocol.messages import Mark, Need
from parallel.state.receipts import (
    KEPT_NBYTES,
    NUDGED,
    SILENCE,
    TOLD,
    WRITING,
    Receipts,
)
from parallel.state.stream import SILENT, Stream


class Peer:
    """A way to a process."""

    def __init__(self, *, defers: bool = False) -> None:
        self.stream = Stream(b"s" * 16, defers=defers)

    def say(self) -> int:
        """Say something; return its number."""
        self.stream.pack([Need(b"")])
        return self.stream.sent

    def confirm(self, number: int) -> None:
        """Let the other side confirm what was said."""
        self.stream.confirm(number)


@pytest.fixture
def receipts() -> Receipts[Peer]:
    return Receipts()


@pytest.fixture
def engine() -> Peer:
    return Peer(defers=True)


@pytest.fixture
def client() -> Peer:
    return Peer()


def hear(receipts: Receipts[Peer], engine: Peer, nbytes: int = 10) -> None:
    """Read one more batch of an engine."""
    number = engine.stream.seen + 1
    assert engine.stream.take(Mark(number, 0), nbytes)
    receipts.heard.append((engine, number, nbytes))


def turn(receipts: Receipts[Peer], *told: Peer, now: float = 0.0) -> list[Peer]:
    """End a turn in which these are told something."""
    return receipts.turn([(peer, peer.say()) for peer in told], now)


def confirm(receipts: Receipts[Peer], client: Peer) -> list[Peer]:
    """Let a client confirm all that it was told."""
    client.confirm(client.stream.sent)
    return receipts.confirm(client)


def write(receipts: Receipts[Peer], now: float = 0.0) -> list[Peer]:
    """Let the record write all that it was told."""
    return receipts.written(receipts.ask(now))


def test_what_was_read_is_safe_once_its_client_has_confirmed(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    hear(receipts, engine)
    turn(receipts, client)
    assert (engine.stream.seen, engine.stream.safe) == (1, 0)
    confirm(receipts, client)
    assert engine.stream.safe == 1


def test_what_its_client_has_confirmed_is_safe_once_the_record_has_it(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    """Both may be killed with the controller: it was started, and nobody would know."""
    receipts.has_record = True
    hear(receipts, engine)
    turn(receipts, client)
    confirm(receipts, client)
    assert engine.stream.safe == 0
    write(receipts)
    assert engine.stream.safe == 1
    hear(receipts, engine)
    turn(receipts, client)
    write(receipts)
    assert engine.stream.safe == 1
    confirm(receipts, client)
    assert engine.stream.safe == 2


def test_only_so_much_is_kept_for_the_record(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    receipts.has_record = True
    for before in 0, 1:
        other = Peer(defers=True)
        hear(receipts, engine, KEPT_NBYTES - 1)
        turn(receipts, client)
        hear(receipts, other, 2)
        turn(receipts, client)
        confirm(receipts, client)
        assert (engine.stream.safe, other.stream.safe) == (before, 1)
        write(receipts)
        assert engine.stream.safe == before + 1, "and then there is room again"


def test_what_nobody_is_told_of_is_safe_at_once(
    receipts: Receipts[Peer], engine: Peer
) -> None:
    hear(receipts, engine)
    turn(receipts)
    assert engine.stream.safe == 1


def test_all_clients_of_a_turn_have_to_confirm(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    other = Peer()
    hear(receipts, engine)
    turn(receipts, client, other)
    confirm(receipts, client)
    assert engine.stream.safe == 0
    confirm(receipts, other)
    assert engine.stream.safe == 1


def test_a_later_turn_waits_for_those_before_it(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    other = Peer()
    hear(receipts, engine)
    turn(receipts, client)
    hear(receipts, engine)
    turn(receipts, other)
    confirm(receipts, other)
    assert engine.stream.safe == 0
    confirm(receipts, client)
    assert engine.stream.safe == 2


def test_an_engine_is_told_after_many_batches_or_bytes(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    for _ in range(SILENT):
        hear(receipts, engine)
        turn(receipts, client)
    assert confirm(receipts, client) == [engine]
    engine.stream.confirmation()
    hear(receipts, engine, 10**9)
    turn(receipts, client)
    assert confirm(receipts, client) == [engine]


def test_who_confirms_nothing_is_asked_and_then_not_waited_for(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    hear(receipts, engine)
    turn(receipts, client, now=1.0)
    assert receipts.silent(1.0) == ([], [])
    assert receipts.silent(1.1 + NUDGED) == ([client], [])
    assert receipts.silent(1.1 + SILENCE) == ([], [])
    write(receipts)
    assert receipts.silent(1.1 + SILENCE) == ([], [engine])
    assert engine.stream.safe == 1
    hear(receipts, engine)
    turn(receipts, client, now=9.0)
    write(receipts)
    assert engine.stream.safe == 2, "it is still silent"
    confirm(receipts, client)
    hear(receipts, engine)
    turn(receipts, client, now=9.0)
    write(receipts)
    assert engine.stream.safe == 2, "it is waited for again"


def test_nothing_is_left_when_all_is_confirmed_and_told(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    hear(receipts, engine)
    turn(receipts, client)
    assert receipts
    confirm(receipts, client)
    assert receipts.silent(0.0) == ([], [engine])
    assert not receipts


def test_of_many_engines_those_are_told_first_that_have_waited_longest(
    receipts: Receipts[Peer], client: Peer
) -> None:
    engines = [Peer(defers=True) for _ in range(2 * TOLD)]
    first, second = engines[:TOLD], engines[TOLD:]
    for each in first, second:
        for engine in each:
            hear(receipts, engine)
        turn(receipts, client)
        confirm(receipts, client)
    assert set(receipts.silent(0.0)[1]) == set(first)
    second.pop().stream.confirmation()  # its work has told it
    assert set(receipts.silent(0.0)[1]) == set(second)
    assert not receipts


def test_who_has_left_is_not_waited_for(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    hear(receipts, engine)
    turn(receipts, client)
    receipts.forget(client)
    receipts.silent(0.0)
    assert engine.stream.safe == 0, "the record may not have it yet"
    write(receipts)
    assert engine.stream.safe == 1
    receipts.forget(engine)
    assert not receipts


def test_what_is_read_while_frozen_waits_for_the_thaw_and_what_is_told_till_then(
    receipts: Receipts[Peer], engine: Peer, client: Peer
) -> None:
    receipts.freeze()
    hear(receipts, engine)
    turn(receipts)
    hear(receipts, engine)
    turn(receipts, client)
    confirm(receipts, client)
    assert engine.stream.safe == 0
    receipts.thaw([(client, client.say())], 0.0)
    write(receipts)
    assert engine.stream.safe == 0
    confirm(receipts, client)
    assert engine.stream.safe == 2


def test_what_is_for_nobody_waits_for_the_record(
    receipts: Receipts[Peer], engine: Peer
) -> None:
    hear(receipts, engine)
    receipts.is_for_record = True
    turn(receipts)
    question = receipts.ask(0.0)
    hear(receipts, engine)
    receipts.is_for_record = True
    turn(receipts)
    assert not receipts.ask(0.0), "it is being asked"
    assert engine.stream.safe == 0
    receipts.written(question)
    assert engine.stream.safe == 1
    write(receipts)
    assert engine.stream.safe == 2
    hear(receipts, engine)
    turn(receipts)
    assert engine.stream.safe == 3
    assert not receipts.ask(0.0)


def test_a_record_that_hangs_is_not_waited_for_without_end(
    receipts: Receipts[Peer], engine: Peer
) -> None:
    for number in 1, 2:
        hear(receipts, engine)
        receipts.is_for_record = True
        turn(receipts)
        question = receipts.ask(0.0)
        receipts.silent(WRITING)
        assert engine.stream.safe == number - 1
        receipts.silent(WRITING + 1)
        assert engine.stream.safe == number
        if number == 1:
            late = question
    hear(receipts, engine)
    receipts.is_for_record = True
    turn(receipts)
    receipts.ask(0.0)
    receipts.written(late)
    assert engine.stream.safe == 2, "that was an earlier question's answer"


def test_a_thaw_with_nobody_to_tell_waits_for_the_record(
    receipts: Receipts[Peer], engine: Peer
) -> None:
    receipts.freeze()
    hear(receipts, engine)
    told: list[Any] = []
    turn(receipts)
    receipts.thaw(told, 0.0)
    assert engine.stream.safe == 0
    assert write(receipts) == []
    assert engine.stream.safe == 1
