"""A controller that welcomes everybody, and says what a test has it say."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from parallel.protocol.connection import ConnectionInfo
from parallel.protocol.messages import EngineInfo, Hello, Submit, Welcome
from parallel.protocol.wire import controller_decoder, encode
from parallel.transport import sockets
from parallel.transport.endpoints import bind_controller, new_context
from parallel.transport.keys import new_keys
from parallel.transport.watcher import wait_readable

SESSION = b"s" * 16
ENGINE = EngineInfo(0, b"e" * 16, "host", 1)


class FakeController(threading.Thread):
    """Answers each submission with whatever `answer` makes of it: a batch's frames."""

    def __init__(self, url: str, answer: Callable[[Submit], list[bytes]]) -> None:
        super().__init__(name="fake-controller", daemon=True)
        self._answer = answer
        self._keys = new_keys()
        self._context = new_context(encrypted=False)
        self._socket, urls = bind_controller(self._context, [url], self._keys)
        self.info: ConnectionInfo = self._keys.info("client", "", urls, encrypted=False)
        self._ended = False

    def run(self) -> None:
        """Serve until `stop`."""
        decoder = controller_decoder()
        while not self._ended:
            wait_readable([self._socket], [], 0.02)
            while (batch := sockets.receive_routed(self._socket)) is not None:
                for message in decoder.decode(batch[1].buffer)[1]:
                    self._take(batch[0], message)
        self._context.destroy(0)

    def _take(self, routing_id: bytes, message: Any) -> None:
        if isinstance(message, Hello):
            welcome = Welcome(SESSION, None, [ENGINE])
            sockets.send(self._socket, [routing_id, encode(SESSION, [welcome])])
        elif isinstance(message, Submit):
            sockets.send(self._socket, [routing_id, *self._answer(message)])

    def stop(self) -> None:
        """End, and close all."""
        self._ended = True
        self.join()


@contextlib.contextmanager
def controller(
    folder: Path, answer: Callable[[Submit], list[bytes]]
) -> Iterator[ConnectionInfo]:
    """Give what a client is told of a controller that answers so."""
    found = FakeController(f"ipc://{folder}/c", answer)
    found.start()
    try:
        yield found.info
    finally:
        found.stop()
