"""Of several addresses the one is taken at which this very controller answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import msgspec
import pytest

from parallel.errors import ControllerUnreachable
from parallel.protocol.connection import ConnectionInfo
from parallel.transport import probing
from parallel.transport.keys import new_keys
from parallel.transport.probing import reach, say_loopback
from tests.transport.listening import KEYS, listening


@pytest.fixture
def nobody() -> Iterator[str]:
    """Return an address that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def told(*urls: str, location: str = "") -> ConnectionInfo:
    info = KEYS.info("client", "mine", list(urls), encrypted=True)
    if not location:
        return info
    return msgspec.structs.replace(info, host=location, location=location)


def test_the_one_that_answers_is_taken(nobody: str) -> None:
    async def main() -> None:
        async with listening(["tcp://127.0.0.1:0"]) as hub:
            info = told("tcp://127.0.0.1:1", nobody, hub.urls[0])
            assert (await asyncio.to_thread(reach, info, 30)).urls == hub.urls

    asyncio.run(main())


def test_the_first_of_those_that_answer_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probing, "HEAD_START", 30)

    async def main() -> None:
        async with listening(["tcp://127.0.0.1:0", "tcp://127.0.0.1:0"]) as hub:
            info = told(*hub.urls)
            assert (await asyncio.to_thread(reach, info, 30)).urls == hub.urls[:1]

    asyncio.run(main())


def test_another_controller_is_not_taken_for_ours(nobody: str) -> None:
    async def main() -> None:
        async with listening(["tcp://127.0.0.1:0"]) as hub:
            others = new_keys().info("client", "", [nobody, *hub.urls], encrypted=True)
            with pytest.raises(ControllerUnreachable) as caught:
                await asyncio.to_thread(reach, others, 1.0)
            assert f"{hub.urls[0]}: somebody is there, and does not know our keys" in (
                str(caught.value)
            )

    asyncio.run(main())


def test_what_came_of_each_address_is_told() -> None:
    with pytest.raises(ControllerUnreachable) as caught:
        reach(told("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"), 0.5)
    text = str(caught.value)
    assert "cluster 'mine'" in text
    assert "within 0.5 s" in text
    assert "tcp://127.0.0.1:1: nobody answers; tcp://127.0.0.1:2: nobody" in text


def test_a_single_address_is_not_asked() -> None:
    info = told("tcp://127.0.0.1:1")
    assert reach(info, 0) == info


def test_the_loopback_of_another_host_is_not_looked_for_here() -> None:
    info = told("tcp://192.0.2.7:1", "tcp://127.0.0.1:1", location="elsewhere")
    assert reach(info, 0).urls == ["tcp://192.0.2.7:1"]


def test_a_controller_that_only_its_host_reaches_is_told_of() -> None:
    far = told("tcp://127.0.0.1:1", "ipc:///x", location="elsewhere")
    assert "elsewhere and listens to that host only" in say_loopback(far)
    assert "--ip='*'" in say_loopback(far)
    assert not say_loopback(told("tcp://127.0.0.1:1"))
    assert not say_loopback(
        told("tcp://192.0.2.7:1", "tcp://127.0.0.1:1", location="elsewhere")
    )
