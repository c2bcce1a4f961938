"""One socket for all peers, through which no stranger gets a byte."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket as plain_sockets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from parallel.errors import LauncherError, TransportError
from parallel.protocol.connection import ConnectionInfo, Curve
from parallel.transport import sockets
from parallel.transport.credentials import curve_role, peer_descriptor
from parallel.transport.endpoints import bind_controller, connect_peer, new_context
from parallel.transport.keys import new_keys
from parallel.transport.monitors import DisconnectMonitor
from parallel.transport.watcher import wait_readable
from tests.transport.listening import KEYS, Hub, listening, peers, until
from tests.waiting import wait_until

TCP = "tcp://127.0.0.1:0"


@pytest.fixture
def ipc(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/socket"


def on_loop(test: Callable[[], object]) -> None:
    """Run a coroutine function to its end."""
    asyncio.run(test())  # type: ignore[arg-type]


# Who is let in


@pytest.mark.parametrize("role", ["client", "engine"])
def test_a_known_key_tells_its_role(role: str) -> None:
    async def run() -> None:
        async with listening([TCP]) as hub:
            with peers() as connect:
                line = connect(hub.info(role, hub.urls[0]))
                sockets.send(line, [b"hello"])
                await until(lambda: hub.heads)
            assert curve_role(hub.batches[0][1]) == role

    on_loop(run)


@pytest.mark.parametrize("tcp_first", [False, True])
def test_ipc_and_tcp_on_one_socket(ipc: str, tcp_first: bool) -> None:
    urls = [TCP, ipc] if tcp_first else [ipc, TCP]

    async def run() -> None:
        async with listening(urls) as hub:
            assert hub.urls[0] == ipc
            assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", hub.urls[1])
            with peers() as connect:
                lines = [connect(hub.info("client", url)) for url in hub.urls]
                for line in lines:
                    sockets.send(line, [b"hello"])
                await until(lambda: len(hub.heads) == 2)
                roles = {curve_role(head) for _, head, _ in hub.batches}
                assert roles == {None, "client"}
                for routing_id, _, _ in hub.batches:
                    assert sockets.send(hub.socket, [routing_id, b"welcome"])
                for line in lines:
                    await until(lambda: sockets.has_input(line))  # noqa: B023
                    head, buffers = sockets.receive(line) or (b"", [])
                    assert (bytes(head), buffers) == (b"welcome", [])

    on_loop(run)


def knock(context: zmq.Context[sockets.Socket], url: str) -> sockets.Socket:
    """Return a socket without keys."""
    return context.socket(zmq.DEALER)


def knock_with(curve: Curve) -> Callable[..., sockets.Socket]:
    """Return what makes a socket with some keys."""

    def make(context: zmq.Context[sockets.Socket], url: str) -> sockets.Socket:
        stranger = context.socket(zmq.DEALER)
        stranger.set(zmq.CURVE_SERVERKEY, curve.server.encode())
        stranger.set(zmq.CURVE_PUBLICKEY, curve.public.encode())
        stranger.set(zmq.CURVE_SECRETKEY, curve.secret.encode())
        return stranger

    return make


def knock_with_a_password(
    context: zmq.Context[sockets.Socket], url: str
) -> sockets.Socket:
    stranger = context.socket(zmq.DEALER)
    stranger.set(zmq.PLAIN_USERNAME, b"client")
    stranger.set(zmq.PLAIN_PASSWORD, b"secret")
    return stranger


OTHER = new_keys()
OWN = KEYS.pairs["client"]
STRANGERS = {
    "without a key": knock,
    "with a password": knock_with_a_password,
    "with an unknown key": knock_with(
        Curve(
            KEYS.server.public,
            OTHER.pairs["client"].public,
            OTHER.pairs["client"].secret,
        )
    ),
    "with the server's own key": knock_with(
        Curve(KEYS.server.public, KEYS.server.public, KEYS.server.secret)
    ),
    "with another server's key": knock_with(
        Curve(OTHER.server.public, OWN.public, OWN.secret)
    ),
    "with another cluster's keys": knock_with(
        Curve(
            OTHER.server.public,
            OTHER.pairs["engine"].public,
            OTHER.pairs["engine"].secret,
        )
    ),
    "with a public key alone": knock_with(
        Curve(KEYS.server.public, OWN.public, OTHER.pairs["client"].secret)
    ),
}

#: What a peer's monitor tells once it was turned away.
TURNED_AWAY = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)


@pytest.mark.parametrize("how", STRANGERS)
def test_a_stranger_gets_no_byte_through(how: str) -> None:
    async def run() -> None:
        async with listening([TCP]) as hub:
            context: zmq.Context[sockets.Socket] = zmq.Context()
            stranger = STRANGERS[how](context, hub.urls[0])
            monitor = stranger.get_monitor_socket(TURNED_AWAY)
            try:
                stranger.connect(hub.urls[0])
                for _ in range(10):
                    stranger.send_multipart([b"evil", b"evil"], zmq.NOBLOCK)
                await until(lambda: sockets.has_input(monitor))
                event = parse_monitor_message(monitor.recv_multipart())["event"]
                assert event & TURNED_AWAY
                await a_friend_gets_through(hub)
                assert not sockets.has_input(stranger)
            finally:
                stranger.disable_monitor()
                monitor.close(0)
                context.destroy(0)

    on_loop(run)


async def a_friend_gets_through(hub: Hub) -> None:
    """Send a message as a known peer, and see that nothing else came."""
    with peers() as connect:
        sockets.send(connect(hub.info("client", hub.urls[0])), [b"good"])
        await until(lambda: b"good" in hub.heads)
    assert hub.heads == [b"good"]


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x01" + b"NULL" + bytes(48),
        b"\xff" * 100_000,
        bytes(100_000),
        # ZMTP 1.0, which knows no security: a greeting and a message
        b"\x01\x00" + b"\x05\x00evil",
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01\x05\x00\x00\x00\x04evil",
    ],
    ids=["HTTP", "ZMTP 3 without security", "ones", "zeros", "ZMTP 1", "ZMTP 2"],
)
def test_a_program_that_speaks_otherwise_gets_no_byte_through(said: bytes) -> None:
    async def run() -> None:
        async with listening([TCP]) as hub:
            host, port = hub.urls[0].removeprefix("tcp://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            with contextlib.suppress(OSError):  # it may have hung up already
                writer.write(said)
                writer.write_eof()
                await asyncio.wait_for(reader.read(), 10)
            writer.close()
            await a_friend_gets_through(hub)

    on_loop(run)


# Where it listens


def bind(*urls: str) -> list[str]:
    """Bind and close; return the addresses."""
    context = new_context(encrypted=True)
    try:
        router, bound = bind_controller(context, urls, KEYS)
        router.close(0)
    finally:
        context.destroy(0)
    return bound


def test_a_port_in_use_is_told_with_its_address() -> None:
    with plain_sockets.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(LauncherError) as caught:
            bind(url)
    assert str(caught.value) == (
        f"the controller cannot listen on {url}: Address already in use. Is the port "
        "in use (--port=0 takes a free one), or the address not of this host?"
    )


@pytest.mark.parametrize(
    "url",
    [
        "tcp://192.0.2.1:5555",  # an address of nobody: RFC 5737
        "tcp://nonsense",
        "tcp://127.0.0.1:port",
        "ipc:///no/such/folder/socket",
        f"ipc:///tmp/{'long' * 30}",
    ],
)
def test_an_address_that_does_not_serve_is_named(url: str) -> None:
    with pytest.raises(LauncherError, match=re.escape(url)):
        bind(url)


def test_a_free_port_is_taken() -> None:
    (first,) = bind(TCP)
    assert not first.endswith(":0")


# How a peer connects


@pytest.mark.parametrize("field", ["server", "public", "secret"])
def test_a_key_that_is_none_is_told(field: str) -> None:
    info = KEYS.info("client", "", ["tcp://127.0.0.1:5555"], encrypted=True)
    assert info.curve is not None
    curve = msgspec.structs.replace(info.curve, **{field: "too short"})
    with (
        peers() as connect,
        pytest.raises(TransportError, match=r"^cannot use the keys for tcp://127"),
    ):
        connect(msgspec.structs.replace(info, curve=curve))


@pytest.mark.parametrize("url", ["nonsense", "tcp://127.0.0.1:port", "smoke://signals"])
def test_an_address_that_cannot_be_understood_is_named(url: str) -> None:
    info = KEYS.info("client", "", [url], encrypted=False)
    with (
        peers() as connect,
        pytest.raises(TransportError, match=f"^cannot connect to {url}"),
    ):
        connect(info)


# What is sent and received


class Pair:
    """A controller's socket and a peer's, which need no loop on ipc."""

    def __init__(self, context: zmq.Context[sockets.Socket], url: str) -> None:
        self.router, _ = bind_controller(context, [url], KEYS)
        self.info: ConnectionInfo = KEYS.info("client", "", [url], encrypted=False)
        self.dealer = connect_peer(context, self.info)

    def hear(self) -> tuple[bytes, zmq.Frame, list[zmq.Frame]]:
        """Return the next batch at the controller's."""
        batch = wait_until(lambda: sockets.receive_routed(self.router))
        assert batch is not None
        return batch


@pytest.fixture
def pair(ipc: str) -> Iterator[Pair]:
    context = new_context(encrypted=False)
    yield Pair(context, ipc)
    context.destroy(0)


def test_nothing_to_receive(pair: Pair) -> None:
    assert sockets.receive(pair.dealer) is None
    assert sockets.receive_routed(pair.router) is None
    assert not sockets.has_input(pair.dealer)


def test_a_batch_has_a_head_and_buffers(pair: Pair) -> None:
    large = bytes(1 << 20)
    assert sockets.send(pair.dealer, [b"head", memoryview(b"view"), large])
    routing_id, head, frames = pair.hear()
    assert head.bytes == b"head"
    assert [bytes(each) for each in sockets.as_buffers(frames)] == [b"view", large]
    assert sockets.send(pair.router, [routing_id, b"answer", *frames])
    answer = sockets.receive(pair.dealer, wait=True)
    assert answer is not None
    assert bytes(answer[0]) == b"answer"
    assert [bytes(each) for each in sockets.as_buffers(answer[1])] == [b"view", large]


def test_buffers_that_are_no_frames_stay_as_they_are() -> None:
    assert sockets.as_buffers([b"bytes"]) == [b"bytes"]


def test_nobody_there_to_take_a_batch(pair: Pair) -> None:
    assert not sockets.send(pair.router, [b"nobody", b"head", b"frame"])
    sockets.send(pair.dealer, [b"next"])
    routing_id, head, _ = pair.hear()
    assert head.bytes == b"next"
    assert sockets.send(pair.router, [routing_id, b"answer"])
    answer = sockets.receive(pair.dealer, wait=True)
    assert answer is not None
    assert bytes(answer[0]) == b"answer"


def test_a_closed_socket_sends_nothing(pair: Pair) -> None:
    pair.dealer.close(0)
    with pytest.raises(zmq.ZMQError):
        sockets.send(pair.dealer, [b"head"])


def test_who_has_left_is_told_by_descriptor(pair: Pair) -> None:
    monitor = DisconnectMonitor(pair.router)
    sockets.send(pair.dealer, [b"head"])
    came_by = peer_descriptor(pair.hear()[1])
    assert came_by > 0
    assert monitor.lost() == []
    pair.dealer.close(0)
    wait_readable((), [monitor.descriptor], 10)
    assert wait_until(monitor.lost) == [came_by]
    monitor.close()


def test_a_frame_of_ones_own_came_by_no_descriptor() -> None:
    assert peer_descriptor(zmq.Frame(b"own")) in (-1, 0)
    assert curve_role(zmq.Frame(b"own")) is None


def test_waiting_ends_with_input_or_the_time(pair: Pair) -> None:
    began = time.monotonic()
    wait_readable([pair.router], (), 0.0)
    wait_readable([pair.router], (), -1.0)
    wait_readable([pair.router], (), 0.01)
    assert time.monotonic() - began < 5
    sockets.send(pair.dealer, [b"head"])
    wait_readable([pair.router], (), None)
    assert sockets.has_input(pair.router)
