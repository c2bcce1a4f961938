"""A stretch of network that can be cut: it carries connections, or does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

from parallel.transport.privatefiles import write_private

__all__ = ["CUTS", "Relay"]

#: How it can be cut:
#: - `reset`: all connections break, and are made again at once;
#: - `one`: so does the oldest one only;
#: - `silent`: nothing passes, and nobody is told; what was under way comes later;
#: - `stale`: so do the connections that there are, but new ones carry;
#: - `closed`: all connections break, and none can be made;
#: - `half`: those who connected are not told that their connections broke.
CUTS = ("reset", "one", "silent", "stale", "closed", "half")
CHUNK = 1 << 16

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay(threading.Thread):
    """Listens at an address of its own, and carries what comes to another.

    Parameters
    ----------
    url
        Where to carry to, as connection files have it: of a TCP port, or a socket's.
    """

    def __init__(self, url: str) -> None:
        super().__init__(name="relay", daemon=True)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._target = url
        if url.startswith("ipc://"):
            self._folder = tempfile.TemporaryDirectory(prefix="relay-")
            path = str(Path(self._folder.name) / "socket")
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            #: Where it listens.
            self.url = f"ipc://{path}"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._listener.listen(100)
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._silent = self._closed = False
        #: The connections, oldest first, each with the task that has it carry.
        self._lines: dict[Line, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.start()

    def lead_over(self, file: Path, copy: Path) -> Path:
        """Write a copy of a connection file that leads over this relay; return it."""
        told = {**json.loads(file.read_text()), "urls": [self.url]}
        write_private(copy, json.dumps(told).encode())
        return copy

    def cut(self, how: str) -> None:
        """Cut it, in one of the ways in `CUTS`, until it is healed."""
        assert how in CUTS
        self._call(lambda: self._cut(how))

    def heal(self) -> None:
        """Let everything pass again; connections that are half there break."""
        self._call(self._heal)

    def close(self) -> None:
        """Break all connections, and listen no more."""
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()
        if self._folder is not None:
            self._folder.cleanup()

    def _call(self, what: Callable[[], None]) -> None:
        async def do() -> None:
            what()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(10)

    def run(self) -> None:
        """Carry until it is closed."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        # asyncio's servers leave those open that come while they close.
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)
        await self._end.wait()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._closed = True
        for task in self._lines.values():
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.sleep(0)  # what was aborted is closed a step later

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it has gone already
            near, _ = self._listener.accept()
            task = self._loop.create_task(self._on_connection(near))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _cut(self, how: str) -> None:
        self._closed = how == "closed"
        self._silent = how in ("silent", "half")
        if self._silent or how == "stale":
            for line in self._lines:
                line.passing.clear()
        for line in list(self._lines)[: 1 if how == "one" else None]:
            if how in ("reset", "one", "closed"):
                line.near.transport.abort()
            if how in ("reset", "one", "closed", "half") and line.far is not None:
                line.far.transport.abort()

    def _heal(self) -> None:
        self._closed = self._silent = False
        for line in self._lines:
            line.passing.set()

    def _connect(self) -> Coroutine[Any, Any, Streams]:
        kind, _, where = self._target.partition("://")
        if kind == "ipc":
            return asyncio.open_unix_connection(where)
        host, _, port = where.rpartition(":")
        return asyncio.open_connection(host, int(port))

    async def _on_connection(self, near: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=near)
        if self._closed:
            writer.transport.abort()
            return
        line = Line(writer)
        task = asyncio.current_task()
        assert task is not None
        self._lines[line] = task
        if not self._silent:
            line.passing.set()
        try:
            await line.passing.wait()
            far_reader, line.far = await self._connect()
            await line.carry_until_one_ends(reader, far_reader)
        except (OSError, asyncio.CancelledError):
            pass  # the other side does not listen, or this one listens no more
        finally:
            del self._lines[line]
            line.close()


class Line:
    """One connection, from who made it to where it leads."""

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self.near = near
        self.far: asyncio.StreamWriter | None = None
        #: Anything passes.
        self.passing = asyncio.Event()

    async def carry_until_one_ends(
        self, near: asyncio.StreamReader, far: asyncio.StreamReader
    ) -> None:
        """Carry what either side says."""
        assert self.far is not None
        ways = [(near, self.far), (far, self.near)]
        tasks = [asyncio.ensure_future(self._carry(*way)) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self.passing.wait()
                writer.write(data)
                await writer.drain()
        # An end is told like everything else: not while nothing passes.
        await self.passing.wait()

    def close(self) -> None:
        """Break what is left of it."""
        for writer in (self.near, self.far):
            if writer is not None:
                writer.transport.abort()
