"""Finished tasks packed many together: a row for each would cost five times as much.

A block holds tasks of one client that ended about the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from ...aliases import Uuid
from ...protocol.messages import Outcome, Submit
from ...protocol.wire import frames_nbytes
from ...state.naming import TaskKey
from ..limits import Limits
from .entry import Entry

__all__ = [
    "HIGHEST", "Block", "groups_of", "label_mark", "pack", "readable", "times",
    "unpack",
]  # fmt: skip

log = logging.getLogger("parallel.record")
T = TypeVar("T")

#: So many tasks at most in a block, and so many bytes of buffers, or one task.
MOST, MOST_NBYTES = 256, 1 << 20
#: The highest number that SQLite's integers hold.
HIGHEST = (1 << 63) - 1

_Facts = tuple[int, Submit, float, Outcome | None, Uuid, float, str, str, str]
_Frames = tuple[list[bytes] | None, list[bytes] | None]
#: The same, all but when it was submitted left unread.
_Times = tuple[int, Raw, float, Raw, Raw, Raw, Raw, Raw, Raw]
_encode = msgspec.msgpack.Encoder().encode
_unpack_body = msgspec.msgpack.Decoder(list[_Facts]).decode
_unpack_times = msgspec.msgpack.Decoder(list[_Times]).decode
_unpack_frames = msgspec.msgpack.Decoder(dict[int, _Frames]).decode


class Block(NamedTuple):
    """What a row of the file has: what queries look for in it, and all of it."""

    client: Uuid
    #: The lowest and the highest of its tasks' numbers.
    first: int
    last: int
    #: When the first and the last of them were submitted, seconds since the epoch.
    since: float
    until: float
    #: Their labels, each as `label_mark` has it.
    labels: bytes | None
    size: int
    nbytes: int
    body: bytes
    #: Buffers by place, of those tasks that have any.
    frames: bytes | None


def label_mark(label: str) -> bytes:
    """Return what is found in the labels of a block that has this one."""
    return b"\0" + label.encode("utf-8", "surrogatepass") + b"\0"


def groups_of(entries: Iterable[Entry], limits: Limits) -> Iterator[list[Entry]]:
    """Yield tasks that make a block together, in about the order that they come in."""
    by_client: dict[Uuid, list[Entry]] = {}
    for entry in entries:
        by_client.setdefault(entry.key[0], []).append(entry)
    most = max(1, min(MOST, limits.records // 10))
    for own in by_client.values():
        yield from _cut(own, most)


def _cut(entries: list[Entry], most: int) -> Iterator[list[Entry]]:
    begin = nbytes = 0
    for i, entry in enumerate(entries):
        if i - begin == most or nbytes > MOST_NBYTES:
            yield entries[begin:i]
            begin, nbytes = i, 0
        if entry.frames or entry.result_frames:
            nbytes += frames_nbytes(entry.frames or ())
            nbytes += frames_nbytes(entry.result_frames or ())
    yield entries[begin:]


def pack(entries: Sequence[Entry], limits: Limits) -> Block:
    """Return the block of some tasks of one client."""
    facts = [
        (
            e.key[1], _own(e), e.submitted, e.outcome, e.engine_uuid, e.received,
            e.stdout, e.stderr, e.resubmitted,
        )
        for e in entries
    ]  # fmt: skip
    body = _encode(facts)
    kept = {
        place: (_kept(e.frames, limits), _kept(e.result_frames, limits))
        for place, e in enumerate(entries)
        if e.frames or e.result_frames or e.frames is None or e.result_frames is None
    }
    frames = _encode(kept) if kept else None
    seqs = [each[0] for each in facts]
    times = [each[2] for each in facts]
    labels = {t.label for e in entries if (t := e.submit.terms) is not None and t.label}
    return Block(
        entries[0].key[0],
        min(min(seqs), HIGHEST),
        min(max(seqs), HIGHEST),
        min(times),
        max(times),
        b"".join(map(label_mark, labels)) or None,
        len(entries),
        len(body) + len(frames or b""),
        body,
        frames,
    )


def _own(entry: Entry) -> Submit:
    """Return the submission of one task alone, though it was one of many targets."""
    submit = entry.submit
    if not submit.targets or len(submit.targets) == 1:
        return submit
    return replace(submit, seq=entry.key[1], targets=[entry.target])


def _kept(frames: Sequence[Any] | None, limits: Limits) -> list[Any] | None:
    """Return frames to be written, or None if they are too large."""
    if frames is None or frames_nbytes(frames) > limits.task_nbytes:
        return None
    return [getattr(frame, "buffer", frame) for frame in frames]


def unpack(client: Uuid, body: bytes, frames: bytes | None) -> list[Entry]:
    """Return the tasks of a block; their frames as far as these are given.

    Raises
    ------
    msgspec.DecodeError
        The block is damaged.
    """
    buffers = _unpack_frames(frames) if frames else {}
    found = []
    for place, facts in enumerate(_unpack_body(body)):
        seq, submit, submitted, outcome, uuid, received, stdout, stderr, again = facts
        arguments, result = buffers.get(place, ((), ()))
        found.append(Entry(
            TaskKey(client, seq), submit, submitted, b"", arguments, outcome, result,
            uuid, received, stdout, stderr, again,
        ))  # fmt: skip
    return found


def times(client: Uuid, body: bytes) -> list[tuple[TaskKey, float]]:
    """Return when each task of a block was submitted: much quicker than all of it.

    Raises
    ------
    msgspec.DecodeError
        The block is damaged.
    """
    return [(TaskKey(client, facts[0]), facts[2]) for facts in _unpack_times(body)]


def readable(read: Callable[..., list[T]], row: int, *packed: Any) -> list[T]:
    """Return what is read of a block; nothing, and a warning, if it is damaged."""
    try:
        return read(*packed)
    except (msgspec.DecodeError, TypeError) as error:
        log.warning("block %s of the record of tasks is damaged: %s", row, error)
        return []
