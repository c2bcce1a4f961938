"""One connection of a client to its controller, with what is to be sent on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from ..protocol.messages import Hello, Message, Submit, ToClient, ToController
from ..protocol.wire import client_decoder, controller_decoder, frames_nbytes
from ..transport import sockets
from ..transport.dealer import Dealer

__all__ = ["Line", "Said"]

#: So many messages at most in one batch, and so many bytes beside the last one: what
#: is one batch is held as a whole wherever it comes by.
BATCH, BATCH_NBYTES = 512, 4 << 20
#: While so many bytes have not been confirmed, the rest waits here: libzmq copies what
#: it is given (frames of up to 256 KiB), and with a controller that is behind this
#: process would hold all arguments twice.
WINDOW = 32 << 20
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

    @property
    def unheard_nbytes(self) -> int:
        """How much of what was said is not known to have arrived, bytes."""
        waiting = self.outbox.copy()
        return self.stream.unread + sum(frames_nbytes(own) for _, own in waiting)

    @property
    def has_room(self) -> bool:
        """Whether more may be sent before what has been is confirmed."""
        return self.stream.unread < WINDOW

    def flush(self, *, whole: bool = False) -> None:
        """Send what is to be sent, if the controller has welcomed us.

        Parameters
        ----------
        whole
            Send all of it, confirmed or not: nobody will be there to do so later.
        """
        outbox = self.outbox
        while outbox and self.is_open and (whole or self.has_room):
            messages: list[Message] = []
            frames: list[Any] = []
            nbytes = 0
            while outbox and len(messages) < BATCH and nbytes < BATCH_NBYTES:
                message, own = outbox.popleft()
                messages.append(message)
                if own:
                    frames += own
                    nbytes += frames_nbytes(own)
            self.say(messages, frames)
