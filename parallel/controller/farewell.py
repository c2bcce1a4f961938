"""The last word to those who come back to a controller that will not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from ..errors import LauncherError
from ..protocol.messages import Goodbye
from ..protocol.wire import NO_SESSION, encode
from ..transport import sockets
from ..transport.endpoints import bind_controller, new_context
from ..transport.keys import Gate, Keys

__all__ = ["say_farewell"]

#: Who was cut off a moment ago has tried again within this, seconds: see
#: `endpoints.RECONNECT_MOST_MS`.
LASTS = 3.0
#: It is looked for who has come so often, seconds.
LOOK = 0.02


def say_farewell(keys: Keys, urls: Sequence[str], why: str) -> None:
    """Listen where a controller did, and tell all who greet why there is none.

    It reads nothing of what they say, and has nothing to do with tasks or the record:
    one of these may be what ended the controller.
    """
    asyncio.run(_say_farewell(keys, urls, why))


async def _say_farewell(keys: Keys, urls: Sequence[str], why: str) -> None:
    loop = asyncio.get_running_loop()
    encrypted = any(url.startswith("tcp:") for url in urls)
    context = new_context(encrypted=encrypted)
    gate = Gate(context, keys)
    word = encode(NO_SESSION, [Goodbye(why)])
    end = loop.time() + LASTS
    try:
        router = await _listen(partial(bind_controller, context, urls, keys), end)
        gate.watch(loop)
        while loop.time() < end:
            while (batch := sockets.receive_routed(router)) is not None:
                sockets.send(router, [batch[0], word])
            await asyncio.sleep(LOOK)
    finally:
        gate.stop()
        context.destroy(linger=50)


async def _listen(
    bind: Callable[[], tuple[sockets.Socket, list[str]]], end: float
) -> sockets.Socket:
    """Return a socket that listens; a peer may have the port for an instant."""
    while True:
        try:
            return bind()[0]
        except LauncherError:
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(LOOK)
