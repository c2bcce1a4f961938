"""A peer's way to its controller, which outlives the connections that it is made of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import ProtocolError
from ..protocol.messages import Hello, Mark, Message, Welcome
from ..protocol.wire import NO_SESSION, SESSION_NBYTES, Decoder, encode, frames_nbytes
from ..state.stream import Stream
from . import sockets
from .monitors import DisconnectMonitor

__all__ = ["GREET_EVERY", "Dealer"]

#: A greeting is repeated after so long until it is answered, seconds, and ever later:
#: zmq keeps it until there is a connection.
GREET_EVERY, GREET_LATEST = 0.5, 8.0

M = TypeVar("M", bound=Message)


class Dealer(Generic[M]):
    """A socket, its session once it is welcome, and what is not confirmed yet.

    While its connection is broken, what is said is kept; once the controller knows it
    again, that follows. A zmq socket connects again by itself: it is only to be
    greeted again, which `tend` does.

    Parameters
    ----------
    hello
        What it says of itself.
    decoder
        Reads what may be said to it.
    """

    def __init__(
        self, socket: sockets.Socket, hello: Hello, decoder: Decoder[M]
    ) -> None:
        self.socket = socket
        self.stream = Stream()
        self.monitor = DisconnectMonitor(socket)
        #: Its connection broke, and it has not greeted since. Any thread may say so.
        self.cut = False
        #: The controller has answered the last greeting.
        self.is_open = False
        #: It has ever been welcome.
        self.was_open = False
        #: Which controller at its address has welcomed it, 0 for none.
        self.epoch = 0
        #: The session that `renew` has ended, as long as there is no other.
        self._past = NO_SESSION
        #: Since when nobody has answered; the beginning, at first.
        self.away = monotonic()
        self._hello = hello
        self._decoder = decoder
        self._next_greeting = 0.0
        self._every = GREET_EVERY

    # Greeting

    def tend(self, now: float) -> None:
        """Greet if that is due: after a cut, and until it is answered."""
        if self.cut or (not self.is_open and now >= self._next_greeting):
            self.greet(now)

    def greet(self, now: float) -> None:
        """Say who this is, and what was heard in its session."""
        if self.is_open:
            self.away = now
        self.cut = self.is_open = False
        self._next_greeting = now + self._every
        self._every = min(2 * self._every, GREET_LATEST)
        hello = self._hello
        if self.was_open:
            stream = self.stream
            session = self._past if stream.session == NO_SESSION else stream.session
            hello = msgspec.structs.replace(
                hello, session=session, received=stream.seen
            )
        sockets.send(self.socket, [encode(NO_SESSION, [hello])])

    def ask_again(self) -> None:
        """Greet because something did not arrive, unless that is under way."""
        if self.is_open:
            self.greet(monotonic())

    def welcome(self, welcome: Welcome) -> bool:
        """Take a welcome in; tell whether it is into the session that was, or a first.

        What did not arrive in that session is sent again.
        """
        stream = self.stream
        if stream.session == NO_SESSION:
            stream.begin(welcome.session)
            self.was_open, self.epoch = True, welcome.epoch
        elif welcome.session != stream.session:
            return False
        if not self.is_open:  # else this is the answer to an earlier greeting, too
            self.is_open, self._every = True, GREET_EVERY
            stream.confirm(welcome.confirmed)
            for parts in stream.resume(welcome.received):
                sockets.send(self.socket, parts)
        return True

    def renew(self) -> Stream:
        """Begin a session anew, with another controller; return the one that was.

        What is said from now on is kept for it.
        """
        before = self.stream
        if before.session != NO_SESSION:
            self._past = before.session
        self.is_open, self.stream = False, Stream()
        return before

    # Speaking

    def say(self, messages: Sequence[Message], frames: Sequence[Any] = ()) -> None:
        """Send a batch: at once, or as soon as it is open."""
        if self.cut:
            self.greet(monotonic())
        parts = self.stream.pack(messages, frames)
        if self.is_open:
            sockets.send(self.socket, parts)

    def read(self, head: Any, frames: Sequence[Any]) -> Sequence[M]:
        """Return the messages of a batch that came; none if they came before.

        Raises
        ------
        ProtocolError
            It is none.
        """
        messages = self._decoder.messages(head)
        if messages and isinstance(mark := messages[0], Mark):
            stream = self.stream  # that another thread may renew
            if head[:SESSION_NBYTES] != stream.session:
                return ()
            nbytes = len(head) + frames_nbytes(frames) if frames else len(head)
            if not stream.take(mark, nbytes):
                if stream.lacks(mark):
                    self.ask_again()
                return ()
            if stream.owes and self.is_open:
                sockets.send(self.socket, stream.confirmation())
            del messages[0]
        return messages

    def hear(self, log: logging.Logger) -> Iterator[M]:
        """Read all that there is; yield the messages, log what is none."""
        while (batch := sockets.receive(self.socket)) is not None:
            try:
                messages = self.read(*batch)
            except ProtocolError as error:
                log.error("the controller sent what is not ours: %s", error)
                continue
            yield from messages

    def close(self) -> None:
        """Stop watching the connection."""
        self.monitor.close()
