"""Each connection is one peer with one session, and hears all in one batch a turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from parallel.controller.peer import Peer
from parallel.controller.peers import UNSAYABLE, Peers
from parallel.protocol.messages import (
    Goodbye,
    Hello,
    Mark,
    Message,
    Ping,
    Pong,
    Refused,
    Welcome,
)
from parallel.protocol.wire import NO_SESSION, client_decoder


def hello(
    uuid: bytes = b"1" * 16, channel: str = "work", role: str = "client", **more: Any
) -> Hello:
    return Hello(role, channel, uuid, "secret", "host", 123, **more)


class Sent:
    """Notes batches; those for some are not taken."""

    def __init__(self) -> None:
        self.batches: list[tuple[bytes, bytes, list[Any], list[Any]]] = []
        self.gone: set[bytes] = set()

    def __call__(self, parts: Sequence[Any]) -> bool:
        routing_id, head, *frames = parts
        if routing_id in self.gone:
            return False
        session, messages = client_decoder().decode(bytes(head))
        self.batches.append((routing_id, session, messages, frames))
        return True


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def peers(sent: Sent) -> Peers:
    return Peers(sent)


def names(found: Iterable[Peer]) -> list[bytes]:
    return [peer.routing_id for peer in found]


def test_a_peer_is_found_in_three_ways(peers: Peers) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    assert peers.by_session(peer.session) is peer
    assert peers.channel(peer.uuid, "work") is peer
    assert peers.by_descriptor(7) is peer
    assert repr(peer) == "<client 31313131 work of host:123>"


def test_a_stranger_is_not_found(peers: Peers) -> None:
    assert peers.by_session(NO_SESSION) is None
    assert peers.channel(b"2" * 16, "work") is None
    assert peers.by_descriptor(7) is None


def test_what_who_leaves_has_asked_for_is_given_up(peers: Peers) -> None:
    leaving = peers.welcome(hello(), b"first", 7)
    staying = peers.welcome(hello(channel="control"), b"second", 8)
    for peer in (leaving, staying):
        peer.asked.add(Future())
    peers.remove(leaving)
    assert [question.cancelled() for question in leaving.asked] == [True]
    assert [question.cancelled() for question in staying.asked] == [False]


def test_sessions_are_their_own(peers: Peers) -> None:
    sessions = {
        peers.welcome(hello(b"%016d" % i), b"%d" % i, i).session for i in range(100)
    }
    assert len(sessions) == 100
    assert {len(session) for session in sessions} == {16}
    assert NO_SESSION not in sessions


def test_who_greets_again_stays_the_same(peers: Peers) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    assert peers.welcome(hello(), b"first", 7) is peer


def test_who_comes_by_another_way_takes_its_place(peers: Peers) -> None:
    old = peers.welcome(hello(), b"first", 7)
    old.stream.take(Mark(1, 0))
    new = peers.welcome(hello(), b"second", 8)
    assert peers.by_session(old.session) is None
    assert peers.by_session(new.session) is new
    assert peers.channel(new.uuid, "work") is new
    assert peers.by_descriptor(7) is None
    peers.remove(old)
    assert peers.channel(new.uuid, "work") is new


def test_who_names_its_session_is_the_same_by_another_way(peers: Peers) -> None:
    old = peers.welcome(hello(), b"first", 7)
    old.stream.take(Mark(1, 0))
    peers.lose(old)
    assert peers.by_descriptor(7) is None
    again = hello(session=old.session, received=0)
    assert peers.welcome(again, b"second", 8) is old
    assert (old.routing_id, old.descriptor, old.away) == (b"second", 8, False)
    assert peers.by_session(old.session) is old


def test_who_has_not_heard_of_its_session_yet_is_the_same(peers: Peers) -> None:
    old = peers.welcome(hello(), b"first", 7)
    assert peers.earlier(hello(), b"second") is None  # while its connection is there
    peers.lose(old)
    assert peers.welcome(hello(), b"second", 8) is old


def test_who_names_no_session_or_another_is_not_the_same(peers: Peers) -> None:
    old = peers.welcome(hello(), b"first", 7)
    old.stream.take(Mark(1, 0))
    for wrong in (hello(), hello(session=b"other")):
        assert peers.earlier(wrong, b"second") is None
    assert peers.earlier(hello(b"2" * 16, session=old.session), b"second") is None
    assert peers.earlier(hello(channel="control", session=old.session), b"1") is None


def test_the_channels_of_a_process_are_two_peers(peers: Peers) -> None:
    work = peers.welcome(hello(), b"first", 7)
    control = peers.welcome(hello(channel="control"), b"second", 8)
    assert peers.channel(work.uuid, "work") is work
    assert peers.channel(work.uuid, "control") is control


def test_peers_of_a_role(peers: Peers) -> None:
    peers.welcome(hello(b"1" * 16), b"client", 1)
    peers.welcome(hello(b"2" * 16, role="engine"), b"engine", 2)
    peers.welcome(hello(b"2" * 16, "control", "engine"), b"control", 3)
    assert names(peers.of_role("client")) == [b"client"]
    assert names(peers.of_role("engine")) == [b"engine"]
    assert names(peers.of_role("engine", "control")) == [b"control"]
    for peer in peers.of_role("client"):
        peers.remove(peer)
    assert names(peers.of_role("client")) == []


# Saying


def test_what_is_said_in_a_turn_travels_as_one_batch(peers: Peers, sent: Sent) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    peer.stream.take(Mark(1, 0))
    peers.say(peer, Ping())
    peers.say(peer, Pong(), [b"frame 1"])
    peers.say(peer, Goodbye("done"), [b"frame 2", b"frame 3"])
    assert sent.batches == []
    assert peers.flush() == []
    frames = [b"frame 1", b"frame 2", b"frame 3"]
    messages = [Mark(1, 1), Ping(), Pong(), Goodbye("done")]
    assert sent.batches == [(b"first", peer.session, messages, frames)]
    assert peers.flush() == []
    assert len(sent.batches) == 1


def test_who_is_not_there_is_told(peers: Peers, sent: Sent) -> None:
    here = peers.welcome(hello(b"1" * 16), b"here", 1)
    gone = peers.welcome(hello(b"2" * 16), b"gone", 2)
    sent.gone.add(b"gone")
    for peer in (here, gone):
        peers.say(peer, Ping())
    assert peers.flush() == [gone]
    assert [batch[0] for batch in sent.batches] == [b"here"]
    assert peers.flush() == []


def answered(sent: Sent) -> list[list[Message]]:
    """Return what has been said since the last call."""
    found = [batch[2] for batch in sent.batches]
    sent.batches.clear()
    return found


def test_who_is_away_hears_it_when_it_is_there_again(peers: Peers, sent: Sent) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    peers.say(peer, Ping())
    peers.flush()
    peers.lose(peer)
    peers.say(peer, Pong())
    assert peers.flush() == []
    assert answered(sent) == [[Mark(1, 0), Ping()]]
    again = hello(session=peer.session)
    peers.welcome(again, b"second", 8)
    welcome = Welcome(peer.session, None, [])
    peers.answer(peer, welcome, again, anew=True)
    peers.flush()
    assert {batch[0] for batch in sent.batches} == {b"second"}
    assert answered(sent) == [[welcome], [Mark(1, 0), Ping()], [Mark(2, 0), Pong()]]


def test_what_was_received_is_not_said_again(peers: Peers, sent: Sent) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    for message in (Ping(), Pong()):
        peers.say(peer, message)
        peers.flush()
    answered(sent)
    again, welcome = hello(session=peer.session, received=1), Welcome(b"", None, [])
    peers.answer(peer, welcome, again, anew=True)
    assert answered(sent) == [[welcome], [Mark(2, 0), Pong()]]
    peers.answer(peer, welcome, again, anew=False)
    assert answered(sent) == [[welcome]]


def test_who_only_speaks_is_told_now_and_then_what_came(
    peers: Peers, sent: Sent
) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    peer.stream.take(Mark(1, 0), nbytes=10**9)
    peers.owing.add(peer)
    peers.flush()
    assert answered(sent) == [[Mark(0, 1)]]
    assert not peers.owing


def test_who_was_removed_hears_nothing(peers: Peers, sent: Sent) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    peers.say(peer, Ping())
    peers.remove(peer)
    peers.remove(peer)
    assert peers.flush() == []
    assert sent.batches == []


def test_a_stranger_is_answered_outside_of_any_session(
    peers: Peers, sent: Sent
) -> None:
    peers.refuse(b"stranger", Goodbye("no"))
    assert sent.batches == [(b"stranger", NO_SESSION, [Goodbye("no")], [])]


def test_what_cannot_be_said_to_one_stops_nobody_else(peers: Peers, sent: Sent) -> None:
    first = peers.welcome(hello(b"1" * 16), b"first", 1)
    second = peers.welcome(hello(b"2" * 16), b"second", 2)
    peers.say(second, Ping())
    peers.say(first, Goodbye(object()))  # type: ignore[arg-type]
    assert peers.flush() == [first]
    told = {batch[0]: batch[2] for batch in sent.batches}
    assert told == {b"first": [Refused(UNSAYABLE)], b"second": [Mark(1, 0), Ping()]}
    peers.say(first, Ping())
    assert peers.flush() == []


def test_who_has_left_still_has_its_connection(peers: Peers) -> None:
    peer = peers.welcome(hello(), b"first", 7)
    peers.remove(peer)
    assert peers.by_session(peer.session) is None
    assert peers.by_route(b"first") is peer
    assert peers.by_descriptor(7) is peer
    peers.drop(peer)
    assert peers.by_route(b"first") is None
    assert peers.by_descriptor(7) is None
