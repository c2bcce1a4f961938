"""A stretch of network that can be cut: it carries TCP connections, or does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["CUTS", "Relay"]

#: How it can be cut:
#: - `reset`: all connections break, and are made again at once;
#: - `silent`: nothing passes, and nobody is told; what was under way comes later;
#: - `closed`: all connections break, and none can be made;
#: - `half`: those who connected are not told that their connections broke.
CUTS = ("reset", "silent", "closed", "half")
CHUNK = 1 << 16


class Relay(threading.Thread):
    """Listens on a port of its own, and carries what comes to another.

    Parameters
    ----------
    target
        The host and the port to carry to.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(name="relay", daemon=True)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        #: Where it listens.
        self.address: tuple[str, int] = self._listener.getsockname()
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._passing.set()
        self._closed = False
        self._near: set[asyncio.StreamWriter] = set()
        self._far: set[asyncio.StreamWriter] = set()
        self.start()

    @property
    def url(self) -> str:
        """Its address, as connection files have it."""
        return f"tcp://{self.address[0]}:{self.address[1]}"

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
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._on_connection, sock=self._listener)
        await self._end.wait()
        server.close()
        self._passing.set()
        self._break(self._near | self._far)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _cut(self, how: str) -> None:
        self._closed = how == "closed"
        if how != "reset":
            self._passing.clear()
        if how in ("reset", "closed"):
            self._break(self._near | self._far)
        elif how == "half":
            self._break(self._far)

    def _heal(self) -> None:
        self._closed = False
        self._passing.set()

    @staticmethod
    def _break(writers: set[asyncio.StreamWriter]) -> None:
        for writer in writers:
            writer.transport.abort()

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._closed:
            writer.transport.abort()
            return
        self._near.add(writer)
        far = None
        try:
            await self._passing.wait()
            far_reader, far = await asyncio.open_connection(*self._target)
            self._far.add(far)
            await self._until_one_ends(
                self._carry(reader, far), self._carry(far_reader, writer)
            )
        except (OSError, asyncio.CancelledError):
            pass  # the other side does not listen, or this one listens no more
        finally:
            self._near.discard(writer)
            writer.transport.abort()
            if far is not None:
                self._far.discard(far)
                far.transport.abort()

    @staticmethod
    async def _until_one_ends(*ways: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader: Any, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        # An end is told like everything else: not while nothing passes.
        await self._passing.wait()
