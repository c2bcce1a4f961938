"""Batches come back as they were sent, and what is no batch is told in one way."""

from __future__ import annotations

import contextlib
import pickle
from typing import Union

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given, settings

from parallel.errors import ProtocolError
from parallel.protocol.messages import Assign, Method, Ping, Query, Result, Status
from parallel.protocol.wire import (
    INLINE_NBYTES,
    NO_SESSION,
    Decoder,
    client_decoder,
    controller_decoder,
    encode,
    engine_decoder,
    stow,
    unstow,
)
from tests.protocol.strategies import KINDS, messages_of

#: Reads messages of every kind.
anything: Decoder[msgspec.Struct] = Decoder(list[Union[tuple(KINDS)]])  # noqa: UP007

sessions = st.binary(min_size=16, max_size=16)
batches = st.lists(st.one_of(*map(messages_of, KINDS)), max_size=3)

#: A question whose argument is what follows.
ASK = b"\x91\x94\x28\x00\xa1a\x81\xa1b"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_each_message_comes_back(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    message = data.draw(messages_of(kind))
    assert anything.decode(memoryview(encode(NO_SESSION, [message])))[1] == [message]


@given(session=sessions, messages=batches)
def test_a_batch_comes_back_with_its_session(
    session: bytes, messages: list[msgspec.Struct]
) -> None:
    assert anything.decode(bytes(encode(session, messages))) == (session, messages)


@given(session=sessions)
def test_the_session_stands_first(session: bytes) -> None:
    assert encode(session, [Ping()]).startswith(session)


def decode_or_refuse(head: bytes) -> None:
    """Decode what may be anything: a batch, or a `ProtocolError` and nothing else."""
    for decoder in (controller_decoder(), engine_decoder(), client_decoder(), anything):
        with contextlib.suppress(ProtocolError):
            _, messages = decoder.decode(memoryview(head))
            assert isinstance(messages, list)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(head: bytes) -> None:
    decode_or_refuse(head)


#: Where to change a batch, how many bytes to take out there, and what to put in.
changes = st.tuples(st.integers(16, 500), st.integers(0, 6), st.binary(max_size=6))


@given(messages=batches, changes=st.lists(changes, min_size=1, max_size=4))
def test_mutated_batches_are_refused_or_read(
    messages: list[msgspec.Struct], changes: list[tuple[int, int, bytes]]
) -> None:
    head = encode(NO_SESSION, messages)
    for at, out, put in changes:
        at = min(at, len(head))
        head[at : at + out] = put
    decode_or_refuse(bytes(head))


@given(messages=batches, data=st.data())
def test_a_batch_cut_short_is_refused(
    messages: list[msgspec.Struct], data: st.DataObject
) -> None:
    head = encode(NO_SESSION, messages)
    end = data.draw(st.integers(0, len(head) - 1))
    with pytest.raises(ProtocolError):
        anything.decode(bytes(head[:end]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x90\x90",
        b"\xc0",
        b"\x91\x90",
        b"\x91\x91\x63",
        b"\x91\x91\xa5Hello",
        b"\x91" * 1_000_000,
        ASK + b"\x91" * 1_000_000,
        ASK + b"\x81\x00" * 1_000_000,
        ASK + b"\x81\x80\x00",
        ASK + b"\xa1\xff",
        ASK + b"\xdd\xff\xff\xff\xff",
        ASK + b"\xdf\xff\xff\xff\xff",
        ASK + b"\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
    ],
    ids=[
        "nothing",
        "two batches",
        "no list",
        "no message",
        "unknown tag",
        "tag of text",
        "nested messages",
        "nested lists",
        "nested maps",
        "a map for a key",
        "no UTF-8",
        "a list said to be huge",
        "a map said to be huge",
        "bytes said to be huge",
        "a batch said to be huge",
    ],
)
def test_malformed_batches_are_refused(body: bytes) -> None:
    for decoder in (controller_decoder(), anything):
        with pytest.raises(ProtocolError, match=r"^not a batch of messages: "):
            decoder.decode(NO_SESSION + body)


def test_each_side_hears_its_own_messages_only() -> None:
    assign = encode(NO_SESSION, [Assign(1, Method.APPLY, b"digest", b"payload")])
    assert engine_decoder().decode(assign)
    for decoder in (controller_decoder(), client_decoder()):
        with pytest.raises(ProtocolError):
            decoder.decode(assign)


@pytest.mark.parametrize("status", [-1, 8, 255])
def test_unknown_values_are_refused(status: int) -> None:
    known = encode(NO_SESSION, [Result(1, Status.OK, b"", 0, 0.0, 0.0)])
    unknown = msgspec.msgpack.encode([[22, 1, status, b"", 0, 0.0, 0.0]])
    assert controller_decoder().decode(known)
    with pytest.raises(ProtocolError):
        controller_decoder().decode(NO_SESSION + unknown)


def test_fields_of_a_later_release_are_passed_over() -> None:
    query = msgspec.msgpack.encode([[40, 1, "name", {}, "something new"]])
    assert controller_decoder().decode(NO_SESSION + query)[1] == [Query(1, "name", {})]


# Frames


@example(payload=bytes(INLINE_NBYTES), buffers=[])
@example(payload=bytes(INLINE_NBYTES + 1), buffers=[])
@example(payload=b"", buffers=[b"buffer"])
@given(payload=st.binary(), buffers=st.lists(st.binary(), max_size=3))
def test_what_is_stowed_comes_back(payload: bytes, buffers: list[bytes]) -> None:
    head, frames = stow(payload, buffers)
    found, rest = unstow(head, frames)
    assert (bytes(found), list(rest)) == (payload, buffers)


def test_a_large_payload_travels_in_a_frame_uncopied() -> None:
    payload = bytes(INLINE_NBYTES + 1)
    head, frames = stow(payload, [b"buffer"])
    assert head == b""
    assert frames[0] is payload
    assert frames[1:] == [b"buffer"]


def test_buffers_are_taken_as_they_are_now() -> None:
    data = bytearray(b"data")
    _, (frame,) = stow(b"payload", [pickle.PickleBuffer(data)])
    data[:] = b"gone"
    assert frame == b"data"
