"""Batches of messages to frames, and back.

A batch is one zmq message: a head frame, then the buffers of its messages. The
head is the sender's session (16 bytes, zeros before the greeting is answered)
and the msgpack of the list of messages. Which role a sender has follows from
its session alone, since only the peer that was welcomed under a role was ever
told it; a routing id is nobody's proof, for zmq gives it to the next comer.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from ..aliases import Digest
from ..errors import ProtocolError
from .messages import Message, ToClient, ToController, ToEngine, ToHostAgent
from .pieces import LARGEST, cut, is_cut, join

__all__ = [
    "INLINE_NBYTES",
    "NO_SESSION",
    "SESSION_NBYTES",
    "Decoder",
    "agent_decoder",
    "client_decoder",
    "controller_decoder",
    "digest_of",
    "encode",
    "engine_decoder",
    "frames_nbytes",
    "session_of",
    "stow",
    "unstow",
]

SESSION_NBYTES = 16
NO_SESSION = bytes(SESSION_NBYTES)
#: What is larger travels in a frame of its own: in the head it would be copied at
#: every hop, in a frame it costs about 2 µs at each.
INLINE_NBYTES = 16 * 1024

M = TypeVar("M")
_encoder = msgspec.msgpack.Encoder()


def encode(session: bytes, messages: Sequence[Message]) -> bytearray:
    """Return the head frame of a batch."""
    head = bytearray(session)
    _encoder.encode_into(messages, head, SESSION_NBYTES)
    return head


class Decoder(Generic[M]):
    """Reads head frames that hold messages of the given union, and no others.

    Parameters
    ----------
    kinds
        A list type: what a peer may say here.
    """

    def __init__(self, kinds: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(kinds)

    def decode(self, head: Any) -> tuple[bytes, list[M]]:
        """Return the session and the messages of a head frame.

        Raises
        ------
        ProtocolError
            The bytes are no batch of such messages.
        """
        return session_of(head), self.messages(head)

    def messages(self, head: Any) -> list[M]:
        """Return the messages of a head frame.

        Raises
        ------
        ProtocolError
            The bytes are no batch of such messages.
        """
        try:
            messages: list[M] = self._decoder.decode(head[SESSION_NBYTES:])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(f"not a batch of messages: {error}") from error
        return messages


def session_of(head: Any) -> bytes:
    """Return the session that a head frame stands for."""
    return bytes(head[:SESSION_NBYTES])


def controller_decoder() -> Decoder[ToController]:
    """Return the decoder of what a controller is told."""
    return Decoder(list[ToController])


def engine_decoder() -> Decoder[ToEngine]:
    """Return the decoder of what an engine is told."""
    return Decoder(list[ToEngine])


def agent_decoder() -> Decoder[ToHostAgent]:
    """Return the decoder of what the agent of another host is told."""
    return Decoder(list[ToHostAgent])


def client_decoder() -> Decoder[ToClient]:
    """Return the decoder of what a client is told."""
    return Decoder(list[ToClient])


def digest_of(code: bytes) -> Digest:
    """Return what names a packed function."""
    return blake2b(code, digest_size=16).digest()


def frames_nbytes(frames: Iterable[Any]) -> int:
    """Return how many bytes frames have."""
    return sum(map(len, frames))


def stow(payload: bytes, buffers: Sequence[Any]) -> tuple[bytes, list[Any]]:
    """Return what goes into the head, and what goes into frames behind it.

    A payload too large for the head becomes the first frame, and an empty one
    stands for it. Buffers are copied once, here: they are memory of the user's
    objects, which may change before the frames have left. What is too large for one
    frame is cut.
    """
    if not buffers and 0 < len(payload) <= INLINE_NBYTES and not is_cut(payload):
        return payload, []
    frames: list[Any] = [
        bytes(b.raw() if isinstance(b, pickle.PickleBuffer) else b) for b in buffers
    ]
    if len(payload) > INLINE_NBYTES or (not payload and frames):
        payload, frames = b"", [payload, *frames]
    if is_cut(payload) or (frames and max(map(len, frames)) > LARGEST):
        return cut(payload, frames)
    return payload, frames


def unstow(payload: bytes, frames: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Undo `stow`: return the payload and the buffers.

    What does not come from there is returned as it is, and cannot be unpacked.
    """
    if is_cut(payload):
        with suppress(msgspec.MsgspecError, ValueError):
            payload, frames = join(payload, frames)
    if payload or not frames:
        return payload, frames
    return frames[0], frames[1:]
