"""Whom nobody has welcomed: what they say is a greeting, or it is not listened to."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Any

from msgspec import Meta

from ..errors import ProtocolError
from ..protocol.messages import Hello
from ..protocol.wire import Decoder

__all__ = ["Strangers"]

#: What a stranger says may have so many bytes: its labels and resources are among them.
GREETING_NBYTES = 256 * 1024
#: Each is answered once within so long, seconds, and so many of them: what they do not
#: read stays in our memory until their connection is given up.
EVERY, MOST = 1.0, 1000

_Greeting = Annotated[list[Hello], Meta(min_length=1, max_length=1)]


class Strangers:
    """Reads greetings, and counts the answers.

    A batch of two bytes a message, decoded, takes ten times its size: so nothing is
    decoded of who has no session but a greeting.
    """

    def __init__(self) -> None:
        self._decoder: Decoder[Hello] = Decoder(_Greeting)
        self._answered: set[Hashable] = set()
        self._since = 0.0

    def greeting(self, head: Any) -> Hello:
        """Return the greeting that is all of a batch.

        Raises
        ------
        ProtocolError
            It is something else.
        """
        if len(head) > GREETING_NBYTES:
            raise ProtocolError(f"no greeting has {len(head):,} bytes")
        return self._decoder.decode(head)[1][0]

    def may_hear(self, routing_id: bytes, kind: type, now: float) -> bool:
        """Tell whether a stranger is to be given an answer of this kind now."""
        if now - self._since > EVERY:
            self._answered.clear()
            self._since = now
        asked = routing_id, kind
        if asked in self._answered or len(self._answered) >= MOST:
            return False
        self._answered.add(asked)
        return True
