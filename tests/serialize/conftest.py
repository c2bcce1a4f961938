"""A session and an engine, for the tests of what travels between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serialize.processes import Process, open_process


@pytest.fixture(scope="module")
def processes() -> Iterator[tuple[Process, Process]]:
    with open_process() as session, open_process() as engine:
        yield session, engine


@pytest.fixture
def session(processes: tuple[Process, Process]) -> Process:
    processes[0].begin()
    return processes[0]


@pytest.fixture
def engine(processes: tuple[Process, Process]) -> Process:
    processes[1].begin()
    return processes[1]
