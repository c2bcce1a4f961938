"""What the tests of what a client does by itself share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.fakes.connection import FakeConnection
from tests.waiting import wait_until


@pytest.fixture
def connection() -> FakeConnection:
    """Return a connection to two engines whose part the test plays."""
    return FakeConnection()


@pytest.fixture
def threads_end() -> Iterator[None]:
    """See that the threads which a test starts have ended when it has."""
    before = set(threading.enumerate())
    yield
    wait_until(lambda: set(threading.enumerate()) <= before, what="end of threads")
