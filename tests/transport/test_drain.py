"""A drain reads whatever comes, though its descriptor tells of it only once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from parallel.transport import drain, sockets
from parallel.transport.watcher import wait_readable
from tests.transport.listening import Hub, listening, peers, until

MANY = 2000


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/socket"


def test_all_that_several_peers_send_is_read(url: str) -> None:
    async def run() -> None:
        async with listening([url]) as hub:
            with peers() as connect:
                lines = [connect(hub.info("client", url)) for _ in range(4)]
                for i in range(MANY):
                    for line in lines:
                        sockets.send(line, [b"%d" % i, b"frame"])
                await until(lambda: len(hub.heads) == 4 * MANY)
        for routing_id in {batch[0] for batch in hub.batches}:
            own = [batch for batch in hub.batches if batch[0] == routing_id]
            assert [batch[1].bytes for batch in own] == [b"%d" % i for i in range(MANY)]
            assert all(len(batch[2]) == 1 for batch in own)

    asyncio.run(run())


class Echo(Hub):
    """Answers each batch at the end of the turn, and sends between turns too."""

    def __init__(self, *args: object) -> None:
        self.answers: list[list[bytes]] = []
        self.sent_between = 0
        super().__init__(*args)  # type: ignore[arg-type]

    def on_batch(self, routing_id: bytes, head: object, frames: list[object]) -> None:
        super().on_batch(routing_id, head, frames)  # type: ignore[arg-type]
        self.answers.append([routing_id, self.heads[-1]])

    def on_turn_end(self) -> None:
        for answer in self.answers:
            assert sockets.send(self.socket, answer)
        self.answers.clear()

    async def send_between(self, times: int) -> None:
        """Send outside of turns, which uses up the descriptor's edge."""
        while self.sent_between < times:
            await asyncio.sleep(0)
            if self.batches:
                sockets.send(self.socket, [self.batches[0][0], b"between"])
                self.sent_between += 1
                self.drain.look()


@pytest.mark.slow
def test_what_is_sent_between_turns_hides_nothing(url: str) -> None:
    async def run() -> None:
        async with listening([url], Echo) as hub:
            assert isinstance(hub, Echo)
            with peers() as connect:
                line = connect(hub.info("client", url))
                between = asyncio.create_task(hub.send_between(500))
                heard: list[bytes] = []
                for i in range(500):  # one at a time: each is an edge of its own
                    sockets.send(line, [b"%d" % i])
                    await until(lambda: last_answer(line, heard) == b"%d" % i)  # noqa: B023
                await between
                assert heard == [b"%d" % i for i in range(500)]

    asyncio.run(run())


def last_answer(line: sockets.Socket, heard: list[bytes]) -> bytes:
    """Read what a peer was sent, and return the last answer among it so far."""
    while (batch := sockets.receive(line)) is not None:
        if (told := bytes(batch[0])) != b"between":
            heard.append(told)
    return heard[-1] if heard else b""


def test_a_turn_ends_in_time_for_others(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "TURN", 0.0)

    async def run() -> None:
        async with listening([url]) as hub:
            with peers() as connect:
                line = connect(hub.info("client", url))
                sockets.send(line, [b"first"])
                await until(lambda: hub.heads)
                for _ in range(50):
                    sockets.send(line, [b"next"])
                seen = set()
                while len(hub.heads) < 51:
                    seen.add(len(hub.heads))
                    await asyncio.sleep(0)
                assert len(seen) > 40

    asyncio.run(run())


def test_all_can_be_read_at_once(url: str) -> None:
    async def run() -> None:
        async with listening([url]) as hub:
            with peers() as connect:
                line = connect(hub.info("client", url))
                sockets.send(line, [b"first"])
                await until(lambda: hub.heads)
                for i in range(100):
                    sockets.send(line, [b"%d" % i])
                wait_readable([hub.socket], (), 10)
                end = time.monotonic() + 10
                while len(hub.heads) < 101 and time.monotonic() < end:
                    hub.drain.empty()
                assert len(hub.heads) == 101
            hub.drain.close()
            hub.socket.close(0)
            hub.drain.empty()

    asyncio.run(run())


class Choosy(Hub):
    def on_batch(self, routing_id: bytes, head: object, frames: list[object]) -> None:
        super().on_batch(routing_id, head, frames)  # type: ignore[arg-type]
        if len(self.heads) % 2:
            raise ValueError(self.heads[-1])


def test_a_batch_that_raises_leaves_the_next_ones_alone(url: str) -> None:
    async def run() -> None:
        turns = 0

        def count() -> None:
            nonlocal turns
            turns += 1

        caught: list[str] = []
        async with listening([url], Choosy) as hub:
            hub.drain._on_turn_end = count
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(
                lambda _, what: caught.append(str(what["exception"]))
            )
            with peers() as connect:
                line = connect(hub.info("client", url))
                for i in range(100):
                    sockets.send(line, [b"%d" % i])
                await until(lambda: len(hub.heads) == 100)
        assert len(caught) == 50
        assert turns >= 50

    asyncio.run(run())


def test_it_can_be_closed_while_a_turn_is_due(url: str) -> None:
    async def run() -> None:
        async with listening([url]) as hub:
            await until(lambda: not hub.drain._due)
            hub.drain.look()
            hub.drain.close()
            hub.socket.close(0)

    asyncio.run(run())


class Closing(Hub):
    def on_batch(self, routing_id: bytes, head: object, frames: list[object]) -> None:
        super().on_batch(routing_id, head, frames)  # type: ignore[arg-type]
        self.drain.close()
        self.socket.close(0)

    def on_turn_end(self) -> None:
        assert not self.socket.closed


def test_a_batch_can_close_it(url: str) -> None:
    async def run() -> None:
        async with listening([url], Closing) as hub:
            with peers() as connect:
                line = connect(hub.info("client", url))
                for _ in range(10):
                    sockets.send(line, [b"last"])
                await until(lambda: hub.heads)
        assert hub.heads == [b"last"]

    asyncio.run(run())
