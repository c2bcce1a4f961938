"""A rank on its way into its world, with this process in its place."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.cluster import joining
from parallel.cluster.joining import Joining
from parallel.cluster.launchers.mpiexec import told_slow
from parallel.engine.page import Page, open_page


@pytest.fixture
def page() -> Iterator[Page]:
    descriptor = open_page()
    made = Page(descriptor)
    yield made
    made.close()
    os.close(descriptor)


@pytest.fixture
def rank(page: Page, monkeypatch: pytest.MonkeyPatch) -> Joining:
    """Return one that is late at once."""
    monkeypatch.setattr(joining, "LONG", 0.0)
    monkeypatch.setenv("PMI_RANK", "3")
    return Joining(os.getpid(), page)


def test_a_rank_that_is_late_is_told_until_it_registers(
    rank: Joining,
    page: Page,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with caplog.at_level(logging.WARNING, "parallel.engine"):
        rank.look()
        assert f"rank 3 (pid {os.getpid()} on " in told_slow(caplog.messages)
        assert told_slow(caplog.messages).endswith("s: it has not begun MPI_Init")
        monkeypatch.setattr(joining, "LONG", -1.0)  # it was late
        page.note_place(3, 4)
        rank.look()
        assert "has registered, after " in caplog.messages[-1]
        assert told_slow(caplog.messages) == ""


def test_a_rank_that_dies_on_its_way_leaves_nothing(rank: Joining, page: Page) -> None:
    segment = Path(f"/dev/shm/mpich_shm_join{os.getpid()}_0")
    segment.touch()
    rank._segments = {str(segment)}
    rank.sweep()
    assert not segment.exists()


def test_who_keeps_the_others_waiting_is_told_first() -> None:
    late = "WARNING rank {} (pid 1{} on n) has not registered for {} s: {}"
    waits = joining.IN_INIT
    lines = [
        late.format(0, 0, 15, waits),
        late.format(1, 1, 15, "it has not begun MPI_Init"),
        late.format(0, 0, 30, waits),
        late.format(2, 2, 15, waits),
        "rank 2 (pid 12 on n) has registered, after 20 s",
    ]
    assert told_slow(lines) == (
        "rank 1 (pid 11 on n) has not registered for 15 s: it has not begun MPI_Init; "
        "and so 1 more"
    )
