"""An ipc address is shut for a moment, and open again for who was there before."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from parallel.errors import LauncherError
from parallel.transport import sockets
from parallel.transport.door import Door
from tests.transport.listening import KEYS, listening, peers, until


def is_open(path: Path) -> bool:
    """Tell whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as stranger:
        return stranger.connect_ex(str(path)) == 0


@pytest.mark.parametrize("encrypted", [False, True])
def test_who_was_there_comes_back_when_it_opens(
    tmp_path: Path, encrypted: bool
) -> None:
    path = tmp_path / "socket"
    urls = [f"ipc://{path}", *["tcp://127.0.0.1:0"] * encrypted]

    async def run() -> None:
        async with listening(urls) as hub:
            door = Door(hub.socket, hub.urls)
            with peers() as connect:
                peer = connect(hub.info("client", hub.urls[0]))
                sockets.send(peer, [b"before"])
                await until(lambda: hub.heads)
                door.shut()
                door.shut()
                if encrypted:  # it could not be opened again as it was
                    assert is_open(path)
                else:
                    await until(lambda: not is_open(path))
                await until(lambda: is_open(path))
                sockets.send(peer, [b"after"])
                newcomer = connect(hub.info("client", hub.urls[0]))
                sockets.send(newcomer, [b"new"])
                await until(lambda: {b"after", b"new"} <= set(hub.heads))
                assert sockets.curve_role(hub.batches[-1][1]) is None
            door.close()

    asyncio.run(run())


def test_what_demands_keys_is_not_bound_without(tmp_path: Path) -> None:
    context = sockets.new_context(encrypted=True)
    try:
        urls = [f"ipc://{tmp_path}/socket", "tcp://127.0.0.1:0"]
        router, bound = sockets.bind_controller(context, urls, KEYS)
        with pytest.raises(LauncherError, match="keys are demanded by now"):
            sockets.bind_again(router, bound[0])
        router.close(0)
    finally:
        context.destroy(0)


def test_a_crowd_is_told_before_it_is_turned_away(tmp_path: Path) -> None:
    context = sockets.new_context(encrypted=False)
    try:
        url = f"ipc://{tmp_path}/socket"
        router, _ = sockets.bind_controller(context, [url], KEYS)
        crowds: list[bool] = []
        monitor = sockets.DisconnectMonitor(
            router, lambda: 8, lambda: crowds.append(monitor.was_full)
        )
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(f"{tmp_path}/socket")
            stranger.settimeout(10)
            while not monitor.was_full:
                monitor.lost()
            while stranger.recv(1000):
                pass
        assert crowds == [False]
        monitor.close()
        router.close(0)
    finally:
        context.destroy(0)
