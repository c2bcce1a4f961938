"""Who has no session is asked for a greeting, and nothing else of it is read."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from parallel.controller.strangers import GREETING_NBYTES, MOST, Strangers
from parallel.errors import ProtocolError
from parallel.protocol.messages import Hello, Ping, Refused, WhoAreYou
from parallel.protocol.wire import NO_SESSION, encode

HELLO = Hello("client", "work", b"1" * 16, "secret", "host", 123)


def test_a_greeting_is_read() -> None:
    assert Strangers().greeting(encode(NO_SESSION, [HELLO])) == HELLO


@pytest.mark.parametrize(
    "head",
    [
        b"",
        encode(NO_SESSION, []),
        encode(NO_SESSION, [HELLO, HELLO]),
        encode(NO_SESSION, [Ping()]),
        encode(NO_SESSION, [replace(HELLO, host="x" * 2000)]),
        encode(NO_SESSION, [replace(HELLO, resources={"gpu": float("nan")})]),
        encode(NO_SESSION, [replace(HELLO, engine_id=1 << 31)]),
        encode(NO_SESSION, [replace(HELLO, labels=["x" * GREETING_NBYTES])]),
    ],
    ids=[
        "nothing", "no message", "two", "another", "a long name", "no number",
        "an id too large", "too long",
    ],
)  # fmt: skip
def test_anything_else_is_not(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        Strangers().greeting(memoryview(head))


def test_who_asks_all_the_time_is_answered_once_a_second() -> None:
    strangers = Strangers()
    told = [strangers.may_hear(b"1", Refused, 2 + i / 100) for i in range(350)]
    assert told.count(True) == 4
    assert strangers.may_hear(b"1", WhoAreYou, 5.5)
    assert strangers.may_hear(b"2", Refused, 5.5)


def test_not_everybody_is_answered_at_once() -> None:
    strangers = Strangers()
    told = [strangers.may_hear(b"%d" % i, Refused, 5.0) for i in range(3 * MOST)]
    assert told == [True] * MOST + [False] * 2 * MOST
    assert strangers.may_hear(b"late", Refused, 7.0)
