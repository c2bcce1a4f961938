"""What the tests on several hosts share with those of whole clusters."""

from __future__ import annotations

import pytest

from tests.integration.conftest import begun, gate
from tests.system.hosts import why_not
from tests.testbeds import need

__all__ = ["begun", "gate"]


@pytest.fixture(scope="session")
def _several_hosts() -> None:
    """Skip the test where there can be none, or see that there are some."""
    need("hosts", why_not())
