"""A proxy between peers and their controller, whose connections can be cut."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from parallel.protocol.connection import ConnectionInfo

__all__ = ["Proxy", "proxy"]


class Proxy:
    """Passes on what is said, between cuts.

    Parameters
    ----------
    info
        How to reach the controller.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        kind, _, where = info.urls[0].partition("://")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._target: str | tuple[str, int] = where
        if kind == "ipc":
            self._folder = tempfile.TemporaryDirectory(prefix="cut-")
            path = str(Path(self._folder.name) / "socket")
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen(64)
            url = f"ipc://{path}"
        else:
            host, _, port = where.rpartition(":")
            self._target = host, int(port)
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
            url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        #: How to reach the controller by this way.
        self.info = replace(info, urls=[url])
        #: Whoever connects is cut off at once.
        self.closed = False
        #: For each connection that was made: whether anything passes.
        self._passing: list[threading.Event] = []
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [self._start(self._accept)]

    def cut(self) -> int:
        """Break all connections, and lose what is on its way; return how many."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return len(ends) // 2

    def silence(self) -> None:
        """Leave all connections half-open: nothing passes, and nobody is told."""
        for passing in self._passing:
            passing.clear()

    def resume(self) -> None:
        """Let pass what has waited since `silence`."""
        for passing in self._passing:
            passing.set()

    def end(self) -> None:
        """Cut all, and stop listening."""
        self.closed = True
        self.resume()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(10)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _start(self, run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                if self.closed:
                    peer.close()
                    continue
                controller = socket.socket(self._listener.family)
                try:
                    controller.connect(self._target)
                except OSError:
                    peer.close()
                    controller.close()
                    continue
                with self._lock:
                    self._ends |= {peer, controller}
                passing, left = threading.Event(), [2]
                passing.set()
                self._passing.append(passing)
                for source, target in ((peer, controller), (controller, peer)):
                    run = partial(self._pass, source, target, passing, left)
                    self._threads.append(self._start(run))

    def _pass(
        self,
        source: socket.socket,
        target: socket.socket,
        passing: threading.Event,
        left: list[int],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                passing.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            left[0] -= 1
            if not left[0]:
                self._ends -= {source, target}
                source.close()
                target.close()


@contextlib.contextmanager
def proxy(info: ConnectionInfo) -> Iterator[Proxy]:
    """Pass on what is said to a controller while the block lasts."""
    between = Proxy(info)
    try:
        yield between
    finally:
        between.end()
