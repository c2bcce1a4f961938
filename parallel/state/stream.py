"""One side of a session: what it has said and is not known to have arrived.

Both sides number the batches that they send in a session, and tell in each how far
they have read the other's. What is not confirmed is kept, and sent again when a
broken connection is there once more; what comes twice is known by its number. So a
session loses nothing and repeats nothing, whatever the connections below it do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..protocol.messages import Mark, Message
from ..protocol.wire import NO_SESSION, encode, frames_nbytes

__all__ = ["KEEPING_NBYTES", "Stream"]

#: Who has read so many batches, or bytes, and had nothing to say since, confirms them:
#: that much is kept for each peer at most, and it needs no timer.
SILENT, SILENT_NBYTES = 32, 256 * 1024
#: What is kept of a batch takes so much besides its bytes: of the answer to a ping,
#: which has 25, ten times as much.
KEEPING_NBYTES = 256


class Stream:
    """The batches of one session, numbered from 1 in each direction."""

    __slots__ = (
        "_defers", "_nbytes", "_told", "confirmed", "kept", "safe", "seen", "sent",
        "session", "unread",
    )  # fmt: skip

    def __init__(self, session: bytes = NO_SESSION, *, defers: bool = False) -> None:
        self.session = session
        #: What was read is confirmed when `settle` says so, and not before.
        self._defers = defers
        #: The number of the last batch that came, and of the last to be confirmed.
        self.seen = self.safe = 0
        #: The last that the other side knows to have come, and the bytes since.
        self._told = 0
        self._nbytes = 0
        #: The number of the last batch that was said, and of the last confirmed one.
        self.sent = self.confirmed = 0
        #: The parts of each batch since the last that was confirmed, and their bytes.
        self.kept: deque[tuple[list[Any], int]] = deque()
        #: How much memory these are, bytes.
        self.unread = 0

    # Saying

    def pack(
        self, messages: Sequence[Message], frames: Sequence[Any] = ()
    ) -> list[Any]:
        """Return the parts of the next batch, which are kept until it is confirmed."""
        number, safe = self.sent + 1, self.safe
        head = encode(self.session, [Mark(number, safe), *messages])
        self.sent = number  # what cannot be encoded has not been said
        self._told, self._nbytes = safe, 0
        parts, nbytes = [head, *frames], len(head) + KEEPING_NBYTES
        if frames:
            nbytes += frames_nbytes(frames)
        self.kept.append((parts, nbytes))
        self.unread += nbytes
        return parts

    def confirmation(self) -> list[Any]:
        """Return the parts of a batch that only tells what has come."""
        self._told, self._nbytes = self.safe, 0
        return [encode(self.session, [Mark(0, self.safe)])]

    # Hearing

    def take(self, mark: Mark, nbytes: int = 0) -> bool:
        """Take note of a batch that came; tell whether it is the one to read now."""
        if mark.seen != self.confirmed:
            self.confirm(mark.seen)
        if mark.number != self.seen + 1:
            return False
        self.seen = mark.number
        if not self._defers:
            self.safe = mark.number
            self._nbytes += nbytes
        return True

    def settle(self, number: int, nbytes: int) -> None:
        """Note that all batches up to this one, of so many bytes, may be forgotten."""
        self.safe = number
        self._nbytes += nbytes

    def lacks(self, mark: Mark) -> bool:
        """Tell whether others should have come before this batch."""
        return mark.number > self.seen + 1

    @property
    def owes(self) -> bool:
        """Tell whether it is time to confirm what came."""
        return self._nbytes >= SILENT_NBYTES or self.safe - self._told >= SILENT

    @property
    def is_untold(self) -> bool:
        """Tell whether the other side does not know of all that it may forget."""
        return self.safe != self._told

    # Beginning again

    def begin(self, session: bytes) -> None:
        """Give what was said before there was a session a session."""
        self.session = session
        for parts, _ in self.kept:
            parts[0][: len(session)] = session

    @property
    def is_fresh(self) -> bool:
        """Tell whether nothing that was said on either side is known to have come."""
        return not self.seen and not self.confirmed

    def confirm(self, seen: int) -> None:
        """Let go of what the other side has read."""
        kept = self.kept
        while kept and self.confirmed < seen:
            self.unread -= kept.popleft()[1]
            self.confirmed += 1

    def resume(self, received: int) -> list[list[Any]]:
        """Return the batches to be sent again to who has received so many.

        It may not have confirmed all of these: they stay.
        """
        skipped = max(0, received - self.confirmed)
        return [parts for parts, _ in islice(self.kept, skipped, None)]
