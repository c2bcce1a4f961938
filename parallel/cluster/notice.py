"""One message, told to a controller by who has no line to it."""

from __future__ import annotations

import logging
import os
import socket
from time import monotonic

from ..aliases import Uuid
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    AgentTrouble,
    EngineDied,
    Goodbye,
    Hello,
    ToHostAgent,
    Welcome,
)
from ..protocol.wire import agent_decoder
from ..transport.dealer import GREET_EVERY, Dealer
from ..transport.endpoints import connect_peer, new_context
from ..transport.watcher import wait_readable

__all__ = ["tell_once"]

log = logging.getLogger("parallel.agent")

#: What is said has so long to leave, ms.
LEAVING_MS = 1000


def tell_once(
    info: ConnectionInfo,
    agent: Uuid,
    message: EngineDied | AgentTrouble,
    patience: float,
) -> bool:
    """Tell a controller something in an agent's name; return whether it was there.

    Parameters
    ----------
    agent
        What names it: of a death, the agent of the engine that died.
    patience
        Seconds that the controller has to answer.
    """
    hello = Hello(
        role="agent",
        channel="control",
        uuid=agent,
        secret=info.secret,
        host=socket.gethostname(),
        pid=os.getpid(),
    )
    context = new_context(encrypted=info.curve is not None)
    line: Dealer[ToHostAgent] = Dealer(
        connect_peer(context, info), hello, agent_decoder()
    )
    line.say([message, Goodbye("it was stopped")])
    deadline = monotonic() + patience
    while not line.is_open and (now := monotonic()) < deadline:
        line.tend(now)
        wait_readable([line.socket], [], GREET_EVERY)
        for answer in line.hear(log):
            if isinstance(answer, Welcome):
                line.welcome(answer)
    line.close()
    context.destroy(LEAVING_MS)
    return line.is_open
