"""One connection of a client to its controller, with what is to be sent on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from ..protocol.messages import Hello, Message, Submit, ToClient, ToController
from ..protocol.wire import client_decoder, controller_decoder
from ..transport import sockets
from ..transport.dealer import Dealer

__all__ = ["Line", "Said"]

#: So many messages at most in one batch.
BATCH = 512
#: A message and its frames.
Said: TypeAlias = tuple[Message, Sequence[Any]]


class Line(Dealer[ToClient]):
    """A way to the controller, and its outgoing messages."""

    def __init__(self, socket: sockets.Socket, hello: Hello) -> None:
        super().__init__(socket, hello, client_decoder())
        self.outbox: deque[Said] = deque()
        self.descriptor = sockets.descriptor(socket)

    def unheard(self) -> int:
        """Return how many submitted tasks are not known to have arrived."""
        said: list[Message | ToController] = [message for message, _ in self.outbox]
        for head, *_ in self.stream.resume(0):
            said += controller_decoder().decode(head)[1]
        submits = [each for each in said if isinstance(each, Submit)]
        return sum(len(each.targets or (None,)) for each in submits)

    def flush(self) -> None:
        """Send what is to be sent, if the controller has welcomed us."""
        outbox = self.outbox
        while outbox and self.is_open:
            messages: list[Message] = []
            frames: list[Any] = []
            for _ in range(min(BATCH, len(outbox))):
                message, own = outbox.popleft()
                messages.append(message)
                if own:
                    frames += own
            self.say(messages, frames)
