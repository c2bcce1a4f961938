"""A log of ours never fills a disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.cluster.ends import last_lines
from parallel.transport import logs


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a log to which what is logged here goes, and that is soon too long."""
    monkeypatch.setattr(logs, "MOST_NBYTES", 10_000)
    monkeypatch.setattr(logs, "KEPT_NBYTES", 1_000)
    path = tmp_path / "some.log"
    descriptor = logs.open_log_file(path)
    ours = logging.getLogger("parallel")
    before = ours.handlers, ours.level, ours.propagate
    logs.open_log()
    with os.fdopen(descriptor, "a") as stream:
        logs.keep_log(stream)
        yield path
    ours.handlers, level, ours.propagate = before
    ours.setLevel(level)


def test_a_log_stays_short_and_its_last_lines_stay(log: Path) -> None:
    for number in range(1000):
        logging.getLogger("parallel.test").warning("this is line %d", number)
        assert log.stat().st_size < 11_000
    first, *rest = log.read_text().splitlines()
    assert first.startswith("… ")
    assert first.endswith(" bytes of this log were dropped here")
    told = [int(line.rpartition(" ")[2]) for line in rest]
    assert told == list(range(told[0], 1000))
    assert len(told) > 10


def test_a_long_log_is_cut_when_it_is_opened(log: Path) -> None:
    log.write_bytes(b"a line\n" * 10_000)
    os.close(logs.open_log_file(log))
    assert 900 < log.stat().st_size < 1_100
    assert set(log.read_text().splitlines()[1:]) == {"a line"}


def test_the_last_lines_of_a_log_that_was_cut_are_told(log: Path) -> None:
    log.write_text("what is left\n")
    assert "what is left" in last_lines(log, begin=9_000)


def test_what_is_no_file_is_left_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[int] = []
    monkeypatch.setattr(os, "fchmod", lambda descriptor, _: changed.append(descriptor))
    os.close(logs.open_log_file(os.devnull))
    assert not changed
