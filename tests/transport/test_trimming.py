"""What was freed is given back to the system."""

from __future__ import annotations

import threading

import pytest

from parallel.transport import trimming as module
from parallel.transport.trimming import resident, trimming
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not resident(), reason="only Linux tells")


def fragments(count: int, nbytes: int) -> list[bytes]:
    """Return blocks between which others were freed: none of it is at an end."""
    blocks = [bytes([n % 256]) * nbytes for n in range(2 * count)]
    return blocks[::2]


def test_what_is_free_between_blocks_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SMALL", 0)
    kept = fragments(600, 100_000)
    before = resident()
    with trimming(0.01):
        wait_until(lambda: resident() < before - (40 << 20), what="memory given back")
    assert len(kept) == 600


def test_who_holds_little_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    calls: list[int] = []

    def tell() -> int:
        asked.set()
        return 0

    monkeypatch.setattr(module, "resident", tell)
    monkeypatch.setattr(module, "_find", lambda: calls.append)
    with trimming(0.001):
        assert asked.wait(30)
    assert not calls


def test_where_the_library_cannot_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_find", lambda: None)
    with trimming(0.001):
        pass
