"""Buffers too large for one frame: cut into pieces, and joined again.

While a frame is under way nothing else is on its connection, heartbeats included:
one that takes longer than their timeout, ten seconds, breaks the connection, which
4 GiB did on one host. Between the pieces there is room for them.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["LARGEST", "PIECE", "cut", "is_cut", "join"]

#: What is larger is cut, bytes: to join it again costs a copy.
LARGEST = 256 << 20
PIECE = 16 << 20
#: What a payload begins with that tells of pieces; no pickle does.
_MARK = b"\0"


def cut(payload: bytes, buffers: Sequence[Any]) -> tuple[bytes, list[Any]]:
    """Return the pieces of the buffers that are too large, and a payload that says so.

    Each piece is cut from memory that must not change any more.
    """
    pieces: list[Any] = []
    counts: list[int] = []
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        step = PIECE if view.nbytes > LARGEST else max(view.nbytes, 1)
        own = [view[at : at + step] for at in range(0, view.nbytes, step)] or [view]
        counts.append(len(own))
        pieces += own
    return _MARK + msgspec.msgpack.encode((payload, counts)), pieces


def is_cut(payload: bytes) -> bool:
    """Tell whether a payload tells of pieces."""
    return payload[:1] == _MARK


def join(payload: bytes, pieces: Sequence[Any]) -> tuple[bytes, list[Any]]:
    """Undo `cut`: return the payload and the buffers.

    Raises
    ------
    msgspec.MsgspecError
        The payload is none that tells of pieces.
    ValueError
        There are not as many as it says.
    """
    payload, counts = msgspec.msgpack.decode(payload[1:], type=tuple[bytes, list[int]])
    if sum(counts) != len(pieces) or min(counts, default=1) < 1:
        raise ValueError(f"{len(pieces)} pieces came, and not those of {counts}")
    buffers: list[Any] = []
    at = 0
    for count in counts:
        own = pieces[at : at + count]
        at += count
        buffers.append(own[0] if count == 1 else _joined(own))
    return payload, buffers


def _joined(pieces: Sequence[Any]) -> memoryview:
    # Its pages come as they are written to: to fill a `bytearray` of 3 GB with zeros
    # holds the GIL for seconds, and an engine does not answer meanwhile.
    nbytes = sum(memoryview(piece).nbytes for piece in pieces)
    whole = memoryview(
        mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    )
    at = 0
    for piece in pieces:
        view = memoryview(piece)
        whole[at : at + view.nbytes] = view
        at += view.nbytes
    return whole
