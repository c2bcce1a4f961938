"""What the tests on several hosts share with those of whole clusters."""

from __future__ import annotations

from tests.integration.conftest import begun, gate

__all__ = ["begun", "gate"]
