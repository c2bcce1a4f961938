"""What peers may say, and who deals with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from ..errors import ProtocolError
from ..protocol.messages import (
    Abort,
    AgentTrouble,
    Define,
    EngineDied,
    Goodbye,
    Held,
    Hello,
    Message,
    Need,
    Output,
    Ping,
    Pong,
    Publish,
    Query,
    Reopen,
    Result,
    Resumed,
    Revoked,
    Setup,
    Signal,
    Stop,
    Submit,
    Suspended,
    WantCredit,
)
from .peer import Peer

__all__ = ["ALLOWED", "Hearing"]

#: What each role may say: the rest is refused. An agent has an engine's key.
ALLOWED: dict[str, frozenset[type]] = {
    "engine": frozenset(
        {Goodbye, Ping, Pong, Need, Result, Revoked, Output, Suspended, Resumed}
        | {Publish, Held, Hello}
    ),
    "client": frozenset(
        {Goodbye, Ping, Pong, Define, Submit, Abort, Setup, Signal, Query, Stop}
        | {WantCredit, Reopen, Hello}
    ),
    "agent": frozenset({Goodbye, Ping, Pong, EngineDied, AgentTrouble, Hello}),
}

M = TypeVar("M")
#: At least one message of a kind, which came one after the other, with their frames.
Come: TypeAlias = Sequence[tuple[M, Sequence[Any]]]
#: Deals with one message: who said it, its frames, and when it came.
Handler: TypeAlias = Callable[[Peer, Any, Sequence[Any], float], object]
#: Deals with many that came together.
Together: TypeAlias = Callable[[Peer, Come[Any], float], object]


class Hearing:
    """Has each message dealt with, up to one that its peer may not say.

    Parameters
    ----------
    handlers, together
        By kind of message: what deals with one, and with many.
    complain
        Is told what a peer may not say.
    """

    def __init__(
        self,
        handlers: Mapping[type, Handler],
        together: Mapping[type, Together],
        complain: Callable[[Peer, Message, float], object],
    ) -> None:
        self._handlers = handlers
        self._together = together
        self._complain = complain

    def hear(
        self, peer: Peer, messages: Sequence[Any], frames: Sequence[Any], now: float
    ) -> None:
        """Do what a peer says.

        Raises
        ------
        ProtocolError
            It makes no sense, or lacks frames.
        """
        allowed, together = ALLOWED[peer.role], self._together
        at, last = 0, Message
        many: list[tuple[Any, Sequence[Any]]] = []
        for message in messages:
            kind = type(message)
            if many and kind is not last:
                together[last](peer, many, now)
                many = []
            last = kind
            if kind not in allowed:
                self._complain(peer, message, now)
                return
            count = getattr(message, "frames", 0)
            own: Sequence[Any] = ()
            if count:
                own, at = frames[at : at + count], at + count
                if len(own) != count:
                    few = f"{kind.__name__} came with {len(own)} of {count} frames"
                    raise ProtocolError(few)
            if kind in together:
                many.append((message, own))
            else:
                self._handlers[kind](peer, message, own, now)
        if many:
            together[last](peer, many, now)
