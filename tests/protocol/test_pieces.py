"""What is too large for a frame is cut, and comes back whole."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from parallel.protocol import pieces, wire
from parallel.protocol.pieces import cut, is_cut, join


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call large what is not, for the length of a test."""
    monkeypatch.setattr(pieces, "LARGEST", 10)
    monkeypatch.setattr(pieces, "PIECE", 4)
    monkeypatch.setattr(wire, "LARGEST", 10)


@given(st.binary(max_size=5), st.lists(st.binary(max_size=30), max_size=5))
def test_what_is_cut_comes_back(payload: bytes, buffers: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGEST", 10)
        patch.setattr(pieces, "PIECE", 4)
        head, found = cut(payload, buffers)
    assert is_cut(head)
    assert all(piece.nbytes <= 10 for piece in found)
    again, whole = join(head, found)
    assert (again, [bytes(each) for each in whole]) == (payload, buffers)


@pytest.mark.usefixtures("small_frames")
@pytest.mark.parametrize("payload", [b"\x80", b"\x80" * (wire.INLINE_NBYTES + 1)])
def test_the_wire_cuts_what_is_too_large(payload: bytes) -> None:
    large = bytes(range(23))
    head, frames = wire.stow(payload, [b"small", large])
    assert max(map(len, frames)) <= 10
    found, buffers = wire.unstow(head, frames)
    assert bytes(found) == payload
    assert [bytes(each) for each in buffers] == [b"small", large]


@pytest.mark.usefixtures("small_frames")
def test_the_wire_leaves_small_frames_whole() -> None:
    assert wire.stow(b"\x80", [b"0123456789"]) == (b"\x80", [b"0123456789"])


def test_the_wire_leaves_nonsense_as_it_is() -> None:
    assert wire.unstow(b"\0nonsense", [b"frame"]) == (b"\0nonsense", [b"frame"])


def test_too_few_pieces_are_refused() -> None:
    head, found = cut(b"payload", [b"one", b"two"])
    with pytest.raises(ValueError, match="1 pieces came"):
        join(head, found[:1])


@pytest.mark.parametrize("head", [b"\0", b"\0nonsense", b"\0\x92\xc4\x00\x91\xff"])
def test_what_tells_of_no_pieces_is_refused(head: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        join(head, [])
