"""Waking a coroutine from the thread that reads a connection."""

from __future__ import annotations

import contextlib

__all__ = ["Bell"]


class Bell:
    """Rung by any thread, heard in the event loop where it was made."""

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self, *_: object) -> None:
        """Wake who listens; whatever is given is left alone, so this is a callback."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(self._rung.set)

    async def heard(self) -> None:
        """Wait until it is rung, if it was not since this was asked last."""
        await self._rung.wait()
        self._rung.clear()
