"""What the controller holds is shared out among the clients that ask for much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from parallel.controller.credits import Credits, Holdings
from parallel.controller.peers import Peers
from parallel.protocol.messages import FREE, Credit, Hello
from parallel.protocol.wire import client_decoder

HOLDINGS = Holdings(tasks=1 << 16, nbytes=128 << 20)
WHOLE = Credit(1 << 16, 128 << 20)
HALF = Credit(1 << 15, 64 << 20)


class Told:
    """Some clients, and what each was told since one looked last."""

    def __init__(self) -> None:
        self._said: dict[bytes, list[Any]] = {}
        self.peers = Peers(self._take)
        self.credits = Credits(self.peers, HOLDINGS)

    def _take(self, parts: Sequence[Any]) -> bool:
        routing_id, head, *_ = parts
        said = client_decoder().decode(head)[1][1:]  # behind the batch's number
        self._said.setdefault(routing_id, []).extend(said)
        return True

    def join(self, name: str) -> bytes:
        uuid = name.encode().ljust(16, b".")
        hello = Hello("client", "work", uuid, "secret", "host", 1)
        self.peers.welcome(hello, name.encode(), -1)
        return uuid

    def said(self) -> dict[str, list[Any]]:
        self.peers.flush()
        said, self._said = self._said, {}
        return {name.decode(): messages for name, messages in said.items()}


@pytest.fixture
def told() -> Told:
    return Told()


def test_who_asks_alone_may_have_all(told: Told) -> None:
    told.credits.want(told.join("a"))
    told.join("b")
    assert told.said() == {"a": [WHOLE]}


def test_who_asks_second_gets_half_and_so_does_the_first(told: Told) -> None:
    told.credits.want(told.join("a"))
    told.credits.want(told.join("b"))
    assert told.said() == {"a": [WHOLE, HALF], "b": [HALF]}


def test_who_asks_again_is_told_again_and_nobody_else(told: Told) -> None:
    a, b = told.join("a"), told.join("b")
    told.credits.want(a)
    told.credits.want(b)
    told.said()
    told.credits.want(a)
    assert told.said() == {"a": [HALF]}


def test_what_one_leaves_behind_goes_to_the_others(told: Told) -> None:
    a, b = told.join("a"), told.join("b")
    told.credits.want(a)
    told.credits.want(b)
    told.said()
    told.credits.leave(b)
    assert told.said() == {"a": [WHOLE]}


def test_nobody_gets_less_than_what_is_free(told: Told) -> None:
    for i in range(100):
        told.credits.want(told.join(f"client {i}"))
    told.said()
    told.credits.want(told.join("last"))
    assert told.said() == {"last": [FREE]}


def test_who_never_asked_leaves_without_a_word(told: Told) -> None:
    told.credits.want(told.join("a"))
    told.said()
    told.credits.leave(told.join("b"))
    assert told.said() == {}
