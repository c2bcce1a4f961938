"""What a client has not read comes out of the spool as it went in, and in order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given

from parallel.controller.spool import Spool

batches = st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=4))


@pytest.fixture
def spool() -> Iterator[Spool]:
    made = Spool()
    yield made
    made.close()


def drain(spool: Spool) -> list[list[bytes]]:
    found = []
    while spool:
        found.append(spool.take())
    return found


@given(batches, batches)
def test_it_is_first_in_first_out(
    first: list[list[bytes]], second: list[list[bytes]]
) -> None:
    spool = Spool()
    for batch in first:
        spool.put(batch)
    taken = [spool.take() for _ in first[: len(first) // 2]]
    for batch in second:
        spool.put(batch)
    assert taken + drain(spool) == first + second
    assert not spool
    spool.close()


def test_what_was_taken_takes_no_room(spool: Spool) -> None:
    for i in range(5):
        spool.put([b"%d" % i, memoryview(bytes(1 << 20))])
    assert spool.nbytes > 5 << 20
    assert [batch[0] for batch in drain(spool)] == [b"%d" % i for i in range(5)]
    assert spool.nbytes == 0


def test_it_does_not_grow_while_as_much_is_taken_as_is_put(spool: Spool) -> None:
    for i in range(10):
        spool.put([b"%d" % i])
    first = spool.nbytes
    for i in range(10, 1000):
        spool.put([b"%d" % i])
        assert spool.take() == [b"%d" % (i - 10)]
        assert spool.nbytes < 3 * first


def test_there_is_nothing_in_an_empty_one(spool: Spool) -> None:
    assert not spool
    with pytest.raises(IndexError):
        spool.take()


def test_a_full_disk_loses_nothing(
    spool: Spool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.put([b"first"])
    room = [3]

    def pwrite(descriptor: int, data: memoryview, at: int) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = write(descriptor, data[: room[0]], at)
        room[0] -= written
        return written

    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite)
        spool.put([b"second"])
    spool.put([b"third", b"and more"])
    assert "stays in memory: [Errno 28] No space left on device" in caplog.text
    assert spool.in_memory == len(b"second" + b"third" + b"and more")
    assert drain(spool) == [[b"first"], [b"second"], [b"third", b"and more"]]
    spool.put([b"fourth"])
    assert drain(spool) == [[b"fourth"]]


def test_where_no_file_can_be_made_it_is_memory(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    spool.put([b"first"])
    assert drain(spool) == [[b"first"]]
