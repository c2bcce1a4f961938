"""Simulated engines: one process that answers for a thousand, and runs nothing.

They greet, are sent tasks and end them as engines do, over two connections each, so
that what a controller does for many engines can be measured on two cores.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, time

import zmq

from parallel.protocol.connection import ConnectionInfo, from_json
from parallel.protocol.messages import (
    Assign,
    Goodbye,
    Hello,
    Refused,
    Result,
    Revoke,
    Revoked,
    Status,
    Stop,
    ToEngine,
    Welcome,
)
from parallel.protocol.wire import engine_decoder
from parallel.serialize.calls import pack_value
from parallel.transport import sockets
from parallel.transport.dealer import Dealer
from parallel.transport.endpoints import connect_peer, new_context
from parallel.transport.openfiles import allow_all

#: A context has so many engines: zmq allows 1,023 sockets in each.
IN_A_CONTEXT = 100
CHANNELS = ("control", "work")


class SimulatedEngine:
    """An engine whose tasks end at once."""

    value = pack_value(None, "nothing").payload

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], info: ConnectionInfo):
        name = uuid.uuid4().bytes
        self.lines: dict[str, Dealer[ToEngine]] = {}
        for channel in CHANNELS:
            hello = Hello(
                role="engine",
                channel=channel,
                uuid=name,
                secret=info.secret,
                host=socket.gethostname(),
                pid=os.getpid(),
            )
            line = connect_peer(context, info)
            self.lines[channel] = Dealer(line, hello, engine_decoder())

    def read(self, channel: str) -> bool:
        """Answer what has come on a line; tell whether the engine goes on."""
        line = self.lines[channel]
        while (batch := sockets.receive(line.socket)) is not None:
            results: list[Result | Revoked] = []
            for message in line.read(*batch):
                if isinstance(message, Assign):
                    results.append(self._end(message))
                elif isinstance(message, Revoke):
                    results.append(Revoked(message.ordinals, []))
                elif isinstance(message, Welcome):
                    line.welcome(message)
                elif isinstance(message, (Stop, Goodbye, Refused)):
                    return False
            if results:
                line.say(results)
        return True

    def _end(self, assign: Assign) -> Result:
        now = time()
        value = self.value
        return Result(assign.ordinal, Status.OK, value, 0, now, now, task=assign.task)


def serve(info: ConnectionInfo, n: int) -> None:
    """Be so many engines until one is told to end."""
    allow_all()
    count = -(-n // IN_A_CONTEXT)
    contexts = [new_context(encrypted=bool(info.curve)) for _ in range(count)]
    selector = selectors.DefaultSelector()
    engines = [SimulatedEngine(contexts[i // IN_A_CONTEXT], info) for i in range(n)]
    for engine in engines:
        for channel, line in engine.lines.items():
            descriptor = sockets.descriptor(line.socket)
            selector.register(descriptor, selectors.EVENT_READ, (engine, channel))
    looked = 0.0
    while True:
        for key, _ in selector.select(0.2):
            engine, channel = key.data
            if not engine.read(channel):
                return
        if monotonic() - looked > 0.2:
            looked = monotonic()
            for engine in engines:
                for channel, line in engine.lines.items():
                    line.tend(looked)
                    engine.read(channel)  # sending uses up a descriptor's edge


@contextmanager
def crowd(file: Path, n: int) -> Iterator[int]:
    """Run so many engines for the controller of a connection file; yield their pid."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd", str(file), str(n)],
        stdin=subprocess.DEVNULL,
    ) as process:
        try:
            yield process.pid
        finally:
            process.kill()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    serve(from_json(path.read_bytes(), str(path)), int(sys.argv[2]))
